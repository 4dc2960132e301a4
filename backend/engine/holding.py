"""What may not move stays as it was: the mask's part of the least-squares problem.

The cost is the mean square change of the normalised feature map where the mask is 0. Its Jacobian has as many rows as
the map has values; two kinds of combined rows stand for it: the direction of the present change, which gives the exact
gradient, and random signs, whose products estimate the curvature without bias (Hutchinson 1990).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class Held:
    """The cost of changing the features where nothing may move.

    Args:
        first: the map before anything moved, [C, m, m].
        mask: [R, R], 1 = may move.
        scale: [C], factor that normalises a channel.
        weight: cost of a mean square change of 1.
    """

    def __init__(self, first: Tensor, mask: Tensor, scale: Tensor, weight: float) -> None:
        side = first.shape[-1]
        held = F.adaptive_avg_pool2d((1 - mask)[None, None].float(), side)[0, 0]
        total = held.sum().clamp(min=1) * first.shape[0]
        self._first = first
        self._weights = (weight * held / total).sqrt() * scale[:, None, None]
        self._random = torch.Generator(first.device).manual_seed(0)

    def change(self, features: Tensor) -> Tensor:
        """The weighted change [C, m, m]; the sum of its squares is the cost."""
        return (features - self._first) * self._weights

    def maps(self, change: Tensor, probes: int) -> Tensor:
        """Maps [1 + probes, C, m, m] whose products with a change of the features are the combined rows.

        The first is along `change`; the others are random and orthogonal to it.
        """
        along = change / torch.linalg.norm(change).clamp(min=1e-9)
        shape = (probes, *change.shape)
        signs = torch.randint(0, 2, shape, generator=self._random, device=change.device).float() * 2 - 1
        signs = signs - (signs * along).sum(dim=(1, 2, 3), keepdim=True) * along
        return torch.cat([along[None], signs]) * self._weights
