"""Log files: rotating, in the user's log folder, with everything that an artist should not have to read."""

from __future__ import annotations

import logging
import logging.handlers

from backend.wire.folders import log_folder

MAX_BYTES = 1_000_000
KEPT_FILES = 3


def log_to_file(name: str, level: int = logging.INFO) -> None:
    """Sends this process's log to ``<name>.log`` in the log folder: at most four files of 1 MB each."""
    handler = logging.handlers.RotatingFileHandler(
        log_folder() / f"{name}.log", maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8", delay=True
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(handler)
