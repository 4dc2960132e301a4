"""The changing sentences of the dialog. Knows no toolkit."""

from __future__ import annotations

from typing import Any

from ..backend.editing.wording import Wording

_words = Wording()
backend_state = _words.backend_state


def progress_text(pull: Any, framing: bool) -> str:
    """The sentence below the progress bar: what runs, else what to do next."""
    return _words.progress_text(pull, "Drag on the picture from a feature to where it shall go.", framing)


def connection_text(version: str, device: str, models: list[dict[str, Any]]) -> tuple[str, str]:
    """What *Test connection* tells: a sentence and what else is known.

    Args:
        version: of the backend.
        device: such as ``cpu``; may be empty while the backend starts.
        models: as in the reply to ``models.list``.
    """
    where = f" on {_words.device_name(device)}" if device else ""
    names = [str(model["name"]) for model in models]
    known = f"Models: {', '.join(names)}." if names else "It has no model yet."
    return f"The Pullface backend {version} answers{where}.", known
