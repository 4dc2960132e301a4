"""Fills places of small planes from their surroundings, as smoothly as can be: solutions of Laplace's equation.

With it, one picture goes into another without a seam: the difference along the border is spread evenly over the inside
and taken away (Pérez, Gangnet and Blake, "Poisson image editing", SIGGRAPH 2003, eq. 5 and 6: cloning with the
source's own gradients is adding such a membrane). Solved from coarse to fine.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SWEEPS = 6
"""Relaxations on each level; the coarser levels have done most of the work by then."""

SMALLEST = 4


def membrane(values: Tensor, known: Tensor) -> Tensor:
    """`values` [C, H, W] where `known` [H, W] is 1; elsewhere each place is the mean of the four around it.

    Between 0 and 1 it is something of both. Where nothing is known at all, zero.
    """
    height, width = known.shape
    weighted = values * known
    if min(height, width) <= SMALLEST:
        total = known.sum()
        mean = weighted.sum(dim=(1, 2)) / total.clamp(min=1e-6) * (total > 1e-6)
        return known * values + (1 - known) * mean[:, None, None]
    planes = torch.cat([weighted, known[None]])[None]
    coarse = F.avg_pool2d(planes, 2, ceil_mode=True, count_include_pad=False)[0]
    share = coarse[-1]
    filled = membrane(coarse[:-1] / share.clamp(min=1e-6), (2 * share).clamp(max=1))
    result = F.interpolate(filled[None], [height, width], mode="bilinear", align_corners=False)[0]
    free = 1 - known
    for _ in range(SWEEPS):
        padded = F.pad(result[None], (1, 1, 1, 1), mode="replicate")[0]
        around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
        around += padded[:, 1:-1, :-2]
        around += padded[:, 1:-1, 2:]
        result = torch.addcmul(weighted, around, free, value=0.25)
    return result
