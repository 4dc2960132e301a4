"""The note that the installer leaves in an installed plug-in, whichever editor it is for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

MODULE = "pullface"
"""The plug-in's folder."""

PLUGIN_NOTE = "installed.json"
"""In that folder: ``{"version": TEXT, "home": TEXT}``, written by the installer; ``home`` is PULLFACE_HOME."""


@dataclass(frozen=True)
class PluginNote:
    """What an installed plug-in says of itself.

    Attributes:
        version: ``"unknown"`` when it does not say.
        home: the PULLFACE_HOME of the installation that it belongs to; empty for the user's usual one.
    """

    version: str
    home: str


def read_note(plugin: Path) -> PluginNote:
    """The note in a plug-in's folder; an empty one where there is none."""
    try:
        note = json.loads((plugin / PLUGIN_NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        note = None
    items = note.items() if isinstance(note, dict) else ()
    told = {key: value for key, value in items if isinstance(value, str)}
    return PluginNote(told.get("version") or "unknown", told.get("home") or "")


def write_note(plugin: Path, version: str, home: str) -> None:
    """Leave a note in a plug-in's folder."""
    (plugin / PLUGIN_NOTE).write_text(json.dumps({"version": version, "home": home}), encoding="utf-8")
