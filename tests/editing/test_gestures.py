"""What presses, movements and keys mean; without Qt."""

from __future__ import annotations

import math
from typing import Any

import pytest

from backend.editing.affine import Affine
from backend.editing.geometry import Point
from backend.editing.gestures import PEN_REACH, REACH, Gestures, Grip
from backend.editing.pairs import MAX_PAIRS, PairList
from tests.editing.fake_pull import FakePull

HALF = Affine(0.5, 0.0, 0.0, 0.5, 10.0, 20.0)  # image (100, 100) is at (60, 70)


class Stage:
    """Gestures on an image of 400×300 px, shown at half its size; notes what was asked for."""

    def __init__(self, affine: Affine = HALF) -> None:
        self.pull = FakePull(PairList())
        self.asked: list[Any] = []
        self.gestures = Gestures()
        self.gestures.affine = affine
        self.gestures.image = (400, 300)
        self.gestures.set_pull(self.pull)
        self.gestures.drag_requested = lambda: self.asked.append("drag")
        self.gestures.stop_requested = lambda: self.asked.append("stop")

    @property
    def pairs(self) -> list[tuple[Point, Point]]:
        return [(pair.handle, pair.target) for pair in self.pull.pairs]

    def on_widget(self, x: float, y: float) -> Point:
        assert self.gestures.affine is not None
        return self.gestures.affine.map(Point(x, y))

    def drag(self, start: tuple[float, float], end: tuple[float, float], **how: Any) -> bool:
        """From one position of the image to another."""
        ours = self.gestures.press(self.on_widget(*start), "left", **how)
        for part in (0.3, 0.7, 1.0):
            x, y = (a + (b - a) * part for a, b in zip(start, end))
            self.gestures.move(self.on_widget(x, y))
        return self.gestures.release(self.on_widget(*end)) and ours


@pytest.fixture
def stage() -> Stage:
    return Stage()


def near(pair: tuple[Point, Point], handle: tuple[float, float], target: tuple[float, float]) -> bool:
    return math.dist(pair[0], handle) < 1e-6 and math.dist(pair[1], target) < 1e-6


def test_a_drag_on_nothing_makes_a_pair_and_is_one_step_of_undo(stage: Stage) -> None:
    assert stage.drag((100, 100), (160, 130))
    assert near(stage.pairs[0], (100, 100), (160, 130))
    assert stage.gestures.key("undo")
    assert stage.pairs == []
    assert not stage.pull.pairs.can_undo
    assert stage.gestures.key("redo")
    assert near(stage.pairs[0], (100, 100), (160, 130))


@pytest.mark.parametrize("angle", [0, 33, 90, -120])
@pytest.mark.parametrize("mirror", [1, -1])
@pytest.mark.parametrize("zoom", [0.25, 1.0, 8.0])
def test_positions_are_exact_however_the_canvas_lies(angle: float, mirror: int, zoom: float) -> None:
    c, s = math.cos(math.radians(angle)) * zoom, math.sin(math.radians(angle)) * zoom
    stage = Stage(Affine(c * mirror, s * mirror, -s, c, 31.25, -12.5))
    stage.drag((100.25, 80.5), (222.75, 200.5))
    assert near(stage.pairs[0], (100.25, 80.5), (222.75, 200.5))
    assert stage.gestures.affine is not None
    assert stage.gestures.affine.scale == pytest.approx(zoom)


def test_a_click_makes_a_pair_whose_target_is_where_the_handle_is(stage: Stage) -> None:
    stage.drag((100, 100), (102, 101))  # one px of the widget: a hand that trembles
    assert near(stage.pairs[0], (100, 100), (100, 100))
    stage.drag((100, 100), (150, 150))  # and then its target is drawn out of it
    assert len(stage.pairs) == 1
    assert near(stage.pairs[0], (100, 100), (150, 150))


def test_what_is_taken_beside_its_middle_does_not_jump(stage: Stage) -> None:
    stage.drag((100, 100), (200, 100))
    stage.gestures.press(Point(*stage.on_widget(206, 104)), "left")
    stage.gestures.release(stage.on_widget(206, 104))
    assert near(stage.pairs[0], (100, 100), (200, 100))
    stage.drag((206, 104), (226, 124))
    assert near(stage.pairs[0], (100, 100), (220, 120))
    assert stage.gestures.key("undo")
    assert near(stage.pairs[0], (100, 100), (200, 100))


def test_a_handle_that_is_moved_starts_anew(stage: Stage) -> None:
    stage.drag((100, 100), (200, 100))
    stage.pull.pairs.track([(150, 100)], 5)
    stage.drag((150, 100), (150, 160))
    assert stage.pull.pairs[0].start == stage.pull.pairs[0].handle == Point(150, 160)


