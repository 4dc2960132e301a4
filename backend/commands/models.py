"""``pullface models list``."""

from __future__ import annotations

from backend.errors import PullfaceError
from backend.models.catalogue import DEFAULT_MODEL, available


def list_models() -> int:
    """Print the installed models, one a line; needs neither torch nor the server.

    Raises:
        PullfaceError: ``bad_model``, a model's file is damaged; ``unknown_model``, there is none.
    """
    models = available()
    if not models:
        raise PullfaceError(
            "unknown_model",
            "No model is installed.",
            "Get Pullface again: its folder backend/models/embedded is not complete.",
        )
    for model in models:
        default = " (default)" if model.name == DEFAULT_MODEL else ""
        size = f"{model.size_bytes / 1e6:.0f} MB"
        print(f"{model.name}{default}: {model.domain}, {model.resolution} px, {size}, {model.licence}")
        print(f"    {model.description}")
    return 0
