"""What nobody asks to move stays as it was: its part of the least-squares problem.

The cost is the square change of the normalised feature map, weighted by place: where the mask is 0 (`fixed_costs`), and
less so where it lets move what nobody pulls (`calm_costs`); without a mask, far from the handles (`far_costs`). Its
Jacobian has as many rows as the map has values, far too many to compute. What stands for it are rows along orthonormal
directions of that change: the present one, which gives the exact gradient, and those of the steps before. So the
problem learns just those ways of changing what is held that its own steps take (as Krylov's methods do).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.engine.ways import NEAR, feature, nearness

KEPT_DIRECTIONS = 8
"""The most directions: each takes a map."""

COVERED = 0.2
"""A direction that is but for this part in the span of others adds nothing."""

FAR = 0.12
"""How far around the handles' ways everything may come along where there is no mask, as a part of the longer side."""

PullBack = Callable[[Tensor], Tensor]


def fixed_costs(mask: Tensor, cells: tuple[int, int]) -> Tensor:
    """Costs [h, w] for `cells` = (h, w), 1 in all, where the mask [H, W] (1 = may move) lets nothing move."""
    held = F.adaptive_avg_pool2d((1 - mask)[None, None].float(), cells)[0, 0]
    return held / held.sum().clamp(min=1)


def calm_costs(mask: Tensor, cells: tuple[int, int], ways: Tensor) -> Tensor:
    """Costs [h, w] for `cells` = (h, w), 1 in all at most, of what may move by the mask [H, W] but is not pulled.

    ways: [N, 2, 2], where each handle's way begins and ends, px of the picture; see `ways`.
    """
    near = nearness(ways, cells, (mask.shape[0], mask.shape[1]), NEAR).amax(dim=0)
    inner = F.adaptive_avg_pool2d(mask[None, None].float(), cells)[0, 0] * (1 - near)
    return inner * (feature(float(mask.mean())) / inner.sum().clamp(min=1))


def far_costs(shape: tuple[int, int], cells: tuple[int, int], ways: Tensor) -> Tensor:
    """Costs [h, w] for `cells` = (h, w), 1 in all, of what is far from all `ways` in a picture of `shape`, unmasked."""
    far = 1 - nearness(ways, cells, shape, FAR).amax(dim=0)
    return far / far.sum().clamp(min=1)


class Held:
    """The cost of changing the features where they are held, and rows that stand for its Jacobian.

    Args:
        first: the map before anything moved, [C, h, w].
        costs: [h, w], of a mean square change of 1 in each place.
        scale: [C], factor that normalises a channel.
        unknowns: how many numbers a row has.
    """

    def __init__(self, first: Tensor, costs: Tensor, scale: Tensor, unknowns: int) -> None:
        self._first = first
        self._scale = scale[:, None, None]
        self._unknowns = unknowns
        self.weigh(costs)

    def weigh(self, costs: Tensor) -> None:
        """Takes other costs; what was learned of the Jacobian is forgotten, and changes are to be measured anew."""
        first = self._first
        self._weights = (costs / first.shape[0]).sqrt() * self._scale
        self._directions = first.new_zeros(0, *first.shape)
        self._rows = first.new_zeros(0, self._unknowns)
        self._wishes = first.new_zeros(0)

    def change(self, features: Tensor) -> Tensor:
        """The weighted change [C, h, w]; the sum of its squares is the cost."""
        return (features - self._first) * self._weights

    def begin(self, change: Tensor, pull_back: PullBack) -> None:
        """Takes the rows for a step from a state with `change`; `pull_back` turns its maps [R, C, h, w] into rows."""
        size = torch.linalg.norm(change)
        along = change / size.clamp(min=1e-9)
        row = pull_back((along * self._weights)[None])
        kept, kept_rows = self._directions, self._rows
        share = (kept * along).sum(dim=(1, 2, 3))
        kept, kept_rows = kept - share[:, None, None, None] * along, kept_rows - share[:, None] * row
        length = torch.linalg.norm(kept.flatten(1), dim=1)
        # What is left of one that was all but `along` is noise: it counts as nothing.
        factor = torch.where(length > COVERED, 1 / length.clamp(min=1e-9), 0)
        self._directions = torch.cat([along[None], kept * factor[:, None, None, None]])[:KEPT_DIRECTIONS]
        self._rows = torch.cat([row, kept_rows * factor[:, None]])[:KEPT_DIRECTIONS]
        self._wishes = torch.cat([-size[None], self._wishes.new_zeros(len(self._directions) - 1)])

    def rows(self) -> tuple[Tensor, Tensor]:
        """Rows [m, n] and what each is wished to be, [m]."""
        return self._rows, self._wishes
