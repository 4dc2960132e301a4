"""The sessions on disk as a list, and the mark that one is to be deleted. Standard library and msgpack only."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from backend.sessions.step_log import count_steps
from backend.wire.codec import is_session

RECORD_FILE = "session.json"
STEPS_FILE = "steps.log"
FORGOTTEN_FILE = "forgotten"
FORMAT = 1

MAX_LISTED = 200
"""The newest sessions that a list shows."""


def read_record(folder: Path) -> dict[str, Any] | None:
    """The content of a session's record, or None when it is missing, damaged or to be forgotten."""
    if (folder / FORGOTTEN_FILE).exists():
        return None
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("format") != FORMAT or record.get("session") != folder.name:
        return None
    return record


def session_folders(root: Path) -> list[Path]:
    """The folders of all sessions, the last used first."""
    dated = []
    with contextlib.suppress(OSError):
        for folder in root.iterdir():
            if is_session(folder.name):
                with contextlib.suppress(OSError):
                    dated.append(((folder / RECORD_FILE).stat().st_mtime, folder))
    return [folder for _, folder in sorted(dated, reverse=True)]


def list_sessions(root: Path) -> list[dict[str, Any]]:
    """At most ``MAX_LISTED`` sessions, the last used first.

    Returns:
        maps with session, model, crop, layer, created and modified (seconds since the epoch), inverted, steps.
    """
    found: list[dict[str, Any]] = []
    for folder in session_folders(root):
        record = read_record(folder)
        if record is None:
            continue
        entry = {key: record.get(key) for key in ("session", "model", "crop", "layer", "created", "modified")}
        entry["inverted"] = record.get("inversion") is not None
        entry["steps"] = count_steps(folder / STEPS_FILE)
        found.append(entry)
        if len(found) >= MAX_LISTED:
            break
    return found


def mark_forgotten(root: Path, session: str) -> None:
    """Notes on disk that a session is to be deleted: from now on it is neither listed nor opened."""
    folder = root / session
    if folder.is_dir():
        (folder / FORGOTTEN_FILE).touch()
