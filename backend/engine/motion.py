"""Motion supervision of the reference engine: how far the features at a handle are from having moved one step.

Source: Pan et al., "Drag Your GAN", SIGGRAPH 2023, section 3.2 (equation 1), with the constants and coordinate
conventions of the authors' program, so that its recorded run is reproduced number for number.

Feature space here means the feature map F after a bilinear resize to the picture's size (pixel centres kept),
addressed by integer (row, column) indices. The resized map is never built: `ResizedFeatures` computes it only where
it is read, which gives the same values and keeps a 1024-px model out of gigabytes of memory.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

REFERENCE_SIZE = 512
"""The picture size (px) for which the paper gives its radii."""

MASK_CHUNK_ELEMENTS = 1 << 24
"""Largest piece of the resized map (elements) that the mask term holds at once."""


def scaled_radius(radius: float, size: int) -> int:
    """A radius of the paper (given for 512 px) in px of a picture of `size` px, at least 1.

    The authors round without a lower bound, which leaves nothing to supervise below 86 px.
    """
    return max(1, round(radius / REFERENCE_SIZE * size))


class ResizedFeatures:
    """A feature map F [1, C, m, n] read as if it were resized bilinearly to `size` (height, width).

    The resize is that of `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`.
    """

    def __init__(self, features: Tensor, size: tuple[int, int]) -> None:
        self.features = features
        self.size = size
        self.native = (features.shape[2], features.shape[3])

    def detach(self) -> ResizedFeatures:
        """The same values without a gradient."""
        return ResizedFeatures(self.features.detach(), self.size)

    def at(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Values [C, K] at integer indices `rows`, `columns` [K] of the resized map; all must lie inside it."""
        plane = self.features[0]
        if self.native == self.size:
            return plane[:, rows, columns]
        row_low, row_high, row_part = self._taps(rows, 0)
        column_low, column_high, column_part = self._taps(columns, 1)
        top = torch.lerp(plane[:, row_low, column_low], plane[:, row_low, column_high], column_part)
        bottom = torch.lerp(plane[:, row_high, column_low], plane[:, row_high, column_high], column_part)
        return torch.lerp(top, bottom, row_part)

    def _taps(self, index: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
        native, size = self.native[axis], self.size[axis]
        position = ((index.to(self.features.dtype) + 0.5) * (native / size) - 0.5).clamp(min=0)
        low = position.floor().long().clamp(max=native - 1)
        high = (low + 1).clamp(max=native - 1)
        return low, high, position - low

    def between(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Values [C, K] at fractional indices, interpolated bilinearly; the map counts as zero outside itself."""
        height, width = self.size
        if self.native == self.size:
            # The recorded run amplifies a difference of 1e-7 to 0.05 within 40 steps, so where the map needs no
            # resize its very operation is used: normalised coordinates and grid_sample.
            x, y = columns / (width - 1) * 2 - 1, rows / (height - 1) * 2 - 1
            grid = torch.stack([x, y], dim=-1)[None, None]
            return F.grid_sample(self.features, grid, mode="bilinear", align_corners=True)[0, :, 0]
        row_low, column_low = rows.floor(), columns.floor()
        row_part, column_part = rows - row_low, columns - column_low
        total: Tensor | None = None
        for row_step, row_weight in ((0, 1 - row_part), (1, row_part)):
            for column_step, column_weight in ((0, 1 - column_part), (1, column_part)):
                r, c = row_low.long() + row_step, column_low.long() + column_step
                inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
                value = self.at(r.clamp(0, height - 1), c.clamp(0, width - 1))
                term = value * (row_weight * column_weight * inside)
                total = term if total is None else total + term
        assert total is not None
        return total


def disc(row: int, column: int, radius: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Indices (rows, columns) of the pixels closer than `radius` to the point (row, column).

    The program that we reproduce measures the distance with coordinates linspace(0, h, h), so the pixel with
    index i stands at i·h/(h−1): up to one pixel too far towards the far border. Kept here, and only here.
    """
    height, width = size
    low_row, high_row = max(0, row - radius - 2), min(height, row + radius + 3)
    low_column, high_column = max(0, column - radius - 2), min(width, column + radius + 3)
    across, down = torch.linspace(0, width, width), torch.linspace(0, height, height)
    distance = torch.sqrt(
        (down[low_row:high_row, None] - row) ** 2 + (across[None, low_column:high_column] - column) ** 2
    )
    rows, columns = torch.where(distance < radius)
    return rows + low_row, columns + low_column


def motion_loss(features: ResizedFeatures, handle: tuple[int, int], step: Tensor, radius: int) -> Tensor:
    """Mean L1 distance between F(q), held fixed, and F(q + step) over channels and the pixels q of the disc.

    `handle` is an index (row, column), `step` [2] a unit vector (rows, columns) towards the target. Minimising it
    moves the content of the disc one step along the vector (equation 1).
    """
    rows, columns = (index.to(step.device) for index in disc(*handle, radius, features.size))
    moved = features.between(rows + step[0], columns + step[1])
    return F.l1_loss(features.detach().at(rows, columns), moved)


def mask_loss(features: ResizedFeatures, original: Tensor, fixed: Tensor) -> Tensor:
    """Mean of |F − F0|·fixed over channels and all pixels of the resized map.

    `original` is F0 [1, C, m, n] at its native size; `fixed` [h, w] is 1 where nothing may move, 0 where all may.
    The mean runs over all pixels, not only over the fixed ones, as in the program that we reproduce.
    """
    height, width = features.size
    if features.native == features.size:
        return ((features.features - original).abs() * fixed).mean()
    channels = features.features.shape[1]
    per_chunk = max(1, MASK_CHUNK_ELEMENTS // (height * width))
    total = torch.zeros((), device=fixed.device, dtype=features.features.dtype)
    for first in range(0, channels, per_chunk):
        last = first + per_chunk
        total = total + checkpoint(
            _masked_sum,
            features.features[:, first:last] - original[:, first:last],
            fixed,
            use_reentrant=False,
        )
    return total / (channels * height * width)


def _masked_sum(difference: Tensor, fixed: Tensor) -> Tensor:
    size = list(fixed.shape)
    return (F.interpolate(difference, size, mode="bilinear", align_corners=False).abs() * fixed).sum()


def unit_step(handle: tuple[int, int], target: Tensor) -> tuple[Tensor, float]:
    """The unit vector (rows, columns) [2] from index `handle` to `target` [2], and the distance between them in px."""
    towards = target - torch.tensor(handle, dtype=target.dtype, device=target.device)
    distance = torch.linalg.norm(towards)
    return towards / (distance + 1e-7), float(distance)
