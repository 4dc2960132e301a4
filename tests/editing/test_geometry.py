"""Turned squares: where their corners are, what lies inside, what they need of a layer, and how they are written."""

from __future__ import annotations

import math

import pytest

from backend.editing.geometry import Point, Rect, Square, square_around, turned_angle
from backend.engine import Crop


@pytest.mark.parametrize("angle", [0.0, 12.5, -70.0, 180.0])
def test_turned_squares_are_the_engines_crops(angle: float) -> None:
    square, crop = Square(30, -20, 100, angle), Crop(30, -20, 100, angle)
    assert square.numbers == crop.numbers()
    for corner, place in zip(square.corners, [(0, 0), (1, 0), (1, 1), (0, 1)], strict=True):
        assert math.dist(corner, crop.to_image(place, 1)) < 1e-9
    cover = crop.cover()
    assert square.rect == Rect(cover.x, cover.y, cover.size, cover.size)


@pytest.mark.parametrize("angle", [0.0, 12.5])
@pytest.mark.parametrize("aspect", [0.5, 2.0])
def test_crops_of_models_that_are_not_square_are_the_engines_too(angle: float, aspect: float) -> None:
    square, crop = Square(30, -20, 100, angle, aspect), Crop(30, -20, 100, angle, aspect)
    height, width = crop.shape(64)
    places = [(0, 0), (width, 0), (width, height), (0, height)]
    for corner, place in zip(square.corners, places, strict=True):
        assert math.dist(corner, crop.to_image(place, 64)) < 1e-9
    x0, y0, x1, y1 = crop.window((-1000, -1000, 1000, 1000))
    assert square.rect == Rect(x0, y0, x1 - x0, y1 - y0)
    assert square.contains(Point(*crop.to_image([1, 1], 64)))
    assert not square.contains(Point(*crop.to_image([-1, 1], 64)))
    assert square.contains(square.clamped(Point(500, 500)))
    around = square_around(Rect(10, 10, 30, 40), aspect=aspect)
    assert around.size == (60 if aspect == 0.5 else 80)


def test_clockwise_is_as_seen_on_the_picture() -> None:
    square = Square(0, 0, 100, 30.0)
    top = square.turned(Point(50, 0))
    assert top.x == pytest.approx(75.0)  # the upper edge leans to the right
    assert top.y == pytest.approx(50 - 50 * math.cos(math.radians(30)))
    assert math.dist(square.upright(top), (50, 0)) < 1e-9


def test_inside_and_outside_follow_the_turn() -> None:
    square = Square(100, 50, 100, 45.0)
    assert square.contains(Point(150, 35))
    assert not square.contains(Point(105, 55))
    inside = Point(150, 35)
    assert square.clamped(inside) == inside
    clamped = square.clamped(Point(0, 100))
    assert square.contains(clamped)
    assert math.dist(clamped, square.turned(Point(100.5, 149.5))) < 1e-9


@pytest.mark.parametrize(
    ("angle", "same"), [(0, 0), (180, 180), (-180, 180), (190, -170), (725, 5), (-0.0, 0), (-540, 180)]
)
def test_angles_have_one_name_each(angle: float, same: float) -> None:
    assert turned_angle(angle) == same
    assert math.copysign(1, turned_angle(angle)) == math.copysign(1, same)


def test_numbers_come_back() -> None:
    for square in (Square(1, 2, 30), Square(-4, 5, 60, -12.25)):
        assert Square.of(square.numbers) == square
    assert Square.of([1, 2, 30, 0]) == Square(1, 2, 30)
    for numbers in ([1, 2], [1, 2, 3, 4, 5], [1, 2, 30, math.nan], ["x", 2, 3]):
        with pytest.raises((TypeError, ValueError)):
            Square.of(numbers)  # type: ignore[arg-type]
