"""An early sketch of an inversion, for previews: the features of a first latent, in the colours that fit best.

A picture that the model is far from stays a stranger until the tuning has bent the generator. But the coarse features
of a near latent know already where hair, skin and eyes are; only their colours are the model's. Those are a linear
map of the features, and the best one is found at once, by least squares (ridge regression). The map would not last
when the face is pulled, so nothing of it is kept.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.engine.coarse import START, State, run_blocks
from stylegan_ops.precision import mixed_precision

FEATURES_FROM = 16
"""Coarser blocks add 1 % and cost as much again."""

RIDGE = 1e-3
"""Against the mean square of a feature; less draws ripples."""


@torch.no_grad()
def sketch(synthesis: Any, latent: Tensor, target: Tensor, resolution: int) -> Tensor:
    """What the features of `latent` [1, num_ws, w_dim] up to `resolution` can show of `target`, of its shape.

    target: [1, 3, H, W] in [−1, 1].
    """
    state: State = START
    below, found = 0, []
    with mixed_precision(latent.device):
        for block in (level for level in synthesis.block_resolutions if level <= resolution):
            state = run_blocks(synthesis, latent, state, above=below, upto=block)
            below = block
            if block >= FEATURES_FROM and state[0] is not None:
                found.append(state[0].float())
        _, image = run_blocks(synthesis, latent, state, above=below)
    assert image is not None
    image = image.float()
    size = list(found[-1].shape[2:])
    features = torch.cat([F.interpolate(part, size, mode="bilinear") for part in found], dim=1)[0].flatten(1)
    missing = F.interpolate(target - image, size, mode="area")[0].flatten(1)
    added = best_colours(features, missing).view(1, -1, *size)
    return image + F.interpolate(added, target.shape[2:], mode="bilinear")


def best_colours(features: Tensor, wanted: Tensor) -> Tensor:
    """The ridge regression of `wanted` [3, places] on `features` [C, places] and a constant; [3, places]."""
    centred = features - features.mean(dim=1, keepdim=True)
    alike = centred / (centred.square().mean(dim=1, keepdim=True).sqrt() + 1e-8)
    mean = wanted.mean(dim=1, keepdim=True)
    # Float64 is not on every device, and the products are small.
    products = (alike @ alike.t()).double().cpu() / alike.shape[1]
    products += RIDGE * torch.eye(len(products), dtype=products.dtype)
    right = (alike @ (wanted - mean).t()).double().cpu() / alike.shape[1]
    weights = torch.linalg.solve(products, right).to(alike)
    return mean + weights.t() @ alike
