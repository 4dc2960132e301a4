"""A client's request on its way through a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.wire.messages import Buffer, Message
from backend.wire.types import Lane

RELEASE = "worker.release"
"""The front's own job: the worker forgets a session that no client holds any more."""


@dataclass
class Job:
    """One unit of work for a worker.

    Attributes:
        number: the front's own number for it; the worker answers to this number.
        client: routing id of the client that waits for the answer; None for the front's own jobs.
        request: the client's id for the request.
        type: the request's type, or ``RELEASE``.
        lane: a worker runs one long and one short job at a time.
        session: the session that it works on.
        body, buffers: passed on to the worker as they came.
        dispatched: whether the worker has it.
        stopped: whether it was told to stop.
        preview_lost: whether the last preview could not be handed to a client that does not read.
    """

    number: int
    client: bytes | None
    request: int
    type: str
    lane: Lane
    session: str
    body: dict[str, Any] = field(default_factory=dict)
    buffers: Sequence[Buffer] = ()
    dispatched: bool = False
    stopped: bool = False
    preview_lost: bool = False

    @property
    def bytes(self) -> int:
        """The size of its buffers."""
        return sum(memoryview(buffer).nbytes for buffer in self.buffers)

    @property
    def stoppable(self) -> bool:
        """Whether it looks, while it runs, whether it should stop."""
        return self.lane is Lane.LONG or self.type == "session.result"

    @property
    def reads_only(self) -> bool:
        """Whether it may run between the steps of a drag of the same session: it names the step that it wants."""
        return self.type in ("step.show", "session.result") and self.body.get("step") is not None

    def message(self) -> Message:
        """The message that hands it to the worker."""
        return Message(self.type, self.number, self.body, session=self.session, buffers=self.buffers)
