"""Progress for people: bars on a terminal, sparse lines elsewhere. Everything goes to standard error."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

STAGE_WORDS = {
    "queued": "Waiting for the backend",
    "pivot": "Looking for the face in the model",
    "tuning": "Fitting the model to the picture",
    "drag": "Pulling",
    "composite": "Putting the edit onto the picture",
}
"""The protocol's stages in plain words."""

_FORM = "{desc:<36} {percentage:3.0f}% |{bar}| {elapsed}{postfix}"
_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 15.0


def say(text: str) -> None:
    """A line for the user, on standard error so that results can be piped."""
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


class Bar:
    """The progress of one long piece of work, whose stage may change on the way.

    On a terminal it is a bar; in a file or a pipe a line every 15 seconds and one when a stage ends.

    Args:
        words: what is being done at first.
    """

    def __init__(self, words: str) -> None:
        self._terminal = sys.stderr.isatty()
        self._begin(words)

    def _begin(self, words: str) -> None:
        self._words = words
        self._begun = self._shown = time.monotonic()
        self._bar = tqdm(total=1.0, desc=words, bar_format=_FORM, disable=not self._terminal, leave=True)
        self._fraction = 0.0

    def show(self, words: str, fraction: float, detail: str = "") -> None:
        """Show how far it is: ``fraction`` 0 … 1 of the stage or of the whole, whichever the work counts."""
        if words != self._words:
            self._finish("")
            self._begin(words)
        self._fraction = max(self._fraction, min(max(fraction, 0.0), 1.0))
        now = time.monotonic()
        if now - self._shown < (_REDRAW_SECONDS if self._terminal else _LINE_SECONDS):
            return
        self._shown = now
        if self._terminal:
            self._bar.n = self._fraction
            self._bar.set_postfix_str(detail)
        else:
            say(f"{self._words}: {100 * self._fraction:.0f} %{', ' + detail if detail else ''}")

    def close(self, detail: str = "") -> None:
        """The work is done."""
        self._fraction = 1.0
        self._finish(detail)

    def leave(self) -> None:
        """The work ended early: the bar stays where it is."""
        self._bar.close()

    def _finish(self, detail: str) -> None:
        if self._terminal:
            self._bar.n = self._fraction
            self._bar.set_postfix_str(detail)
            self._bar.close()
        else:
            self._bar.close()
            say(f"{self._words}: {time.monotonic() - self._begun:.1f} s{', ' + detail if detail else ''}")