def test_the_target_wins_where_both_lie_together(stage: Stage) -> None:
    stage.pull.pairs.add(Point(100, 100), Point(116, 100))  # 8 px from each other on the widget
    assert stage.gestures.hit(stage.on_widget(106, 100)) == Grip(0, "target")
    assert stage.gestures.hit(stage.on_widget(98, 100)) == Grip(0, "handle")


def test_of_two_pairs_the_nearer_is_taken_and_of_equals_the_selected(stage: Stage) -> None:
    stage.pull.pairs.add(Point(100, 100))
    stage.pull.pairs.add(Point(112, 100))
    assert stage.gestures.hit(stage.on_widget(102, 100)) == Grip(0, "target")
    assert stage.gestures.hit(stage.on_widget(110, 100)) == Grip(1, "target")
    for index in (0, 1):
        stage.gestures.selected = index
        assert stage.gestures.hit(stage.on_widget(106, 100)) == Grip(index, "target")


def test_a_pen_reaches_farther_than_a_mouse(stage: Stage) -> None:
    stage.pull.pairs.add(Point(100, 100))
    x, y = stage.on_widget(100, 100)
    for pen, reach in ((False, REACH), (True, PEN_REACH)):
        assert stage.gestures.hit(Point(x + reach - 0.1, y), pen) is not None
        assert stage.gestures.hit(Point(x + reach + 0.1, y), pen) is None


def test_points_stay_inside_the_image_and_nothing_begins_beside_it(stage: Stage) -> None:
    stage.drag((390, 290), (900, -50))
    assert near(stage.pairs[0], (390, 290), (399.5, 0.5))
    assert stage.gestures.press(
        stage.on_widget(-3, 100), "left"
    )  # ours, so that no brush stroke begins there
    assert not stage.gestures.busy
    assert len(stage.pairs) == 1


def test_the_right_button_deletes_points_and_is_the_editors_elsewhere(stage: Stage) -> None:
    stage.drag((100, 100), (200, 100))
    stage.drag((100, 200), (200, 200))
    assert not stage.gestures.press(stage.on_widget(300, 40), "right")
    assert stage.gestures.press(stage.on_widget(200, 100), "right")
    assert len(stage.pairs) == 1
    assert near(stage.pairs[0], (100, 200), (200, 200))
    assert not stage.gestures.press(stage.on_widget(200, 200), "other")


def test_the_pens_eraser_deletes_and_never_places(stage: Stage) -> None:
    stage.drag((100, 100), (200, 100))
    assert stage.gestures.press(stage.on_widget(300, 40), "left", pen=True, eraser=True)
    assert len(stage.pairs) == 1
    assert stage.gestures.press(stage.on_widget(100, 100), "left", pen=True, eraser=True)
    assert stage.pairs == []


@pytest.mark.parametrize("how", ["escape", "right button"])
def test_a_gesture_is_taken_back(stage: Stage, how: str) -> None:
    stage.drag((100, 100), (200, 100))
    stage.gestures.press(stage.on_widget(200, 100), "left")
    stage.gestures.move(stage.on_widget(250, 150))
    assert stage.pairs[0][1] != (200, 100)
    if how == "escape":
        assert stage.gestures.key("escape")
    else:
        assert stage.gestures.press(stage.on_widget(250, 150), "right")
    assert near(stage.pairs[0], (100, 100), (200, 100))
    assert not stage.gestures.release(stage.on_widget(250, 150))
    assert stage.gestures.key("undo")
    assert stage.pairs == []


def test_other_buttons_do_not_disturb_a_gesture(stage: Stage) -> None:
    stage.gestures.press(stage.on_widget(100, 100), "left")
    assert stage.gestures.press(stage.on_widget(120, 100), "other")
    stage.gestures.move(stage.on_widget(150, 100))
    assert stage.gestures.release(stage.on_widget(150, 100))
    assert near(stage.pairs[0], (100, 100), (150, 100))


def test_delete_removes_the_last_touched_and_then_the_others_and_never_reaches_the_editor(
    stage: Stage,
) -> None:
    for x in (50, 150, 250):
        stage.drag((x, 100), (x, 150))
    stage.drag((150, 150), (150, 180))
    assert stage.gestures.key("delete")
    assert [handle.x for handle, _ in stage.pairs] == [50, 250]
    assert stage.gestures.key("delete", repeated=True)
    assert stage.gestures.key("delete")
    assert stage.pairs == []
    assert stage.gestures.key("delete")
    for left in (1, 2, 3):
        assert stage.gestures.key("undo")
        assert len(stage.pairs) == left


