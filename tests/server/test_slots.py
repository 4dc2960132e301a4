"""Which job a worker gets next, and when its queue is full. No process is needed for that."""

from __future__ import annotations

import itertools
from typing import Any

from backend.front.jobs import RELEASE, Job
from backend.front.slots import RESTART_LIMIT, RESTART_WINDOW, WorkerSlot
from backend.wire.limits import MAX_QUEUE, MAX_QUEUE_BYTES
from backend.wire.types import REQUESTS, Lane

numbers = itertools.count(1)


def job(kind: str, session: str, client: bytes | None = b"c", **body: Any) -> Job:
    lane = REQUESTS[kind].lane if kind in REQUESTS else Lane.SHORT
    return Job(next(numbers), client, 1, kind, lane, session, body)


def slot_with(*jobs: Job) -> WorkerSlot:
    slot = WorkerSlot(0, "cpu")
    slot.routing_id = b"worker"
    slot.queue.extend(jobs)
    return slot


def taken(slot: WorkerSlot) -> list[Job]:
    return list(iter(slot.next_job, None))


def test_one_long_and_one_short_at_a_time() -> None:
    drag, other_drag = job("drag.start", "a"), job("drag.start", "b")
    opening, other_opening = job("session.open", "c"), job("session.open", "d")
    slot = slot_with(drag, other_drag, opening, other_opening)
    assert taken(slot) == [drag, opening]
    slot.finish(opening)
    assert taken(slot) == [other_opening]
    slot.finish(drag)
    assert taken(slot) == [other_drag]
    assert slot.job(other_drag.number) is other_drag
    assert slot.job(drag.number) is None


def test_jobs_of_a_session_keep_their_order() -> None:
    invert, drag, result = (job(kind, "a") for kind in ("session.invert", "drag.start", "session.result"))
    elsewhere = job("session.result", "b")
    slot = slot_with(invert, drag, result, elsewhere)
    # The result waits for the drag, which waits for the inversion; the other session need not.
    assert taken(slot) == [invert, elsewhere]
    slot.finish(elsewhere)
    assert taken(slot) == []
    slot.finish(invert)
    assert taken(slot) == [drag]
    slot.finish(drag)
    assert taken(slot) == [result]


def test_named_steps_are_read_while_a_drag_runs_and_nothing_else_is() -> None:
    drag, show = job("drag.start", "a"), job("step.show", "a", step=3)
    result, last, release = job("session.result", "a", step=3), job("session.result", "a"), job(RELEASE, "a")
    slot = slot_with(drag, show, result, last, release)
    assert taken(slot) == [drag, show]
    slot.finish(show)
    assert taken(slot) == [result]
    slot.finish(result)
    assert taken(slot) == []
    slot.finish(drag)
    assert taken(slot) == [last]
    slot.finish(last)
    assert taken(slot) == [release]
    inverting = slot_with(job("session.invert", "a"), job("step.show", "a", step=0))
    assert [one.type for one in taken(inverting)] == ["session.invert"]


def test_a_worker_that_is_not_there_gets_nothing() -> None:
    slot = slot_with(job("drag.start", "a"))
    slot.routing_id = None
    assert slot.next_job() is None
    assert len(slot.queue) == 1


def test_a_full_queue() -> None:
    slot = slot_with(*[job("step.show", str(number)) for number in range(MAX_QUEUE - 1)])
    assert not slot.full(job("step.show", "x"))
    slot.queue.append(job("step.show", "y"))
    assert slot.full(job("step.show", "x"))
    # Bytes count as well; one alone is always let in, however large it is.
    large = job("session.open", "a")
    large.buffers = (memoryview(bytearray(MAX_QUEUE_BYTES // 8)),) * 5
    slot = slot_with()
    assert not slot.full(large)
    slot.queue.append(large)
    assert not slot.full(job("step.show", "x"))
    assert slot.full(large)


def test_restarts_are_counted_in_a_window() -> None:
    slot = slot_with()
    for number in range(RESTART_LIMIT):
        assert slot.may_restart()
        slot.starts.append(1e12 + number)  # far in the future: inside the window for certain
    assert slot.may_restart()
    slot.starts.append(1e12 + 9)
    assert not slot.may_restart()
    slot.starts[0] = -2 * RESTART_WINDOW
    assert slot.may_restart()
