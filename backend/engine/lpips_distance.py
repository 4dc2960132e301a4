"""LPIPS as the perceptual distance of models without discriminator, if it is installed with its weights.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018. Pullface neither
ships nor downloads it: the package `lpips` brings its own small weights, and those of AlexNet must lie in torch's
folder already (`torchvision` puts them there).
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NETWORK = "alex"
WEIGHTS = "alexnet-*.pth"
LARGEST = 256
"""Larger pictures are averaged down until their longer side is this (px), as published pivotal tuning does."""

_log = logging.getLogger(__name__)


@cache
def local_lpips() -> Any | None:
    """LPIPS's network, frozen, on the CPU; None when it or its weights are not on this machine."""
    if importlib.util.find_spec("lpips") is None or importlib.util.find_spec("torchvision") is None:
        return None
    if not any((Path(torch.hub.get_dir()) / "checkpoints").glob(WEIGHTS)):
        return None
    try:
        network = importlib.import_module("lpips").LPIPS(net=NETWORK, verbose=False)
        return network.eval().requires_grad_(False)
    except Exception:  # whatever a package that is not ours raises, there is another distance
        _log.warning("LPIPS is installed but cannot be used", exc_info=True)
        return None


class LpipsDistance:
    """LPIPS to one fixed picture, see `perceptual.PerceptualDistance`."""

    name = "lpips"

    def __init__(self, network: Any, target: Tensor) -> None:
        self._network = network.to(target.device)
        self._target = _small(target)

    def __call__(self, image: Tensor) -> Tensor:
        distance: Tensor = self._network(_small(image), self._target.expand(len(image), -1, -1, -1))
        return distance.mean()


def _small(image: Tensor) -> Tensor:
    longer = max(image.shape[2:])
    if longer <= LARGEST:
        return image
    return F.interpolate(
        image, size=[round(side * LARGEST / longer) for side in image.shape[2:]], mode="area"
    )
