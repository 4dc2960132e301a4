"""The folder with all sessions: making, opening, forgetting, and keeping it from growing without end."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Container
from pathlib import Path

import numpy as np

from backend.engine.depth import Pixels
from backend.sessions.listing import FORGOTTEN_FILE, read_record, session_folders
from backend.sessions.record import SessionRecord
from backend.sessions.session import INVERSION_FILE, WINDOW_FILE, Session

MAX_BYTES = 4 * 1024**3
"""When the sessions take more room than this, those not used for longest go."""

_UNFINISHED = ".new-"

_log = logging.getLogger(__name__)


class SessionStore:
    """All sessions of this user; used by the workers.

    Args:
        root: usually ``backend.wire.folders.sessions_folder()``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, record: SessionRecord, window: Pixels) -> Session:
        """Makes a session on disk; it is there as a whole or not at all.

        Args:
            record: its name must be new.
            window: RGBA [h, w, 4] of any depth, the pixels of ``record.rect``.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        temporary = self.root / f"{_UNFINISHED}{record.session}"
        try:
            temporary.mkdir()
            with open(temporary / WINDOW_FILE, "wb") as file:
                np.save(file, window, allow_pickle=False)
            record.save(temporary)
            os.rename(temporary, self.root / record.session)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return Session(self.root / record.session, record)

    def open(self, name: str) -> Session:
        """A saved session.

        Raises:
            PullfaceError: ``unknown_session`` or ``damaged_session``.
        """
        folder = self.root / name
        return Session(folder, SessionRecord.load(folder))

    def find_inversion(self, key: str) -> tuple[Path, dict[str, object]] | None:
        """A saved inversion of the same content by the same model with the same settings.

        Returns:
            its file and what the record of its session says about it, or None.
        """
        for folder in session_folders(self.root):
            record = read_record(folder)
            facts = record.get("inversion") if record is not None else None
            if isinstance(facts, dict) and facts.get("key") == key and (folder / INVERSION_FILE).is_file():
                return folder / INVERSION_FILE, facts
        return None

    def forget(self, name: str) -> None:
        """Deletes a session; one that cannot be deleted now is deleted by a later ``clean``."""
        folder = self.root / name
        if folder.is_dir():
            with contextlib.suppress(OSError):
                (folder / FORGOTTEN_FILE).touch()
            shutil.rmtree(folder, ignore_errors=True)

    def clean(self, keep: Container[str] = (), max_bytes: int = MAX_BYTES) -> None:
        """Deletes what was forgotten or never finished, and the oldest sessions when all take too much room.

        Args:
            keep: sessions that are in use.
            max_bytes: the room for all sessions.
        """
        for folder in self.root.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(folder, ignore_errors=True)
        total = 0
        for folder in session_folders(self.root):
            if (folder / FORGOTTEN_FILE).exists():
                shutil.rmtree(folder, ignore_errors=True)
                continue
            total += sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
            if total > max_bytes and folder.name not in keep:
                _log.info("session %s is deleted to make room", folder.name)
                shutil.rmtree(folder, ignore_errors=True)
