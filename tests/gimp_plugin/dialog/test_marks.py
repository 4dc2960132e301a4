"""What is drawn over the picture, without GIMP and Gtk: laid over one colour, and looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from PIL import Image

from gimp_plugin.pullface.backend.editing.affine import Affine
from gimp_plugin.pullface.backend.editing.areas import Capsule
from gimp_plugin.pullface.backend.editing.framing import Spot
from gimp_plugin.pullface.backend.editing.geometry import Point, Square
from gimp_plugin.pullface.backend.editing.pairs import Pair
from gimp_plugin.pullface.dialog.glyphs import label
from gimp_plugin.pullface.dialog.marks import HANDLE, OUTSIDE, TARGET, Scene, marks
from gimp_plugin.pullface.dialog.strokes import Sprite, disc, line, shade, triangle
from gimp_plugin.pullface.dialog.turning import pixels_of, turned

SIZE = (300, 200)
WHITE = (255, 255, 255, 255)
BLACK = (0, 0, 0, 255)


def laid(sprites: Iterable[Sprite], colour: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """Sprites over one colour: RGB float [height, width, 3]."""
    width, height = SIZE
    picture = np.empty((height, width, 3))
    picture[:] = colour
    for sprite in sprites:
        assert len(sprite.pixels) == 4 * sprite.width * sprite.height
        own = np.frombuffer(sprite.pixels, np.uint8).reshape(sprite.height, sprite.width, 4).astype(float)
        left, top = max(0, sprite.x), max(0, sprite.y)
        right, bottom = min(width, sprite.x + sprite.width), min(height, sprite.y + sprite.height)
        if right <= left or bottom <= top:
            continue
        own = own[top - sprite.y : bottom - sprite.y, left - sprite.x : right - sprite.x]
        part, alpha = picture[top:bottom, left:right], own[..., 3:] / 255
        part[:] = part * (1 - alpha) + own[..., :3] * alpha
    return picture


def scene(**values: object) -> Scene:
    return Scene(Affine(1, 0, 0, 1, 0, 0), SIZE, view=SIZE, **values)


def pair(handle: tuple[float, float], target: tuple[float, float]) -> Pair:
    return Pair(Point(*handle), Point(*target), Point(*handle))


@pytest.mark.parametrize("middle", [(50.0, 60.0), (50.25, 60.75), (51.5, 60.5)])
def test_a_disc_has_its_area_and_its_middle(middle: tuple[float, float]) -> None:
    covered = laid([disc(*middle, ((0, 8.0, WHITE),))])[..., 0] / 255
    assert covered.sum() == pytest.approx(math.pi * 64, rel=0.02)
    rows, columns = np.indices(covered.shape) + 0.5
    assert (covered * columns).sum() / covered.sum() == pytest.approx(middle[0], abs=0.05)
    assert (covered * rows).sum() / covered.sum() == pytest.approx(middle[1], abs=0.05)


def test_a_ring_leaves_its_middle_free() -> None:
    picture = laid([disc(50, 60, ((5.0, 7.0, WHITE),))])[..., 0]
    assert picture[60, 50] == 0
    assert picture[60, 55] > 200


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((20, 30), (250, 60)),
        ((250, 60), (20, 30)),
        ((30, 20), (60, 180)),
        ((20, 20), (180, 180)),
        ((10, 100), (280, 100)),
    ],
)
def test_a_line_is_as_long_and_wide_as_asked(start: tuple[int, int], end: tuple[int, int]) -> None:
    covered = laid(line(start, end, ((3.0, WHITE),), SIZE))[..., 0] / 255
    assert covered.sum() == pytest.approx(3.0 * math.dist(start, end), rel=0.05)
    middle = round((start[1] + end[1]) / 2), round((start[0] + end[0]) / 2)
    assert covered[middle] > 0.9


def test_only_what_is_seen_of_a_line_is_drawn() -> None:
    sprites = list(line((-100_000, 100), (100_000, 100), ((3.0, WHITE),), SIZE))
    assert sum(sprite.width * sprite.height for sprite in sprites) < 4 * SIZE[0] * 10
    assert laid(sprites)[100, :, 0].min() > 200
    assert list(line((-50, -90), (500, -80), ((3.0, WHITE),), SIZE)) == []


def test_dashes_stay_where_they_are_when_the_view_moves() -> None:
    whole = laid(line((10, 50), (290, 50), ((3.0, WHITE),), SIZE, (5, 4)))[50, :, 0] > 127
    moved = laid(line((-26, 50), (254, 50), ((3.0, WHITE),), SIZE, (5, 4)))[50, :, 0] > 127
    assert 0.4 < whole[20:280].mean() < 0.7
    assert (whole[50:250] == moved[14:214]).mean() > 0.95


def test_a_triangle_is_filled() -> None:
    covered = laid([triangle(((50, 50), (90, 60), (60, 90)), ((0.0, WHITE),))])[..., 0] / 255
    assert covered.sum() == pytest.approx(0.5 * abs(40 * 40 - 10 * 10), rel=0.05)


def test_the_shade_spares_the_frame() -> None:
    corners = Square(100, 50, 80, 20.0).corners
    picture = laid([shade(SIZE, (0, 0, 280, 180), corners, (0, 0, 0, 128))], (200, 200, 200))[..., 0]
    assert picture[90, 140] == 200
    assert picture[20, 20] == pytest.approx(100, abs=1)
    assert picture[190, 290] == 200  # beyond the picture


def test_numbers_differ_and_are_seen_on_light_and_dark() -> None:
    seen = {str(number): label(50, 50, str(number), (16, 18, 24, 215)).pixels for number in range(20)}
    assert len(set(seen.values())) == 20
    for colour in ((0, 0, 0), (255, 255, 255)):
        picture = laid([label(50, 50, "8", (16, 18, 24, 215))], colour)[42:58, 40:60]
        assert picture.max() - picture.min() > 150


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255), (240, 78, 88), (52, 132, 255)])
def test_points_are_seen_on_every_ground(ground: tuple[int, int, int]) -> None:
    picture = laid(marks(scene(pairs=[pair((80, 100), (180, 120))])), ground)
    for x, y in ((80, 100), (180, 120)):
        part = picture[y - 9 : y + 10, x - 9 : x + 10]
        assert np.abs(part - ground).max(axis=2).max() > 120
    arrow = picture[110 - 4 : 110 + 5, 130]
    assert arrow.max() - arrow.min() > 100


def test_ends_have_their_colours_and_warn_outside_of_the_crop() -> None:
    points = [pair((80, 100), (180, 120)), pair((40, 30), (60, 30))]
    picture = laid(marks(scene(pairs=points, crop=Square(60, 60, 130))), (90, 90, 90))
    assert tuple(picture[100, 80]) == HANDLE[:3]
    assert tuple(np.round(picture[120, 186])) == pytest.approx(TARGET[:3], abs=60)
    assert tuple(picture[30, 40]) == OUTSIDE[:3]


def test_the_first_of_several_pairs_gets_its_number_too() -> None:
    one = laid(marks(scene(pairs=[pair((80, 100), (180, 120))])), (90, 90, 90))
    two = laid(marks(scene(pairs=[pair((80, 100), (180, 120)), pair((200, 30), (220, 60))])), (90, 90, 90))
    assert (one[70:95, 60:110] != two[70:95, 60:110]).any()


def test_areas_that_overlap_have_one_outline_inside_the_crop() -> None:
    area = [Capsule(Point(100, 100), Point(140, 100), 40), Capsule(Point(160, 100), Point(200, 100), 40)]
    picture = laid(marks(scene(area=area)), (90, 90, 90))
    assert (picture[95:105, 80:220] == 90).all()
    assert (picture[58:63, 120] != 90).any()
    cut = laid(marks(scene(area=area, crop=Square(90, 20, 120))), (90, 90, 90))
    assert (cut[95:105, 52:70] == 90).all()


def test_the_frame_has_corners_a_turning_handle_and_its_size() -> None:
    frame = Square(90, 60, 100, 10.0)
    shown = scene(framing=True, frame=frame, spot=Spot("corner", 0))
    picture = laid(marks(shown), (200, 200, 200))
    for corner in frame.corners:
        assert picture[round(corner.y), round(corner.x)].max() < 256
        assert (picture[round(corner.y), round(corner.x)] != 200).any()
    assert (picture[110, 140] == 200).all()
    assert (picture[10, 10] < 150).all()


def test_twice_the_pixels_make_twice_the_marks() -> None:
    points = [pair((40, 50), (90, 60))]
    fine = Scene(Affine(2, 0, 0, 2, 0, 0), (150, 100), view=SIZE, scale=2.0, pairs=points)
    coarse = Scene(Affine(1, 0, 0, 1, 0, 0), (150, 100), view=SIZE, pairs=points)
    one, two = laid(marks(coarse), (90, 90, 90)), laid(marks(fine), (90, 90, 90))
    halved = np.asarray(Image.fromarray(two.astype(np.uint8)).reduce(2)).astype(float)
    assert np.abs(halved[:100, :150] - one[:100, :150]).mean() < 2.0


@pytest.mark.parametrize("angle", [0.0, 7.3, -20.0, 44.0, 95.0, -170.0, 180.0])
def test_a_picture_is_turned_clockwise_about_its_middle(angle: float) -> None:
    rows, columns = np.indices((120, 90)) / 20
    colours = np.stack([np.sin(rows), np.cos(columns), np.sin(rows + columns), np.ones_like(rows)], -1)
    picture = Image.fromarray(((colours + 1) * 127.5).astype(np.uint8))
    own = turned(pixels_of(90, 120, picture.tobytes()), angle)
    expected = picture.rotate(-angle, Image.Resampling.BICUBIC, expand=True)
    mine = np.frombuffer(own.data.tobytes(), np.uint8).reshape(own.height, own.width, 4)

    def middle(array: np.ndarray) -> np.ndarray:
        y, x = array.shape[0] // 2, array.shape[1] // 2
        return array[y - 30 : y + 30, x - 30 : x + 30].astype(float)

    assert np.abs(middle(mine) - middle(np.asarray(expected))).mean() < 8
    assert (mine[..., 3] > 0).sum() == pytest.approx(90 * 120, rel=0.01)
