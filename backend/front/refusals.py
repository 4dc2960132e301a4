"""Errors that several parts of the front answer with."""

from __future__ import annotations

from backend.wire.errors import WireError
from backend.wire.limits import PROTOCOL


def worker_lost() -> WireError:
    """The error for work that a dead worker was doing, or cannot begin."""
    return WireError(
        "worker_lost",
        "The compute process stopped unexpectedly.",
        "It is being started again and your session is saved: resume it and go on from the last step.",
    )


def wrong_protocol(major: int, request_id: int | None) -> WireError:
    """The error for a client of another major version; its text says which side to update."""
    ours = PROTOCOL[0]
    if major < ours:
        hint = "Update the plugin: run python3 install.py editors with the newer Pullface, then restart the editor."
    else:
        hint = "Update the backend: run python3 install.py editors with the newer Pullface, then restart the editor."
    return WireError(
        "wrong_protocol",
        f"The plugin speaks protocol {major}, but the backend speaks protocol {ours}.",
        hint,
        request_id=request_id,
    )


def internal_error() -> WireError:
    """The error for a defect; the details are in the log."""
    return WireError(
        "internal",
        "The Pullface backend made a mistake.",
        "Try again; the log in the log folder has the details.",
    )
