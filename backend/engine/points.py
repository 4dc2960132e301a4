"""Reading a feature map at sub-pixel positions, for all points at once, and the adjoint of reading.

Positions are crop space: (x, y) in px of the picture, pixel centres at +0.5. A feature map [C, h, w] covers the same
rectangle in square cells of `cell` px, so the centre of (row, column) is at ((column + 0.5)·cell, (row + 0.5)·cell).
Nothing is resized: a position is turned into four cells and their bilinear weights. Outside the centres of the border
cells the map goes on with the border's values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Taps:
    """Where positions read: `cells` [P, 4] (flat indices of a map of `shape`) and bilinear `weights` [P, 4]."""

    cells: Tensor
    weights: Tensor
    shape: tuple[int, int]

    @classmethod
    def at(cls, positions: Tensor, cell: float, shape: tuple[int, int]) -> Taps:
        """Taps of `positions` [..., 2], flattened to [P, 2], in a map of `shape` (rows, columns) of `cell` px."""
        rows, columns = shape
        # A position that is not a number reads somewhere; what it reads is refused by its own value later.
        place = (positions.reshape(-1, 2) * (1 / cell) - 0.5).nan_to_num(0)
        column, x = _between(place[:, 0], columns)
        row, y = _between(place[:, 1], rows)
        corner = row * columns + column
        next_column, next_row = int(columns > 1), columns if rows > 1 else 0
        cells = torch.stack(
            [corner, corner + next_column, corner + next_row, corner + next_row + next_column], dim=1
        )
        weights = torch.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dim=1)
        return cls(cells, weights, shape)

    def read(self, features: Tensor) -> Tensor:
        """Values [P, C] of `features` [C, h, w]."""
        # Cells first: reading whole rows of channels is several times faster than reading one channel after another.
        rows = features.flatten(1).t()
        if len(self.cells) > rows.shape[0] // 8:
            rows = rows.contiguous()  # to copy the map costs less than so many reads across it
        first, *others = (
            rows.index_select(0, self.cells[:, tap]) * self.weights[:, tap, None] for tap in range(4)
        )
        return first + others[0] + others[1] + others[2]

    def spread(self, values: Tensor, group: Tensor, groups: int) -> Tensor:
        """The adjoint of `read`, in groups: maps [groups, C, h, w] with Σ maps[g]·F = Σ over p in g of values·read(F).

        values: [P, C]. group: [P], the number of the map to which each position counts.
        """
        plane = self.shape[0] * self.shape[1]
        channels = values.shape[1]
        maps = values.new_zeros(groups * plane, channels)
        shares = values[:, None, :] * self.weights[:, :, None]
        where = self.cells + group[:, None] * plane
        maps.index_add_(0, where.reshape(-1), shares.reshape(-1, channels))
        return maps.reshape(groups, *self.shape, channels).permute(0, 3, 1, 2)


def _between(place: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first of the two cells of `count` that a place [P] lies between, and how far it lies towards the second."""
    place = place.clamp(0, count - 1)
    low = place.floor().clamp(max=max(count - 2, 0))
    return low.long(), place - low
