"""Lets GLib's main loop drive the connection to the backend."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from gi.repository import Gimp, GLib

from .backend.editing.connection import Connection
from .backend.editing.polling import BackendLink, End, Function
from .backend.wire.client import Client
from .backend.wire.launch import ensure_server


def later(seconds: float, function: Callable[[], None]) -> None:
    """Calls a function from the main loop after so many seconds; 0 means on its next turn."""

    def once() -> bool:
        function()
        return False

    GLib.timeout_add(max(0, round(seconds * 1000)), once)


def new_link() -> BackendLink:
    """A connection that GLib's main loop polls.

    A backend that has to be started for it stays as long as GIMP does: else it would end with the plug-in's process,
    and each call would load the model again.
    """
    client_name = f"GIMP {Gimp.version()}"
    gimp = os.getppid()  # GIMP itself starts its plug-ins
    connection = Connection(client_name, lambda: Client(ensure_server(parent_pid=gimp), client_name))
    return BackendLink(connection, GLibLoop())


class GLibLoop:
    """What a link needs of GLib's main loop; see ``backend.editing.polling.EventLoop``."""

    def soon(self, function: Function) -> None:
        """Calls it once, on the next turn."""
        later(0, lambda: (function(), None)[1])

    def every(self, milliseconds: int, function: Function) -> End:
        """Calls it again and again."""
        source = GLib.timeout_add(milliseconds, lambda: (function(), True)[1])
        return lambda: GLib.source_remove(source)

    def when_readable(self, descriptor: int, function: Function) -> End:
        """Calls it whenever the descriptor can be read."""
        channel, kind = _channel(descriptor), GLib.IO_IN
        watch = GLib.io_add_watch(channel, GLib.PRIORITY_DEFAULT, kind, lambda *_: (function(), True)[1])
        return lambda: GLib.source_remove(watch)


def _channel(descriptor: int) -> Any:
    """What GLib watches; on Windows the descriptor is a socket's, which is no file there."""
    if sys.platform == "win32":
        return GLib.IOChannel.win32_new_socket(descriptor)
    return GLib.IOChannel.unix_new(descriptor)
