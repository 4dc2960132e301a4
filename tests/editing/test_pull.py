"""A pull against the real backend process, from points to the written edit, and everything that can go wrong."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest

from backend.editing.geometry import Point, Rect, Square
from backend.editing.host import AreaOptions, Edit, Mask
from backend.editing.pull import Pull
from backend.editing.state import Phase
from backend.wire.messages import Reply
from tests.editing.support import Bench, MemorySource
from tests.server.support import ENDLESS, QUICK_INVERSION, picture, worker_pids

SHORT = {"engine": "reference", "steps": 6, "stop_distance": 0.0}
HANDLE, TARGET = Point(50, 40), Point(62, 44)


@pytest.fixture
def source() -> MemorySource:
    return MemorySource(picture(96, 96), (10, -4))


def pulled(bench: Bench, source: MemorySource, **options: object):
    pull = bench.pull(source)
    pull.drag_options = {**SHORT, **options}
    pull.pairs.add(HANDLE, TARGET)
    pull.drag()
    bench.rest(pull)
    assert pull.message is None or pull.message.kind == "note", pull.message
    return pull


def show(bench: Bench, pull: Pull, step: int) -> Reply:
    waiting = bench.connection.send("step.show", {"step": step}, session=pull.results[-1].session)
    bench.loop.until(lambda: waiting.outcome is not None)
    assert isinstance(waiting.outcome, Reply)
    return waiting.outcome


def pixels(edit: Edit) -> np.ndarray:
    return np.frombuffer(edit.pixels, np.uint8).reshape(edit.rect.height, edit.rect.width, 4)


def test_from_points_to_the_written_edit(bench: Bench, source: MemorySource) -> None:
    before = source.pixels.copy()
    pull = bench.pull(source)
    pull.drag_options = {**SHORT, "steps": 16}  # previews are left out while the machine is busy
    phases: list[Phase] = []
    previews: list[bytes] = []
    pull.observe(lambda topic: phases.append(pull.phase) if topic == "state" else None)
    pull.observe(
        lambda topic: (
            previews.append(bytes(pull.preview.rgb)) if topic == "preview" and pull.preview else None
        )
    )
    pull.pairs.add(HANDLE, TARGET)
    pull.drag()
    bench.rest(pull)

    order = [phase for index, phase in enumerate(phases) if index == 0 or phases[index - 1] is not phase]
    wanted = [
        Phase.READING,
        Phase.OPENING,
        Phase.INVERTING,
        Phase.READING,
        Phase.DRAGGING,
        Phase.FINISHING,
        Phase.READY,
    ]
    assert [phase for phase in order if phase is not Phase.WAITING] == wanted
    assert len(set(previews)) > 2
    assert (pull.step, pull.last_step) == (16, 16)
    assert pull.crop == Square(10, -4, 96)
    assert pull.pairs[0].start == HANDLE
    assert pull.pairs[0].handle != HANDLE
    assert [(item.step, item.title) for item in pull.results] == [(16, "Pull 1")]
    assert pull.results[0].thumbnail == "thumbnail 32×32".encode()

    pull.apply()
    bench.rest(pull)
    ((title, edit),) = source.written
    assert title == "Pull 1"
    assert pull.results[0].applied == 1
    shown = pixels(edit)
    changed = shown[..., 3] > 0
    assert changed.any()
    assert (shown[~changed] == 0).all()
    x, y = edit.rect.x - 10, edit.rect.y + 4
    below = source.pixels[y : y + edit.rect.height, x : x + edit.rect.width]
    assert (shown[changed] != below[changed]).any(axis=1).all()
    assert np.array_equal(source.pixels, before)
    assert not pull.pairs.can_undo


def test_only_the_masked_part_changes(bench: Bench, source: MemorySource) -> None:
    source.selection = Mask(Rect(40, 30, 30, 24), b"")
    pull = pulled(bench, source)
    assert pull.edit is not None
    area = pull.edit.rect
    assert area.intersected(Rect(40, 30, 30, 24)) == area


def test_goes_on_from_the_shown_step(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    pull.show(2)
    bench.loop.until(lambda: pull.step == 2 and pull.edit is not None)
    assert pull.can_apply
    handle = pull.pairs[0].handle
    pull.drag()
    bench.rest(pull)
    assert (pull.step, pull.last_step) == (12, 12)
    assert [item.step for item in pull.results] == [6, 12]
    pull.animate(frames=4)
    bench.rest(pull)
    ((_, frames),) = source.animations
    assert len(frames) == 4
    # Undo: the second drag, then scrubbing is where it began.
    assert pull.pairs.undo()
    bench.loop.until(lambda: pull.step == 2 and pull.pairs[0].handle == handle)


def test_the_last_step_asked_for_is_shown(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    for step in (1, 5, 2, 4, 3):
        pull.show(step)
    bench.loop.until(lambda: pull.edit is not None and pull.step == 3)
    bench.loop.run_for(0.1)
    assert pull.step == 3
    pull.show(0)
    bench.loop.until(lambda: pull.step == 0)
    assert pull.preview is None
    assert pull.pairs[0].handle == HANDLE
    assert not pull.can_apply


def test_undo_while_a_result_is_made_shows_the_step_of_the_undo(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    pull.drag()
    bench.rest(pull)
    pull.pairs.undo()  # to step 6
    bench.loop.until(lambda: (pull.step == 6 and pull._edit_request is not None) or pull.edit is not None)
    pull.pairs.undo()  # to step 0, while the result of step 6 may be under way
    bench.loop.until(lambda: pull._shown_step == 0 and not pull._viewer.busy)
    assert (pull.step, pull.preview, pull.edit) == (0, None, None)


def test_handles_go_to_their_own_pairs_only(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    first = pull.pairs[0]
    pull.pairs.remove(0)
    other = Point(16, 16)
    pull.pairs.add(other, Point(70, 64))
    pull.drag()
    bench.rest(pull)
    assert pull.last_step == 12
    pull.pairs.undo()
    bench.loop.until(lambda: pull.step == 6 and not pull.moving)
    assert pull.pairs[0].handle == other, "undo brings the pair back to where it was"
    pull.show(4)
    bench.loop.until(lambda: pull.step == 4)
    assert pull.pairs[0].handle == other, "step 4 pulled another pair"
    pull.pairs.restore([first], 6)
    moved = Point(44, 44)
    pull.pairs.move(0, "handle", moved)
    pull.show(5)
    bench.loop.until(lambda: pull.step == 5)
    assert pull.pairs[0].handle == moved, "the artist has moved it since"
    pull.pairs.restore([first], 6)
    handles = {n: Point(*show(bench, pull, n).body["handles"][0]) for n in range(1, 6)}
    elsewhere = next(n for n, handle in handles.items() if handle != first.handle)
    pull.show(elsewhere)
    bench.loop.until(lambda: pull.step == elsewhere)
    assert pull.pairs[0].handle == handles[elsewhere]


def test_forgetting_while_a_step_is_shown(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    pull.show(3)
    pull.forget()
    bench.loop.run_for(0.6)
    assert (pull.step, pull.message, pull.can_apply, pull.phase) == (0, None, False, Phase.IDLE)


def test_a_stop_at_the_very_end_of_the_inversion_counts(bench: Bench, source: MemorySource) -> None:
    pull = bench.pull(source)
    pull.pairs.add(HANDLE, TARGET)

    def stop(topic: str) -> None:
        # From here the reply comes although it was stopped: as when both cross on their way.
        if pull.phase is Phase.INVERTING and pull.can_stop and pull._session is not None:
            pull._session.stop = lambda: None  # type: ignore[method-assign]
            pull.stop()

    pull.observe(stop)
    pull.drag()
    bench.rest(pull)
    assert (pull.last_step, pull.message) == (0, None)
    assert pull.can_drag


def test_a_reopened_document_can_be_scrubbed_at_once(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    pull.save_record()
    bench.close()
    again = Bench(bench.server, bench.model)
    try:
        reopened = again.pull(source, source.record)
        reopened.show(3)
        again.loop.until(lambda: reopened.step == 3 and reopened.edit is not None)
        assert reopened.phase is Phase.READY
    finally:
        again.close()


def test_a_session_that_another_document_has_closed_is_opened_again(
    bench: Bench, source: MemorySource
) -> None:
    pull = pulled(bench, source)
    waiting = bench.connection.send("session.close", session=pull.results[0].session)
    bench.loop.until(lambda: waiting.outcome is not None)
    pull.drag()
    bench.rest(pull)
    assert pull.message is None or pull.message.kind == "note"
    assert pull.last_step == 12


def test_stopping_while_it_opens_leaves_no_session_behind(bench: Bench, source: MemorySource) -> None:
    pull = bench.pull(source)
    pull.invert()
    bench.loop.until(lambda: pull.phase is Phase.OPENING)
    pull.stop()
    assert pull.phase is Phase.IDLE
    with bench.server.client() as other:
        bench.loop.until(lambda: other.request("status").body["sessions"] == 0)


def test_targets_move_while_it_pulls_and_stop_ends_it(bench: Bench, source: MemorySource) -> None:
    pull = bench.pull(source)
    pull.drag_options = {**ENDLESS, "learning_rate": 0.001, "stop_distance": 0.0}
    pull.pairs.add(HANDLE, TARGET)
    pull.drag()
    bench.loop.until(lambda: pull.phase is Phase.DRAGGING and pull.step >= 2)
    assert pull.can_move_targets
    assert not pull.can_edit_pairs
    told: list[Point] = []
    original = pull._session.retarget
    pull._session.retarget = lambda index, target: (told.append(target), original(index, target))
    pull.pairs.move(0, "target", Point(38, 40))
    pull.pairs.move(0, "target", Point(36, 40))
    reached = pull.step
    bench.loop.until(lambda: pull.step > reached + 20)
    pull.stop()
    bench.rest(pull)
    assert pull.message is None
    assert told == [Point(36, 40)], "only the last place of a moment is sent"
    targets = show(bench, pull, pull.last_step).body["targets"]
    assert targets == [[36, 40]]
    assert len(pull.results) == 1
    assert pull.pairs.undo()
    assert pull.pairs[0].handle == HANDLE


def test_nothing_to_pull_is_said(bench: Bench, source: MemorySource) -> None:
    pull = bench.pull(source)
    pull.pairs.add(HANDLE, HANDLE)
    pull.drag()
    bench.rest(pull)
    assert pull.message is not None
    assert (pull.message.text, pull.message.kind) == ("The points are at their targets already.", "note")
    assert pull.results == []


def test_an_inversion_can_be_stopped(bench: Bench, source: MemorySource) -> None:
    source.pixels = picture(96, 96, seed=77)
    pull = bench.pull(source)
    pull.inversion_settings = {"method": "pti", "pivot_steps": 5000}
    pull.invert()
    bench.loop.until(lambda: pull.phase is Phase.INVERTING and pull.progress.fraction)
    assert pull.progress.text == "Finding the face in the model"
    pull.stop()
    bench.rest(pull)
    assert (pull.phase, pull.message, pull.preview) == (Phase.IDLE, None, None)


def test_a_changed_layer_is_fitted_anew(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    source.pixels = picture(96, 96, seed=5)
    pull.drag()
    bench.rest(pull)
    assert pull.last_step == 6
    assert len({item.session for item in pull.results}) == 2
    old = pull.results[0].identifier
    pull.apply_result(old)
    bench.rest(pull)
    assert pull.message is None or pull.message.kind == "note"
    assert [title for title, _ in source.written] == ["Pull 1"]


def test_another_model_counts_from_the_next_pull(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    pull.set_model("no such model")
    pull.drag()
    bench.rest(pull)
    assert pull.message is not None
    assert pull.message.kind == "error"
    assert len(pull.results) == 1
    pull.set_model(str(bench.model))
    pull.drag()
    bench.rest(pull)
    assert pull.last_step == 12


def test_a_document_that_is_opened_again_pulls_on(bench: Bench, source: MemorySource) -> None:
    source.selection = Mask(Rect(40, 30, 30, 24), b"")
    pull = pulled(bench, source)
    pull.save_record()
    pull.close()
    source.selection = None
    again = bench.pull(source, source.record)
    again.drag_options = SHORT
    assert list(again.pairs) == list(pull.pairs)
    assert (again.step, again.last_step, again.phase) == (6, 6, Phase.READY)
    assert again.crop == pull.crop
    again.drag()
    bench.rest(again)
    assert again.last_step == 12
    assert again.mask is not None
    assert again.mask.pixels == pull.mask.pixels
    assert source.options == [AreaOptions()], "the stored area is used"


def test_a_session_that_is_gone_is_made_anew(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    pull.save_record()
    waiting = bench.connection.send("session.close", {"forget": True}, session=pull.results[0].session)
    bench.loop.until(lambda: waiting.outcome is not None)
    pull.close()
    again = bench.pull(source, source.record)
    again.inversion_settings = pull.inversion_settings
    again.drag_options = SHORT
    again.drag()
    bench.rest(again)
    assert again.last_step == 6
    again.apply_result(again.results[0].identifier)
    bench.rest(again)
    assert again.message is not None
    assert again.message.kind == "error"
    assert again.message.hint


def test_an_unreadable_record_is_told(bench: Bench, source: MemorySource) -> None:
    pull = bench.pull(source, b"rubbish")
    assert pull.message is not None
    assert pull.message.kind == "note"
    assert len(pull.pairs) == 0


def test_a_killed_worker_costs_nothing_but_a_moment(bench: Bench, source: MemorySource) -> None:
    pull = bench.pull(source)
    pull.drag_options = {**ENDLESS, "steps": 400}
    pull.pairs.add(HANDLE, TARGET)
    pull.drag()
    bench.loop.until(lambda: pull.phase is Phase.DRAGGING and pull.step >= 3)
    notes: list[str] = []
    pull.observe(
        lambda topic: notes.append(pull.message.text) if topic == "message" and pull.message else None
    )
    with bench.server.client() as other:
        for pid in worker_pids(other):
            os.kill(pid, signal.SIGKILL)
    reached = pull.step
    bench.loop.until(lambda: notes and pull.phase is Phase.DRAGGING and pull.step > reached + 2)
    assert "started again" in notes[0]
    pull.stop()
    bench.rest(pull)
    assert pull.step > reached
    assert len(pull.results) == 1


def test_points_and_areas_that_cannot_be_pulled_are_explained(bench: Bench, source: MemorySource) -> None:
    pull = bench.pull(source)
    pull.drag()
    assert pull.message is not None
    assert "no points" in pull.message.text
    pull.pairs.add(Point(5, 5), Point(500, 5))
    pull.drag()
    bench.rest(pull)
    assert "outside" in pull.message.text
    pull.pairs.undo()
    pull.pairs.add(HANDLE, TARGET)
    pull.set_area(AreaOptions("selection"))
    pull.drag()
    bench.rest(pull)
    assert (pull.message.text, pull.message.kind) == ("Nothing is selected.", "error")
    assert "empty_selection" in pull.message.details


def test_a_layer_that_is_deleted_meanwhile(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    source.there = False
    pull.apply()
    bench.rest(pull)
    assert pull.message is not None
    assert pull.message.text == "The layer is gone."
    assert len(pull.results) == 1


def test_a_layer_that_is_deleted_in_mid_pull_and_comes_back(bench: Bench, source: MemorySource) -> None:
    pull = bench.pull(source)
    pull.drag_options = ENDLESS
    pull.pairs.add(HANDLE, TARGET)
    pull.drag()
    bench.loop.until(lambda: pull.phase is Phase.DRAGGING and pull.step >= 1)
    source.there = False
    pull.look_after_source()
    bench.rest(pull)
    assert pull.message is not None
    assert pull.message.text == "The layer “Paint layer” was deleted."
    source.there = True
    pull.look_after_source()
    assert pull.message is None
    pull.apply()
    bench.rest(pull)
    assert len(source.written) == 1


def test_closing_in_the_middle_stops_the_work(bench: Bench, source: MemorySource) -> None:
    pull = bench.pull(source)
    pull.drag_options = ENDLESS
    pull.pairs.add(HANDLE, TARGET)
    pull.drag()
    bench.loop.until(lambda: pull.phase is Phase.DRAGGING and pull.step >= 1)
    pull.close()
    with bench.server.client() as other:
        bench.loop.until(lambda: not other.request("status").body["workers"][0]["busy"])


def test_forgetting_deletes_everything(bench: Bench, source: MemorySource) -> None:
    pull = pulled(bench, source)
    name = pull.results[0].session
    pull.forget()
    waiting = bench.connection.send("session.list")
    bench.loop.until(lambda: waiting.outcome is not None)
    assert name not in [item["session"] for item in waiting.outcome.body["sessions"]]
    assert (len(pull.pairs), pull.results, pull.phase) == (0, [], Phase.IDLE)
    pull._record_due = True
    pull.save_record()
    assert source.record == b""


@pytest.mark.parametrize("choice", ["drawn", "selection"])
def test_the_crop_is_chosen(bench: Bench, source: MemorySource, choice: str) -> None:
    pull = bench.pull(source)
    pull.drag_options = SHORT
    if choice == "drawn":
        pull.set_crop("drawn", Square(30, 20, 64))
    else:
        source.selection = Mask(Rect(30, 22, 64, 60), b"")
        pull.set_crop("selection")
    pull.invert()
    bench.rest(pull)
    assert pull.crop == Square(30, 20, 64)
    source.selection = Mask(Rect(40, 30, 20, 20), b"")
    pull.pairs.add(HANDLE, TARGET)
    pull.drag()
    bench.rest(pull)
    assert pull.message is None or pull.message.kind == "note"
    assert pull.crop == Square(30, 20, 64), "a selection of the mouth does not move the crop"
    assert pull.last_step == 6


def test_other_settings_of_the_inversion_are_another_session_and_are_kept(
    bench: Bench, source: MemorySource
) -> None:
    pull = pulled(bench, source)
    pull.save_record()
    again = bench.pull(source, source.record)
    assert again.inversion_settings == pull.inversion_settings
    assert again.drag_options == pull.drag_options
    again.inversion_settings = {**QUICK_INVERSION, "seed": 1}
    assert again.step > 0
    again.drag_options = SHORT
    again.drag()
    bench.rest(again)
    again.save_record()
    sessions = [item.session for item in again.results]
    assert len(set(sessions)) == 2
    assert json.loads(source.record)["inversion"] == {**QUICK_INVERSION, "seed": 1}
