"""The changing sentences of the docker, in the language of Krita."""

from __future__ import annotations

from typing import Any

from ..backend.editing.wording import Wording
from ..translation import number, tr

_words = Wording(tr, number)
backend_state = _words.backend_state
time_left = _words.time_left


def progress_text(pull: Any, mode: bool, framing: bool = False) -> str:
    """The sentence below the progress bar: what runs, else what to do next."""
    if mode:
        nothing_placed = tr("Drag on the canvas from a feature to where it shall go.")
    else:
        nothing_placed = tr("Press Pull, then draw arrows on the canvas.")
    return _words.progress_text(pull, nothing_placed, framing)
