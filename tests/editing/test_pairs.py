from __future__ import annotations

from backend.editing.geometry import Point
from backend.editing.pairs import MAX_PAIRS, Pair, PairList

A, B, C = Point(10, 10), Point(20, 12), Point(30, 40)


def test_every_edit_is_one_step_of_undo() -> None:
    pairs = PairList()
    pairs.add(A, B)
    pairs.add(B)
    pairs.move(1, "target", C)
    pairs.remove(0)
    assert list(pairs) == [Pair(B, C, B)]
    states = []
    while pairs.undo():
        states.append(list(pairs))
    assert states == [[Pair(A, B, A), Pair(B, C, B)], [Pair(A, B, A), Pair(B, B, B)], [Pair(A, B, A)], []]
    while pairs.redo():
        pass
    assert list(pairs) == [Pair(B, C, B)]


def test_a_gesture_is_one_step_of_undo() -> None:
    pairs = PairList()
    pairs.begin_gesture()
    index = pairs.add(A)
    for x in range(11, 20):
        pairs.move(index, "target", Point(x, 10))
    pairs.end_gesture()
    assert pairs[0].target == Point(19, 10)
    pairs.undo()
    assert len(pairs) == 0
    assert not pairs.can_undo
    pairs.redo()
    assert pairs[0].target == Point(19, 10)


def test_a_cancelled_gesture_leaves_nothing() -> None:
    pairs = PairList()
    pairs.add(A, B)
    pairs.begin_gesture()
    pairs.move(0, "handle", C)
    pairs.cancel_gesture()
    assert list(pairs) == [Pair(A, B, A)]
    pairs.undo()
    assert not pairs.can_undo


def test_a_gesture_that_is_cancelled_during_a_drag_keeps_the_tracked_handles() -> None:
    pairs = PairList()
    pairs.add(A, B)
    pairs.recording = False
    pairs.begin_gesture()
    pairs.move(0, "target", C)
    pairs.track([[14, 11]], 5)
    pairs.cancel_gesture()
    assert list(pairs) == [Pair(Point(14, 11), B, A)]
    assert pairs.step == 5


def test_a_new_edit_ends_redo() -> None:
    pairs = PairList()
    pairs.add(A)
    pairs.undo()
    pairs.add(B)
    assert not pairs.can_redo


def test_tracking_moves_the_handle_and_keeps_its_start() -> None:
    pairs = PairList()
    pairs.add(A, C)
    pairs.track([[12.5, 11.0]], step=3)
    assert list(pairs) == [Pair(Point(12.5, 11.0), C, A)]
    assert pairs.step == 3
    pairs.move(0, "handle", B)
    assert pairs[0].start == B


def test_undo_of_a_drag_goes_back_to_its_first_step() -> None:
    pairs = PairList()
    steps: list[int] = []
    pairs.went_to = steps.append
    pairs.add(A, C)
    pairs.remember()
    pairs.recording = False
    for step in range(1, 9):
        pairs.track([[10 + step, 10]], step)
        pairs.move(0, "target", Point(40, step))
    pairs.recording = True
    assert pairs.undo()
    assert (list(pairs), steps) == ([Pair(A, C, A)], [0])
    assert pairs.redo()
    assert steps == [0, 8]
    assert pairs[0].handle == Point(18, 10)


def test_there_is_a_largest_number() -> None:
    pairs = PairList()
    assert [pairs.add(A) for _ in range(MAX_PAIRS + 1)][-2:] == [MAX_PAIRS - 1, -1]
    assert len(pairs) == MAX_PAIRS


def test_changes_are_told_once_each() -> None:
    pairs = PairList()
    told: list[int] = []
    pairs.changed = lambda: told.append(len(pairs))
    pairs.add(A)
    pairs.clear()
    pairs.clear()
    pairs.undo()
    assert told == [1, 0, 1]


def test_another_session_keeps_the_undo_of_the_points() -> None:
    pairs = PairList()
    steps: list[int] = []
    pairs.went_to = steps.append
    pairs.add(A, C)
    pairs.track([[12, 11]], 4)
    pairs.add(B)
    pairs.rebase()
    assert [pair.start for pair in pairs] == [Point(12, 11), B]
    pairs.undo()
    assert (len(pairs), pairs.step, steps) == (1, 0, [])
