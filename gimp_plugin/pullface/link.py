"""Lets GLib's main loop drive the connection to the backend."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from gi.repository import Gimp, GLib

from .backend.editing.connection import Connection
from .backend.wire.client import Client
from .backend.wire.launch import ensure_server

SAFETY_MILLISECONDS = 250


def later(seconds: float, function: Callable[[], None]) -> None:
    """Calls a function from the main loop after so many seconds; 0 means on its next turn."""

    def once() -> bool:
        function()
        return False

    GLib.timeout_add(max(0, round(seconds * 1000)), once)


def new_connection() -> Connection:
    """A connection whose backend, if it has to be started, stays as long as GIMP does.

    Without that it would end with the plug-in's process, and each call would load the model again.
    """
    client_name = f"GIMP {Gimp.version()}"
    gimp = os.getppid()  # GIMP itself starts its plug-ins
    return Connection(client_name, lambda: Client(ensure_server(parent_pid=gimp), client_name))


class BackendLink:
    """Polls a connection whenever something may have come.

    The connection's descriptor is edge-triggered: one wake-up may stand for many messages, and sending can swallow
    one. So every wake-up and every request is followed by a look on the next turn of the main loop, and a timer looks
    every 250 ms in any case.

    Args:
        connection: is polled and, at the end, closed.

    Attributes:
        connection: as given.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._watch = 0
        self._watched: tuple[int, int] | None = None
        self._timer = 0
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
            # A defect; the timer tries again.
            traceback.print_exc(file=sys.stderr)
        finally:
            self._polling = False
        self._look_after_watch()

    def poll_soon(self) -> None:
        """Polls on the next turn of the main loop; the connection calls it after every request."""
        if not self._again and not self._closed:
            self._again = True
            later(0, self._poll_again)

    def close(self) -> None:
        """Lets go of the backend. Harmless when called twice."""
        if self._closed:
            return
        self._closed = True
        self._end_observing()
        self.connection.sent = lambda: None
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0
        self._end_watch()
        self.connection.close()

    def _poll_again(self) -> None:
        self._again = False
        self.poll()

    def _changed(self, topic: str) -> None:
        if not self._closed:
            if self.connection.state == "starting":
                self._start_timer()  # somebody else called the connection's start()
            self._look_after_watch()

    def _start_timer(self) -> None:
        if not self._timer:
            self._timer = GLib.timeout_add(SAFETY_MILLISECONDS, self._tick)

    def _tick(self) -> bool:
        self.poll()
        return True

    def _readable(self, *_: Any) -> bool:
        self.poll()
        self.poll_soon()
        return True

    def _look_after_watch(self) -> None:
        """Makes the watch fit the descriptor.

        A new connection may get the number of the old one's descriptor, so the number alone does not tell.
        """
        descriptor = None if self._closed else self.connection.fileno()
        wanted = None if descriptor is None else (descriptor, self.connection.generation)
        if wanted == self._watched:
            return
        self._end_watch()
        self._watched = wanted
        if descriptor is not None:
            self._watch = GLib.io_add_watch(
                _channel(descriptor), GLib.PRIORITY_DEFAULT, GLib.IO_IN, self._readable
            )
            self.poll_soon()  # what came before the watch was there made no edge for it

    def _end_watch(self) -> None:
        watch, self._watch = self._watch, 0
        self._watched = None
        if watch:
            GLib.source_remove(watch)


def _channel(descriptor: int) -> Any:
    """What GLib watches; on Windows the descriptor is a socket's, which is no file there."""
    if sys.platform == "win32":
        return GLib.IOChannel.win32_new_socket(descriptor)
    return GLib.IOChannel.unix_new(descriptor)
