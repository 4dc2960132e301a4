"""Reads small planes at the pixel grid of a large picture: along rows and along columns, as two matrix products.

The picture's pixel centres form a grid parallel to the plane's, so interpolation separates, and the few plane values
that a part of the picture needs fit into a small matrix. That is many times cheaper than looking every pixel up.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 as array indices; x1 and y1 are outside."""

_CUBIC = -0.75
"""The free coefficient of cubic convolution (Keys 1981), as `torch.nn.functional` has it."""

_Taps = tuple[int, Tensor]
"""The first plane index that is read, and the weights [pixels, plane values from there on]."""


class Enlarger:
    """Interpolates planes that cover a square of a picture; past their border the border values go on.

    Args:
        corner: (x, y) of the square's top left corner, in the indices of the picture; not always whole.
        side: of the square in pixels, not always whole.
        device: where to compute.
    """

    def __init__(self, corner: tuple[float, float], side: float, device: torch.device) -> None:
        self._corner = corner
        self._side = side
        self._device = device
        self._taps: dict[tuple[int, int, int, int, bool], _Taps] = {}

    def __call__(self, planes: Tensor, box: Box, cubic: bool = False) -> Tensor:
        """Planes [C, n, n] at the pixel centres of `box` (picture indices): [C, h, w]; linear, or `cubic`."""
        size = planes.shape[-1]
        left, across = self._axis(0, box[0], box[2], size, cubic)
        top, down = self._axis(1, box[1], box[3], size, cubic)
        part = planes[:, top : top + down.shape[1], left : left + across.shape[1]]
        return torch.matmul(down, torch.matmul(part, across.T))

    def part(self, planes: Tensor, box: Box) -> Tensor:
        """All the values [C, …] that any kind of interpolation in `box` may read."""
        size = planes.shape[-1]
        left, across = self._axis(0, box[0], box[2], size, True)
        top, down = self._axis(1, box[1], box[3], size, True)
        return planes[:, top : top + down.shape[1], left : left + across.shape[1]]

    def _axis(self, axis: int, start: int, end: int, size: int, cubic: bool) -> _Taps:
        key = (axis, start, end, size, cubic)
        taps = self._taps.get(key)
        if taps is None:
            scale = size / self._side
            # In double precision: at 8000 px single precision would miss places by a thousandth of a pixel.
            positions = (np.arange(start, end) + 0.5 - self._corner[axis]) * scale - 0.5
            first, weights = interpolation(positions, size, cubic)
            taps = self._taps[key] = (first, torch.from_numpy(weights).to(self._device))
        return taps


def interpolation(positions: np.ndarray, size: int, cubic: bool) -> tuple[int, np.ndarray]:
    """The weights that read a row of `size` values at `positions` [n] (value centres are whole numbers).

    Returns the index of the first value that is read, and float32 weights [n, values from there to the last].
    """
    base = np.floor(positions)
    part = positions - base
    if cubic:
        weights = np.stack([_far(1 + part), _near(part), _near(1 - part), _far(2 - part)], axis=1)
        steps = np.arange(-1, 3)
    else:
        weights = np.stack([1 - part, part], axis=1)
        steps = np.arange(2)
    index = (base.astype(np.int64)[:, None] + steps).clip(0, size - 1)
    first = int(index.min())
    matrix = np.zeros((len(positions), int(index.max()) - first + 1))
    np.add.at(matrix, (np.arange(len(positions))[:, None], index - first), weights)
    return first, matrix.astype(np.float32)


def _near(distance: np.ndarray) -> np.ndarray:
    """Weight of a value less than 1 away."""
    return ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance * distance + 1


def _far(distance: np.ndarray) -> np.ndarray:
    """Weight of a value 1 to 2 away."""
    return ((_CUBIC * distance - 5 * _CUBIC) * distance + 8 * _CUBIC) * distance - 4 * _CUBIC