def test_undo_falls_to_the_editor_when_nothing_is_left(stage: Stage) -> None:
    assert not stage.gestures.key("undo")
    stage.drag((100, 100), (200, 100))
    for key, other in (("undo", "redo"), ("redo", "undo")):
        assert stage.gestures.understands(key)
        assert stage.gestures.key(key)
        assert not stage.gestures.understands(key)
        assert not stage.gestures.key(key)
        assert stage.gestures.understands(other)


def test_in_a_pull_only_targets_move_and_undo_waits(stage: Stage) -> None:
    stage.drag((100, 100), (200, 100))
    stage.pull.set(can_edit_pairs=False)
    for start, end in (((100, 100), (50, 50)), ((300, 200), (320, 220))):
        stage.drag(start, end)
    assert stage.gestures.press(stage.on_widget(200, 100), "right")
    assert stage.gestures.key("delete")
    assert stage.gestures.key("undo")  # eaten: the layer under the pull does not change either
    assert near(stage.pairs[0], (100, 100), (200, 100))
    stage.drag((200, 100), (260, 140))
    assert near(stage.pairs[0], (100, 100), (260, 140))
    stage.pull.set(can_move_targets=False)
    stage.drag((260, 140), (100, 140))
    assert near(stage.pairs[0], (100, 100), (260, 140))


def test_the_handle_may_be_tracked_while_its_target_is_held(stage: Stage) -> None:
    stage.drag((100, 100), (200, 100))
    stage.pull.set(can_edit_pairs=False)
    stage.gestures.press(stage.on_widget(200, 100), "left")
    stage.gestures.move(stage.on_widget(240, 100))
    stage.pull.pairs.track([(130, 110)], 4)
    stage.gestures.move(stage.on_widget(260, 120))
    stage.gestures.release(stage.on_widget(260, 120))
    assert near(stage.pairs[0], (130, 110), (260, 120))


def test_what_is_held_is_let_go_when_it_is_no_longer_there(stage: Stage) -> None:
    stage.drag((100, 100), (200, 100))
    stage.gestures.press(stage.on_widget(200, 100), "left")
    stage.gestures.move(stage.on_widget(220, 100))
    stage.pull.pairs.restore([], 0)
    stage.gestures.refresh()
    assert not stage.gestures.busy
    stage.gestures.move(stage.on_widget(250, 100))
    assert not stage.gestures.release(stage.on_widget(250, 100))
    assert stage.gestures.selected is None
    assert stage.gestures.hover is None


def test_one_pair_too_many_is_not_placed(stage: Stage) -> None:
    for index in range(MAX_PAIRS):
        stage.pull.pairs.add(Point(5 + 5 * index, 10))
    assert stage.gestures.press(stage.on_widget(200, 200), "left")
    assert not stage.gestures.busy
    assert len(stage.pairs) == MAX_PAIRS
    assert stage.pull.pairs.can_undo


def test_hovering_tells_what_would_be_taken(stage: Stage) -> None:
    stage.drag((100, 100), (200, 100))
    seen: list[Grip | None] = []
    stage.gestures.changed = lambda: seen.append(stage.gestures.hover)
    assert not stage.gestures.move(stage.on_widget(300, 250))
    assert stage.gestures.move(stage.on_widget(101, 100))
    assert stage.gestures.move(stage.on_widget(102, 100))
    stage.gestures.leave()
    assert seen == [None, Grip(0, "handle"), None]


def test_enter_pulls_once_however_long_it_is_held(stage: Stage) -> None:
    assert stage.gestures.key("drag")
    assert stage.gestures.key("drag", repeated=True)
    assert stage.asked == ["drag"]


def test_escape_stops_what_can_be_stopped_and_else_is_the_editors(stage: Stage) -> None:
    assert not stage.gestures.key("escape")
    stage.pull.can_stop = True
    assert stage.gestures.key("escape")
    assert stage.asked == ["stop"]


def test_without_a_pull_nothing_is_ours(stage: Stage) -> None:
    stage.gestures.set_pull(None)
    assert not stage.gestures.press(stage.on_widget(100, 100), "left")
    assert not stage.gestures.move(stage.on_widget(100, 100))
    assert not any(stage.gestures.key(key) for key in ("undo", "redo", "delete", "drag", "escape"))
    assert not any(stage.gestures.understands(key) for key in ("undo", "redo", "delete", "drag", "escape"))


def test_without_a_canvas_nothing_is_ours(stage: Stage) -> None:
    stage.gestures.affine = None
    assert not stage.gestures.press(Point(60, 70), "left")
    assert not stage.gestures.move(Point(60, 70))
