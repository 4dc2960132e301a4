"""The features that a Fréchet distance is measured on."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.models.model import Model
from backend.training.frechet import features

Picture = NDArray[np.uint8]

INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
"""The weights of the published FID, as the package pytorch-fid keeps them."""


@dataclass(frozen=True)
class Features:
    """What looks at pictures for a Fréchet distance.

    name: for the table. published: whether the figures are those that papers call FID.
    of: picture uint8 [R, R, 3] → [C] float32.
    """

    name: str
    published: bool
    of: Callable[[Picture], Tensor]


def features_for(model: Model) -> Features | None:
    """Inception when pytorch-fid and its weights are on this machine, else the model's discriminator, else None.

    Nothing is ever downloaded.
    """
    weights = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if weights.is_file():
        try:
            inception = importlib.import_module("pytorch_fid.inception").InceptionV3()
        except ImportError:
            pass
        else:
            network = inception.eval().requires_grad_(False)
            return Features("Inception (FID)", True, lambda rgb: network(_planes(rgb))[0].flatten().float())
    discriminator = model.discriminator
    if discriminator is None:
        return None

    def of(rgb: Picture) -> Tensor:
        return features(discriminator, 2 * _planes(rgb).to(model.device) - 1)[0].float()

    return Features("discriminator's features, no FID", False, of)


def _planes(rgb: Picture) -> Tensor:
    """uint8 [R, R, 3] as [1, 3, R, R], 0 to 1."""
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255
