"""What an exception means for the artist. Tracebacks go to the log."""

from __future__ import annotations

import errno
import logging

from backend.engine import Cancelled
from backend.errors import PullfaceError

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate")

_log = logging.getLogger(__name__)


def explain(error: BaseException, work: str) -> PullfaceError:
    """The error to send for whatever a job raised.

    Args:
        error: what it raised.
        work: the job's type, for the log.
    """
    if isinstance(error, PullfaceError):
        _log.info("%s: %s (%s)", work, error.code, error.message)
        return error
    if isinstance(error, Cancelled):
        return PullfaceError("cancelled", "The work was cancelled.", "Start it again when you like.")
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _MEMORY_WORDS)
    ):
        # No traceback: writing one needs memory, too.
        _log.error("%s ran out of memory", work)
        return PullfaceError(
            "out_of_memory",
            "There was not enough memory.",
            "Close other programs, choose a smaller model or a smaller crop, and try again.",
        )
    _log.error("%s failed", work, exc_info=error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PullfaceError(
            "disk_full", "The session cannot be saved: the disk is full.", "Free some room and try again."
        )
    return PullfaceError(
        "internal",
        "The Pullface backend made a mistake.",
        "Try again; the log in the log folder has the details.",
    )
