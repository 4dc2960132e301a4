"""Which of an editor's programs run, and whose settings they use as far as the system tells."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path


def running(name: str, belongs: Callable[[Mapping[str, str]], bool]) -> list[int]:
    """Process numbers of this user's programs.

    Args:
        name: a regular expression for the program's whole name, on Windows without ``.exe``. Linux keeps 15 letters.
        belongs: tells from its environment variables whether a program counts. Where the system does not show them
            (everywhere but on Linux), every one counts.
    """
    if sys.platform == "linux":
        return [pid for pid in _on_linux(name) if (told := _variables(pid)) is not None and belongs(told)]
    elif sys.platform == "win32":
        rows = [
            row for row in csv.reader(_asked("tasklist", "/FO", "CSV", "/NH").splitlines()) if len(row) > 1
        ]
        pattern = re.compile(rf"({name})\.exe", re.IGNORECASE)
        return [int(row[1]) for row in rows if pattern.fullmatch(row[0]) and row[1].isdigit()]
    else:
        return [int(word) for word in _asked("pgrep", "-x", name).split() if word.isdigit()]


def _on_linux(name: str) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            own = (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
            if re.fullmatch(name, own) and entry.stat().st_uid == os.getuid():
                yield int(entry.name)
        except OSError:
            continue


def _variables(pid: int) -> dict[str, str] | None:
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return None
    pairs = (item.partition("=") for item in raw.split("\0") if "=" in item)
    return {key: value for key, _, value in pairs}


def _asked(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout
