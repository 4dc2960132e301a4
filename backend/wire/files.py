"""Replacing a file as a whole, on every platform (standard library only)."""

from __future__ import annotations

import os
import time
from pathlib import Path

_ATTEMPTS = 50


def replace_file(source: Path | str, target: Path | str) -> None:
    """Puts ``source`` in the place of ``target`` atomically.

    On Windows this fails for as long as somebody has the target open for reading, which our readers do for a
    moment only, so it is tried again for up to half a second.

    Raises:
        OSError: it cannot be done.
    """
    for attempt in range(_ATTEMPTS):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if os.name != "nt" or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.01)
