"""How different two pictures look, measured with what is at hand and nothing downloaded.

With a discriminator the distance compares its feature maps, each normalised along the channels at every position,
as LPIPS does with a classifier's (Zhang et al., "The Unreasonable Effectiveness of Deep Features", CVPR 2018, here
without learned weights). The discriminator knows the model's domain, which a classifier of photographs does not.
Without one, LPIPS itself is used where it is installed (`lpips_distance.py`); else pictures and their gradients are
compared at several sizes.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from backend.engine.coarse import LARGE
from backend.engine.lpips_distance import LpipsDistance, local_lpips
from stylegan_ops.precision import mixed_precision

PYRAMID_LEVELS = 4


class PerceptualDistance(Protocol):
    """Distance to one fixed picture. Pictures are [N, 3, H, W] in [−1, 1]; 0 = the same."""

    name: str

    def __call__(self, image: Tensor) -> Tensor:
        """Mean distance of `image` to the target, a scalar with gradient."""


class DiscriminatorDistance:
    """Mean squared difference of the discriminator's unit-length feature vectors, summed over its blocks."""

    name = "discriminator"

    def __init__(self, discriminator: Any, target: Tensor) -> None:
        self._discriminator = discriminator
        with torch.no_grad():
            self._wanted = [unit_channels(layer) for layer in discriminator.features(target)]

    def __call__(self, image: Tensor) -> Tensor:
        total = image.new_zeros(())
        x: Tensor | None = None
        rest: Tensor | None = image
        for resolution, wanted in zip(self._discriminator.block_resolutions, self._wanted, strict=True):
            block = getattr(self._discriminator, f"b{resolution}")
            if resolution >= LARGE and torch.is_grad_enabled():  # little memory, for a second computation
                with mixed_precision(image.device):
                    x, rest, part = checkpoint(_block_distance, block, x, rest, wanted, use_reentrant=False)
            else:
                x, rest, part = _block_distance(block, x, rest, wanted)
            total = total + part
        return total


def _block_distance(
    block: Any, x: Tensor | None, rest: Tensor | None, wanted: Tensor
) -> tuple[Tensor, Tensor | None, Tensor]:
    x, rest = block(x, rest)
    assert x is not None
    return x, rest, (unit_channels(x.float()) - wanted).square().sum(dim=1).mean()


class MultiScaleDistance:
    """Mean absolute difference of colours and of their gradients over a pyramid of halved pictures."""

    name = "multi-scale"

    def __init__(self, target: Tensor) -> None:
        self._wanted = pyramid(target)

    def __call__(self, image: Tensor) -> Tensor:
        total = image.new_zeros(())
        for layer, wanted in zip(pyramid(image), self._wanted, strict=True):
            total = total + (layer - wanted).abs().mean()
            for axis in (-1, -2):
                total = total + (layer.diff(dim=axis) - wanted.diff(dim=axis)).abs().mean()
        return total / len(self._wanted)


def perceptual_distance(discriminator: Any | None, target: Tensor) -> PerceptualDistance:
    """The distance to `target` [1, 3, H, W]: by the discriminator's features, else by LPIPS, else by scales."""
    if discriminator is not None:
        return DiscriminatorDistance(discriminator, target)
    network = local_lpips()
    return MultiScaleDistance(target) if network is None else LpipsDistance(network, target)


def unit_channels(features: Tensor) -> Tensor:
    """Features [N, C, h, w] scaled to length 1 along C at every position (length 0 stays 0)."""
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + 1e-8)


def pyramid(image: Tensor) -> list[Tensor]:
    """`image` [N, C, H, W] and its halvings, down to 8 px or `PYRAMID_LEVELS` levels."""
    levels = [image]
    while len(levels) < PYRAMID_LEVELS and min(levels[-1].shape[2:]) >= 16:
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels
