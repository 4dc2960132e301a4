"""When the front ends by itself, so that no orphan stays behind."""

from __future__ import annotations

import time
from collections.abc import Sequence

from backend.wire.processes import WatchedProcess

GRACE_SECONDS = 2.0
"""How long a server without a living parent waits for a client that is just connecting."""


class Lifetime:
    """Decides whether the front has still someone to live for.

    It ends when every parent process has ended and no client is connected, or when no client has been connected
    for ``idle_exit`` seconds. A server with neither parents nor ``idle_exit`` lives until it is told to end.

    Args:
        parents: process ids, usually of the editor or the command that started the server.
        idle_exit: seconds; 0 for never.
    """

    def __init__(self, parents: Sequence[int], idle_exit: float) -> None:
        self._parents = [WatchedProcess(pid) for pid in parents]
        self._idle_exit = idle_exit
        self._alone_since = time.monotonic()

    def reason_to_end(self, clients: int) -> str | None:
        """Why the front should end now, for the log, or None. To be called about every second."""
        now = time.monotonic()
        if clients:
            self._alone_since = now
            return None
        alone = now - self._alone_since
        if self._parents and alone >= GRACE_SECONDS and not any(parent.alive() for parent in self._parents):
            return "the process that started it has ended and no client is left"
        if self._idle_exit and alone >= self._idle_exit:
            return f"no client for {self._idle_exit:g} seconds"
        return None
