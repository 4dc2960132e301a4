"""Point tracking of the reference engine: where a handle's feature went.

Source: Pan et al., "Drag Your GAN", SIGGRAPH 2023, section 3.3: nearest neighbour of the handle's first feature
among the integer positions of a square window around its last position.
"""

from __future__ import annotations

import torch
from torch import Tensor

from backend.engine.motion import ResizedFeatures


def track(
    features: ResizedFeatures, handle: tuple[int, int], wanted: Tensor, radius: int
) -> tuple[tuple[int, int], float]:
    """The position whose feature is nearest (L2) to `wanted` [C] within `radius` px of `handle`, and that distance.

    Positions are indices (row, column) of the resized map; the window (2·radius+1)² is cut at the map's border.
    Of equal distances the first in reading order wins.
    """
    device = features.features.device
    top, bottom = max(handle[0] - radius, 0), min(handle[0] + radius + 1, features.size[0])
    left, right = max(handle[1] - radius, 0), min(handle[1] + radius + 1, features.size[1])
    rows, columns = torch.meshgrid(
        torch.arange(top, bottom, device=device), torch.arange(left, right, device=device), indexing="ij"
    )
    with torch.no_grad():
        candidates = features.at(rows.reshape(-1), columns.reshape(-1))
        distances = torch.linalg.norm(candidates - wanted[:, None], dim=0)
        best = int(distances.argmin())
    width = right - left
    return (best // width + top, best % width + left), float(distances[best])
