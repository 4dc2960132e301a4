"""Work that waits for replies, written as generators and driven by the editor's event loop.

A job yields ``None`` to let the event loop turn, a number of seconds to sleep, or a ``Waiting`` for a reply: what it
is resumed with, or the error that is raised at that place. So a job reads from top to bottom although nothing blocks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from ..wire.errors import RemoteError
from ..wire.messages import Reply

T = TypeVar("T")
Steps = Generator["Waiting | float | None", Any, T]
"""A part of a job that returns something: use it with ``yield from``."""

Job = Steps[None]


Later = Callable[[float, Callable[[], None]], None]


class Waiting:
    """A reply that somebody waits for; made by whoever sends the request.

    Attributes:
        request: the request's number on the wire; −1 when it was not sent.
        outcome: the reply or the error, once it is here.
    """

    def __init__(self, request: int = -1) -> None:
        self.request = request
        self.outcome: Reply | RemoteError | None = None
        self._answered: Callable[[], None] | None = None

    def then(self, function: Callable[[], None]) -> None:
        """Calls ``function`` when the outcome is here, at once if it is; only the last one given is called."""
        if self.outcome is not None:
            function()
        else:
            self._answered = function

    def answer(self, outcome: Reply | RemoteError) -> None:
        """Delivers the reply; a second one is ignored."""
        if self.outcome is None:
            self.outcome = outcome
            if self._answered is not None:
                self._answered()


class Runner:
    """Runs one job at a time.

    Args:
        later: calls a function from the event loop after so many seconds; 0 means on its next turn.
        finished: called when the job has ended, with the exception that ended it or None.
    """

    def __init__(self, later: Later, finished: Callable[[BaseException | None], None]) -> None:
        self._later = later
        self._finished = finished
        self._job: Job | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._job is not None

    def run(self, job: Job) -> None:
        """Starts a job; its first slice runs at once.

        Raises:
            RuntimeError: another one still runs.
        """
        if self._job is not None:
            raise RuntimeError("another job still runs")
        self._job = job
        self._resume(job, None)

    def cancel(self) -> None:
        """Ends the job where it waits, without calling ``finished``; harmless when none runs."""
        job, self._job = self._job, None
        if job is not None and inspect.getgeneratorstate(job) != inspect.GEN_RUNNING:
            job.close()

    def _resume(self, job: Job, outcome: Reply | RemoteError | None) -> None:
        if job is not self._job:
            return  # cancelled meanwhile
        try:
            waiting = job.throw(outcome) if isinstance(outcome, RemoteError) else job.send(outcome)
        except StopIteration:
            self._end(job, None)
        except Exception as error:  # whatever it is, the artist is told, and the editor goes on
            self._end(job, error)
        else:
            if job is not self._job:
                job.close()  # cancelled from within its own slice, where it could not be closed
            else:
                self._wait(job, waiting)

    def _wait(self, job: Job, waiting: Waiting | float | None) -> None:
        if isinstance(waiting, Waiting):
            # Never resumed from inside itself: the outcome may be here already.
            waiting.then(lambda: self._later(0, lambda: self._resume(job, waiting.outcome)))
        else:
            self._later(waiting or 0, lambda: self._resume(job, None))

    def _end(self, job: Job, error: BaseException | None) -> None:
        if job is self._job:
            self._job = None
            self._finished(error)
