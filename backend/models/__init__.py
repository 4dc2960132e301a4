"""Models: what there is (`catalogue`, no torch needed) and how a file becomes a `model.Model`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .catalogue import ModelInfo, available, find, is_ours, path_of

if TYPE_CHECKING:
    from pathlib import Path

    from .model import Model as Model

__all__ = ["ModelInfo", "available", "find", "load"]


def load(name_or_path: str | Path, device: str = "cpu") -> Model:
    """A model by its catalogue name or its file, ours or one of another program, ready to render on ``device``.

    Raises:
        PullfaceError: ``unknown_model`` when there is none of that name, ``bad_model`` when the file is damaged,
            unsafe or no StyleGAN.
    """
    from . import assembling, storage  # here, so that listing models does not load torch

    path = path_of(name_or_path)
    return (storage if is_ours(path) else assembling).read(path, device)
