"""Where handles go, and what lies around their ways: what is pulled, and what only may move.

An artist who pulls the corners of a mouth means the corners. The model often finds it likelier to lift the mouth, or
to lower the whole eye with its lid; what is far from every handle's way is therefore held in the drag
(`holding.calm_costs`) and follows less in the composite (`followed`).
"""

from __future__ import annotations

import torch
from torch import Tensor

NEAR = 12 / 256
"""How far around a handle's way everything may come along in a drag, as a part of the picture's longer side."""

WIDE = 14 / 256
"""The same in the composite."""

FOLLOWING = 0.35
"""Part of its motion that is left to what is far from all ways."""

SMALL, LARGE = 0.1, 0.25
"""Part of the picture that may move: up to the first it is a feature, which is pulled in parts; from the second on it
is a head, which moves as a whole."""


def feature(part: float) -> float:
    """How far what may move, so large a `part` of the picture, is a feature and not a head, 0 to 1."""
    return min(max((LARGE - part) / (LARGE - SMALL), 0.0), 1.0)


def nearness(ways: Tensor, cells: tuple[int, int], shape: tuple[int, int], radius: float) -> Tensor:
    """How near the middle of each of `cells` = (h, w) is to each way, [N, h, w]: 1 on it, a Gaussian around it.

    ways: [N, 2, 2], begin and end of each, (x, y) in px of a picture of `shape` = (height, width).
    radius: of the Gaussian, as a part of the picture's longer side.
    """
    rows, columns = (
        (torch.arange(count, device=ways.device) + 0.5) * (side / count)
        for count, side in zip(cells, shape, strict=True)
    )
    begin, along = ways[:, 0, :, None, None], (ways[:, 1] - ways[:, 0])[:, :, None, None]
    x, y = columns[None, None, :] - begin[:, 0], rows[None, :, None] - begin[:, 1]
    length = along.square().sum(dim=1).clamp(min=1e-6)
    share = ((x * along[:, 0] + y * along[:, 1]) / length).clamp(0, 1)
    apart = (x - share * along[:, 0]).square() + (y - share * along[:, 1]).square()
    return torch.exp(-apart / (2 * (radius * max(shape)) ** 2))


def followed(ways: Tensor, shape: tuple[int, int], part: float) -> Tensor:
    """The part of its motion, [H, W], that each place of a picture of `shape` keeps: 1 near a way, less far from all.

    part: of the picture that may move.
    """
    free = (1 - nearness(ways, shape, shape, WIDE)).prod(dim=0)
    return 1 - (1 - FOLLOWING) * feature(part) * free
