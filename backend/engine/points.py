"""Reading a feature map at sub-pixel positions, for all points at once, and the adjoint of reading.

Positions are crop space: (x, y) in px of a picture of `size` px, pixel centres at +0.5. A feature map [C, m, m] covers
the same square, so its cell (row, column) has its centre at ((column + 0.5)·size/m, (row + 0.5)·size/m). Nothing is
resized: a position is turned into four cells and their bilinear weights. Outside the centres of the border cells the
map goes on with the border's values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Taps:
    """Where positions read: `cells` [P, 4] (flat indices of a map m×m) and bilinear `weights` [P, 4]."""

    cells: Tensor
    weights: Tensor
    side: int

    @classmethod
    def at(cls, positions: Tensor, size: int, side: int) -> Taps:
        """Taps of `positions` [..., 2], flattened to [P, 2], in a map of `side`×`side` cells."""
        place = positions.reshape(-1, 2) * (side / size) - 0.5
        # A position that is not a number reads somewhere; what it reads is refused by its own value later.
        place = place.nan_to_num(0).clamp(0, side - 1)
        low = place.floor().clamp(max=side - 2) if side > 1 else torch.zeros_like(place)
        part = place - low
        first = low.long()
        corner = first[:, 1] * side + first[:, 0]
        next_column, next_row = (1, side) if side > 1 else (0, 0)
        cells = torch.stack(
            [corner, corner + next_column, corner + next_row, corner + next_row + next_column], dim=1
        )
        x, y = part.unbind(dim=1)
        weights = torch.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dim=1)
        return cls(cells, weights, side)

    def read(self, features: Tensor) -> Tensor:
        """Values [P, C] of `features` [C, m, m]."""
        # Cells first: reading whole rows of channels is several times faster than reading one channel after another.
        rows = features.flatten(1).t()
        return (rows[self.cells] * self.weights[..., None]).sum(dim=1)

    def spread(self, values: Tensor, group: Tensor, groups: int) -> Tensor:
        """The adjoint of `read`, in groups: maps [groups, C, m, m] with Σ maps[g]·F = Σ over p in g of values·read(F).

        values: [P, C]. group: [P], the number of the map to which each position counts.
        """
        plane = self.side * self.side
        channels = values.shape[1]
        maps = values.new_zeros(groups * plane, channels)
        shares = values[:, None, :] * self.weights[:, :, None]
        where = self.cells + group[:, None] * plane
        maps.index_add_(0, where.reshape(-1), shares.reshape(-1, channels))
        return maps.reshape(groups, self.side, self.side, channels).permute(0, 3, 1, 2)
