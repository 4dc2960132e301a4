"""Lets a motion die away towards the border of what may move, so that lines bend there and neither break nor fold."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.flow import blur

STRETCHED, SHEARED, SQUEEZED = 0.5, 0.8, 5.0
"""How fast a displacement may grow with the distance from the border: by less than 1 where the picture is stretched,
or it would fold; by little more where it moves along the border, or lines that cross it would show a kink; fast where
it is squeezed against the border, so that what is pulled close to it arrives."""

SOFT = 2.5
"""Width in cells of all transitions."""

_INSIDE = 0.999


def fade(flow: Tensor, support: Tensor) -> Tensor:
    """Factors [n, n] from 0 to 1 for a flow.

    flow: [2, n, n], backward, in cells of this grid.
    support: [n, n], 1 where anything may move, 0 where nothing may, between at the border.
    """
    length = flow.norm(dim=0)
    inside = (support >= _INSIDE).cpu().numpy()
    distance = torch.from_numpy(border_distance(inside, reach_of(flow))).to(flow.device)
    across, down = torch.gradient(blur(distance[None], SOFT)[0], dim=(1, 0))
    # A backward flow that reads farther inside squeezes what lies between there and the border.
    squeeze = (flow[0] * across + flow[1] * down) / (length * torch.hypot(across, down)).clamp(min=1e-6)
    steepness = SHEARED * torch.where(
        squeeze > 0, (SQUEEZED / SHEARED) ** squeeze, (STRETCHED / SHEARED) ** -squeeze
    )
    room = blur((steepness * (distance - 1).clamp(min=0))[None], SOFT)[0]
    ratio = (room / length.clamp(min=1e-6)).clamp(max=100)
    # Blurred, so that no line shows where one rule gives way to another; and yet nothing at the border itself.
    return blur((ratio / (1 + ratio**3) ** (1 / 3))[None], SOFT)[0] * ((distance - 1) / SOFT).clamp(0, 1)


def reach_of(flow: Tensor) -> int:
    """How many cells from a border a flow [2, n, n], in cells, may be faded."""
    return math.ceil(2 * float(flow.norm(dim=0).max()) / STRETCHED) + 2


def border_distance(inside: NDArray[np.bool_], reach: int) -> NDArray[np.float32]:
    """Distance in cells from the nearest cell that is not inside, or outside the grid; `reach` at most.

    It counts how often `inside` can be eroded, by a cross and by a square in turn: whole pictures of truth values at
    a time, which is far quicker than exact distances.
    """
    ring = np.pad(inside, 1)
    distance = np.zeros(inside.shape, dtype=np.uint16)
    for step in range(reach):
        middle = ring[1:-1, 1:-1]
        distance += middle
        if step % 2:
            across = ring[:, :-2] & ring[:, 1:-1] & ring[:, 2:]
            eroded = across[:-2] & across[1:-1] & across[2:]
        else:
            eroded = middle & ring[:-2, 1:-1] & ring[2:, 1:-1] & ring[1:-1, :-2] & ring[1:-1, 2:]
        if not eroded.any():
            break
        ring[1:-1, 1:-1] = eroded
    return distance.astype(np.float32)
