"""Rows of the Jacobian of numbers that are linear in the feature map, by batched backward passes."""

from __future__ import annotations

import torch
from torch import Tensor

BATCH_ELEMENTS = 1 << 24
"""Largest batch of feature maps (elements) that goes backwards at once."""


def pull_back(features: Tensor, unknowns: Tensor, maps: Tensor) -> Tensor:
    """The derivative of Σ maps[r]·features with respect to `unknowns`, flattened: [R, n].

    features: [1, C, h, w] with the graph that made it, which stays usable. maps: [R, C, h, w].
    """
    rows = []
    for part in maps.split(max(1, BATCH_ELEMENTS // features.numel())):
        (gradient,) = torch.autograd.grad(
            features, unknowns, part[:, None].to(features.dtype), retain_graph=True, is_grads_batched=True
        )
        rows.append(gradient.flatten(1).float())
    return torch.cat(rows)
