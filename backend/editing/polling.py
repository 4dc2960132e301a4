"""Lets an editor's event loop drive the connection to the backend."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Protocol

from .connection import Connection

SAFETY_MILLISECONDS = 250

Function = Callable[[], object]
End = Callable[[], None]
"""Ends what it was returned for; called once."""


class EventLoop(Protocol):
    """What a link needs of an editor's event loop; everything is called on the loop's own thread."""

    def soon(self, function: Function) -> None:
        """Calls it once, on the next turn."""

    def every(self, milliseconds: int, function: Function) -> End:
        """Calls it again and again."""

    def when_readable(self, descriptor: int, function: Function) -> End:
        """Calls it whenever the descriptor can be read; ended before the descriptor is closed."""


class BackendLink:
    """Polls a connection whenever something may have come.

    The connection's descriptor is edge-triggered: one wake-up may stand for many messages, and sending can swallow
    one. So every wake-up and every request is followed by a look on the next turn of the event loop, and a timer looks
    every 250 ms in any case.

    Args:
        connection: is polled and, at the end, closed.
        loop: the editor's.

    Attributes:
        connection: as given.
    """

    def __init__(self, connection: Connection, loop: EventLoop) -> None:
        self.connection = connection
        self._loop = loop
        self._watched: tuple[int, int] | None = None
        self._end_watch: End | None = None
        self._end_timer: End | None = None
        self._again = False
        self._polling = False
        self._closed = False
        self._end_observing = connection.observe(self._changed)
        connection.sent = self.poll_soon

    def start(self) -> None:
        """Finds or starts the backend, without waiting for it; harmless when that was done already."""
        if self._closed:
            return
        self._start_timer()
        self.connection.start()
        self.poll()

    def poll(self) -> None:
        """Takes in what has come. Harmless at any time, also from within a poll."""
        if self._closed or self._polling:
            return
        self._polling = True
        try:
            self.connection.poll()
        except Exception:
            # A defect. Left to the event loop an exception could end the whole editor; the timer tries again.
            traceback.print_exc(file=sys.stderr)
        finally:
            self._polling = False
        self._look_after_watch()

    def poll_soon(self) -> None:
        """Polls on the next turn of the event loop; the connection calls it after every request."""
        if not self._again and not self._closed:
            self._again = True
            self._loop.soon(self._poll_again)

    def close(self) -> None:
        """Lets go of the backend. Harmless when called twice."""
        if self._closed:
            return
        self._closed = True
        self._end_observing()
        self.connection.sent = lambda: None
        end, self._end_timer = self._end_timer, None
        if end is not None:
            end()
        self._unwatch()
        self.connection.close()

    def _poll_again(self) -> None:
        self._again = False
        self.poll()

    def _readable(self) -> None:
        self.poll()
        self.poll_soon()

    def _changed(self, topic: str) -> None:
        if not self._closed:
            if self.connection.state == "starting":
                self._start_timer()  # somebody else called the connection's start()
            self._look_after_watch()

    def _start_timer(self) -> None:
        if self._end_timer is None:
            self._end_timer = self._loop.every(SAFETY_MILLISECONDS, self.poll)

    def _look_after_watch(self) -> None:
        """Makes the watch fit the descriptor.

        A new connection may get the number of the old one's descriptor, so the number alone does not tell.
        """
        descriptor = None if self._closed else self.connection.fileno()
        wanted = None if descriptor is None else (descriptor, self.connection.generation)
        if wanted == self._watched:
            return
        self._unwatch()
        self._watched = wanted
        if descriptor is not None:
            self._end_watch = self._loop.when_readable(descriptor, self._readable)
            self.poll_soon()  # what came before the watch was there made no edge for it

    def _unwatch(self) -> None:
        end, self._end_watch = self._end_watch, None
        self._watched = None
        if end is not None:
            end()
