"""One moving line on a terminal, sparse plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO


class Progress:
    """Shows what goes on in one stage.

    On a terminal the line is rewritten in place; in a file or a pipe a line is printed when the activity changes
    and then every ten seconds, so that a log stays readable.
    """

    def __init__(self, title: str, stream: TextIO | None = None, interval: float = 10.0) -> None:
        self._title = title
        self._stream = stream or sys.stdout
        self._terminal = self._stream.isatty()
        self._interval = interval
        self._begun = time.monotonic()
        self._last_shown = float("-inf")
        self._last_activity = ""

    def show(self, activity: str, detail: str = "") -> None:
        """Say what is being done; ``detail`` may change often (bytes so far)."""
        now = time.monotonic()
        changed = activity != self._last_activity
        pause = 0.1 if self._terminal else self._interval
        if not changed and now - self._last_shown < pause:
            return
        if changed and not self._terminal and now - self._last_shown < 1.0:
            return  # twenty small packages a second would be noise
        self._last_shown, self._last_activity = now, activity
        text = f"  {self._title}: {activity}" + (f" {detail}" if detail else "")
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write("\r" + text[:width].ljust(width))
        else:
            self._write(text + "\n")

    def done(self, text: str) -> None:
        """Close the line with what was reached."""
        self.clear()
        self._write(f"  {self._title}: {text}\n")

    def clear(self) -> None:
        """Take the moving line away."""
        if self._terminal:
            self._write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")

    @property
    def seconds(self) -> float:
        """Seconds since this stage began."""
        return time.monotonic() - self._begun

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
