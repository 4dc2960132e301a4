"""One installer at a time: an operating-system lock, which a dead process cannot leave behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.wire.processes import FileLock

from .texts import InstallError


@contextmanager
def exclusive(path: Path, patience: float = 3600.0, poll: float = 0.5) -> Iterator[None]:
    """Hold the lock ``path`` while the block runs; wait for another holder first, and say so.

    Args:
        path: the lock file; made when missing and left in place, since removing it would let two holders in.
        patience: seconds to wait for another holder.
        poll: seconds between two tries.

    Raises:
        InstallError: the other holder did not finish in time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    deadline = time.monotonic() + patience
    told = False
    while not lock.acquire():
        if time.monotonic() >= deadline:
            raise InstallError(
                "Another installation of Pullface is still at work.",
                f"Wait for it or end it, then run this again. Its lock is {path}.",
            )
        if not told:
            print(
                "Another installation of Pullface is at work; waiting for it (Ctrl+C to leave).", flush=True
            )
            told = True
        time.sleep(poll)
    try:
        yield
    finally:
        lock.release()
