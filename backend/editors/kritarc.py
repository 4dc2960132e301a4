"""Reads and edits kritarc, which Krita writes anew whenever it quits; every other line stays as it is."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "s": " ", "\\": "\\"}
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class Kritarc:
    """The settings as lines in groups; the group ``""`` is what stands above the first one."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    @property
    def text(self) -> str:
        """The whole file."""
        return "\n".join(self._lines) + "\n" if self._lines else ""

    def value(self, group: str, key: str) -> str | None:
        """The value of a key, its escapes undone; None when it is not there."""
        found = None
        for index in self._places(group, key):
            found = self._lines[index].partition("=")[2].strip()
        return None if found is None else _ESCAPE.sub(_unescaped, found)

    def path(self, group: str, key: str) -> Path | None:
        """A value that is a folder, with ``$HOME`` in it resolved; None when it is empty or missing."""
        value = self.value(group, key)
        if not value:
            return None
        return Path(_VARIABLE.sub(lambda name: os.environ.get(name.group(1) or name.group(2), ""), value))

    def set(self, group: str, key: str, value: str) -> None:
        """Set a key whose value needs no escapes; the group is made when it is missing."""
        line = f"{key}={value}"
        places = self._places(group, key)
        if places:
            self._lines[places[-1]] = line
            return
        span = self._span(group)
        if span is None:
            if self._lines and self._lines[-1].strip():
                self._lines.append("")
            self._lines += [f"[{group}]", line]
            return
        end = span[1]
        while end > span[0] and not self._lines[end - 1].strip():
            end -= 1
        self._lines.insert(end, line)

    def remove(self, group: str, key: str) -> None:
        """Remove a key; nothing happens when it is not there."""
        for index in reversed(self._places(group, key)):
            del self._lines[index]

    def remove_group(self, group: str) -> None:
        """Remove a group with its keys; nothing happens when it is not there."""
        while group and (span := self._span(group)) is not None:
            del self._lines[span[0] - 1 : span[1]]

    def _span(self, group: str) -> tuple[int, int] | None:
        """Lines ``[begin, end)`` of the group's content; its header is the line before."""
        begin = 0 if group == "" else None
        for index, line in enumerate(self._lines):
            if not line.startswith("["):
                continue
            if begin is not None:
                return begin, index
            if line.strip() == f"[{group}]":
                begin = index + 1
        return None if begin is None else (begin, len(self._lines))

    def _places(self, group: str, key: str) -> list[int]:
        span = self._span(group)
        if span is None:
            return []
        # A key can carry options such as [$e]: its value has variables in it.
        return [
            index
            for index in range(*span)
            if re.sub(r"(\[\$\w+\])+$", "", self._lines[index].partition("=")[0].strip()) == key
            and "=" in self._lines[index]
        ]


def _unescaped(match: re.Match[str]) -> str:
    letters = match.group(1)
    return chr(int(letters[1:], 16)) if len(letters) == 3 else _ESCAPED.get(letters, letters)


def read(file: Path) -> Kritarc:
    """The settings in a file; empty ones when it is missing."""
    try:
        return Kritarc(file.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        return Kritarc("")


def write(file: Path, settings: Kritarc) -> None:
    """Replace the file in one step, so that it is never half-written.

    Raises:
        OSError: it cannot be written.
    """
    file = file.resolve()  # people keep their settings behind links
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=".kritarc-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            stream.write(settings.text)
        os.chmod(temporary, file.stat().st_mode & 0o777 if file.exists() else 0o600)
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
