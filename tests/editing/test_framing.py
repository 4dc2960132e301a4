"""The crop's frame: what presses, movements and keys make of it; without Qt."""

from __future__ import annotations

import math
from typing import Any

import pytest

from backend.editing.affine import Affine
from backend.editing.framing import Spot, turn_handle
from backend.editing.geometry import Point, Square
from backend.editing.gestures import Gestures
from backend.editing.pairs import PairList
from tests.editing.fake_pull import FakePull

HALF = Affine(0.5, 0.0, 0.0, 0.5, 10.0, 20.0)
TURNED = Affine(-0.3, 0.4, 0.4, 0.3, 100.0, 50.0)  # rotated and mirrored, half the size


class Stage:
    """An image of 400×300 px whose crop is edited; notes what was asked for, and does it."""

    def __init__(self, affine: Affine = HALF) -> None:
        self.pull = FakePull(PairList())
        self.asked: list[Any] = []
        self.gestures = Gestures()
        self.gestures.affine = affine
        self.gestures.image = (400, 300)
        self.gestures.set_pull(self.pull)
        self.gestures.framing.drawn = self.draw
        self.gestures.framing.face_chosen = self.asked.append
        self.gestures.framing_ended = lambda: self.asked.append("ended")
        self.gestures.frame_reset = lambda: self.asked.append("automatic")
        self.gestures.edit_frame()

    @property
    def framing(self) -> Any:
        return self.gestures.framing

    def draw(self, square: Square) -> None:
        self.asked.append(square)
        self.pull.crop = square

    def on_widget(self, x: float, y: float) -> Point:
        assert self.gestures.affine is not None
        return self.gestures.affine.map(Point(x, y))

    def drag(self, start: tuple[float, float], end: tuple[float, float], shift: bool = False) -> bool:
        """From one position of the image to another."""
        return self.drag_widget(self.on_widget(*start), self.on_widget(*end), shift)

    def drag_widget(self, start: Point, end: Point, shift: bool = False) -> bool:
        ours = self.gestures.press(start, "left")
        for part in (0.3, 0.7, 1.0):
            x, y = (a + (b - a) * part for a, b in zip(start, end))
            self.gestures.move(Point(x, y), shift=shift)
        return self.gestures.release(end, shift=shift) and ours


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize(
    ("start", "end", "square"),
    [
        ((100, 100), (180, 150), Square(100, 100, 80)),
        ((180, 150), (120, 50), Square(80, 50, 100)),
        ((300, 200), (900, 900), Square(300, 200, 100)),  # clamped to the image
        ((-50, -50), (60, 70), Square(0, 0, 70)),
        ((390, 290), (100, 280), Square(100, 0, 290)),
    ],
)
def test_a_frame_is_drawn_inside_the_image(
    stage: Stage, start: tuple[float, float], end: tuple[float, float], square: Square
) -> None:
    assert stage.drag(start, end)
    assert stage.asked == [square]
    assert len(stage.pull.pairs) == 0
    assert stage.framing.on  # so that it can be moved and turned at once


def test_a_frame_has_the_shape_of_the_models_pictures(stage: Stage) -> None:
    stage.pull.aspect = 0.5
    stage.drag((100, 100), (130, 220))
    tall = Square(70, 100, 120, aspect=0.5)
    assert stage.asked == [tall]
    assert tall.corners[::2] == (Point(100, 100), Point(160, 220))
    stage.drag((160, 220), (190, 230))  # by a corner: the opposite one stays, the longer way counts
    larger = stage.asked[-1]
    assert (larger.size, larger.aspect, larger.corners[0]) == (180, 0.5, Point(100, 100))


def test_a_frame_is_drawn_without_a_pull(stage: Stage) -> None:
    stage.gestures.set_pull(None)
    stage.drag((10, 10), (60, 60))
    assert stage.asked == [Square(10, 10, 50)]


def test_a_click_draws_nothing_and_the_next_drag_does(stage: Stage) -> None:
    stage.drag((100, 100), (104, 104))
    assert stage.asked == []
    stage.drag((100, 100), (150, 104))
    assert stage.asked == [Square(100, 100, 50)]


@pytest.mark.parametrize("affine", [HALF, TURNED], ids=["plain", "turned-canvas"])
@pytest.mark.parametrize("angle", [0.0, 30.0, -140.0])
def test_a_frame_is_moved(affine: Affine, angle: float) -> None:
    stage = Stage(affine)
    stage.pull.crop = Square(100, 80, 120, angle)
    stage.drag((150, 140), (171, 118))
    assert stage.asked == [Square(121, 58, 120, angle)]
    stage.drag((181, 118), (900, 118))  # its middle stays inside the image
    assert stage.asked[-1] == Square(340, 58, 120, angle)


@pytest.mark.parametrize("affine", [HALF, TURNED], ids=["plain", "turned-canvas"])
@pytest.mark.parametrize("angle", [0.0, 30.0, -140.0])
@pytest.mark.parametrize("corner", [0, 1, 2, 3])
def test_a_corner_scales_and_the_opposite_one_stays(affine: Affine, angle: float, corner: int) -> None:
    stage = Stage(affine)
    square = stage.pull.crop = Square(100, 80, 120, angle)
    taken, fixed = square.corners[corner], square.corners[(corner + 2) % 4]
    aim = Point(fixed.x + (taken.x - fixed.x) * 1.5, fixed.y + (taken.y - fixed.y) * 1.5)
    stage.drag(taken, aim)
    (scaled,) = stage.asked
    assert (scaled.size, scaled.angle) == (180, angle)
    assert math.dist(scaled.corners[(corner + 2) % 4], fixed) <= 0.75  # whole pixels
    stage.asked.clear()
    stage.drag(scaled.corners[corner], (2 * fixed.x - aim.x, 2 * fixed.y - aim.y))  # through the other corner
    assert stage.asked[0].size == 16


@pytest.mark.parametrize("affine", [HALF, TURNED], ids=["plain", "turned-canvas"])
def test_the_handle_turns_the_frame(affine: Affine) -> None:
    stage = Stage(affine)
    square = stage.pull.crop = Square(100, 80, 120)
    handle = turn_handle(affine, square)
    aim = affine.map(Point(160 + 300 * math.sin(math.radians(37)), 140 - 300 * math.cos(math.radians(37))))
    stage.drag_widget(handle, aim)
    assert stage.asked == [Square(100, 80, 120, 37.0)]
    stage.drag_widget(turn_handle(affine, stage.pull.crop), handle)  # and back: the very same crop
    assert stage.asked[-1] == square


def test_with_shift_it_turns_to_round_angles(stage: Stage) -> None:
    square = stage.pull.crop = Square(100, 80, 120, 4.0)
    aim = stage.on_widget(160 + 300 * math.sin(math.radians(37)), 140 - 300 * math.cos(math.radians(37)))
    stage.drag_widget(turn_handle(HALF, square), aim, shift=True)
    assert stage.asked[0].angle == 30.0
    # Upside down is +180, never −180.
    stage.drag_widget(turn_handle(HALF, stage.pull.crop), stage.on_widget(150, 500), shift=True)
    assert stage.asked[1].angle == 180.0


def test_a_press_without_a_movement_changes_nothing(stage: Stage) -> None:
    square = stage.pull.crop = Square(100, 80, 120, 25.0)
    for place in (stage.on_widget(160, 140), turn_handle(HALF, square), HALF.map(square.corners[2])):
        stage.drag_widget(place, place)
    assert stage.asked == []


def test_another_face_is_chosen_by_a_click(stage: Stage) -> None:
    faces = [Square(40, 60, 100, 5.0), Square(230, 80, 90, -20.0)]
    stage.pull.set(faces=faces, crop=faces[0])
    assert stage.framing.other_faces == [(1, faces[1])]
    stage.gestures.move(stage.on_widget(275, 125))
    assert stage.framing.hover == Spot("face", 1)
    stage.drag((275, 125), (276, 125))
    assert stage.asked == [1]
    # A drag that begins on it draws a frame.
    stage.drag((250, 110), (330, 150))
    assert stage.asked[1] == Square(250, 110, 80)


def test_keys_take_back_reset_and_end(stage: Stage) -> None:
    stage.pull.crop = Square(100, 80, 120)
    stage.drag((150, 140), (170, 140))
    assert stage.gestures.understands("undo")
    assert stage.gestures.key("undo")
    assert stage.asked == [Square(120, 80, 120), Square(100, 80, 120)]
    assert stage.gestures.key("undo")  # eaten: the editor's undo is not meant
    assert len(stage.asked) == 2
    assert stage.gestures.key("delete")
    assert stage.gestures.key("drag")  # Enter
    assert stage.asked[2:] == ["automatic", "ended"]
    assert not stage.framing.on


def test_a_gesture_is_taken_back_and_then_the_editing_ended(stage: Stage) -> None:
    stage.pull.crop = Square(100, 80, 120)
    stage.gestures.press(stage.on_widget(160, 140), "left")
    stage.gestures.move(stage.on_widget(200, 140))
    assert stage.framing.frame == Square(140, 80, 120)
    assert stage.gestures.key("escape")  # this drag
    assert stage.framing.frame == Square(100, 80, 120)
    assert stage.framing.on
    assert stage.gestures.press(stage.on_widget(160, 140), "right")  # all of it
    assert stage.asked == ["ended"]
    stage.drag((100, 100), (200, 200))
    assert len(stage.pull.pairs) == 1
