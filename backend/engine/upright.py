"""Lays what is known in a turned crop's space out on an upright square, parallel to the picture's pixels.

Compositing reads small planes at every pixel of a large picture, which is only quick where the two grids are parallel
(`enlarging.py`). So the planes of a turned crop are turned first, onto a slightly finer grid.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.alignment import Crop

FINER = 1.5
"""Values of the upright grid along a pixel of the model: turning twice must not blur."""


class Upright:
    """The upright square that covers a crop, and how the crop's planes look on it.

    Args:
        crop: turned or not; where it is not, planes are passed through as they are.
        resolution: of the crop's planes.
        device: where they are.
    """

    def __init__(self, crop: Crop, resolution: int, device: torch.device) -> None:
        self._crop = crop
        self.square = crop.cover()
        self.resolution = resolution
        """Of the square's planes."""
        if crop.angle:
            self.resolution = math.ceil(FINER * resolution * self.square.size / crop.size)
            places = self._places(self.resolution, resolution) * (2 / resolution) - 1
            self._grid = torch.from_numpy(places.astype(np.float32))[None].to(device)

    def _places(self, size: int, resolution: int) -> NDArray[np.float64]:
        """Where the square's pixel centres at `size` lie in the crop's space at `resolution` [n, n, 2]."""
        line = np.arange(size) + 0.5
        centres = np.stack(np.meshgrid(line, line), axis=-1)
        return self._crop.to_crop(self.square.to_image(centres, size), resolution)

    def smooth(self, planes: Tensor) -> Tensor:
        """Planes [C, R, R] read cubically [C, n, n]; outside the crop its border values go on."""
        return self._read(planes, "bicubic", "border")

    def soft(self, planes: Tensor) -> Tensor:
        """Planes [C, R, R] read linearly [C, n, n]; zero outside the crop."""
        return self._read(planes, "bilinear", "zeros")

    def _read(self, planes: Tensor, mode: str, outside: str) -> Tensor:
        if not self._crop.angle:
            return planes
        return F.grid_sample(planes[None], self._grid, mode=mode, padding_mode=outside, align_corners=False)[
            0
        ]

    def directions(self, flow: Tensor) -> Tensor:
        """Displacements [2, …] of the crop's space as displacements in the image's directions; lengths stay."""
        if not self._crop.angle:
            return flow
        (xx, xy), (yx, yy) = self._crop.turn.tolist()
        return torch.stack([xx * flow[0] + xy * flow[1], yx * flow[0] + yy * flow[1]])

    def inside(self, size: int) -> NDArray[np.float32] | None:
        """How much of each of the square's pixels at `size` lies in the crop [size, size]; None where all do."""
        if not self._crop.angle:
            return None
        pixels = self._crop.size * size / self.square.size
        apart = np.abs(self._places(size, 1) - 0.5).max(axis=-1) * pixels
        result: NDArray[np.float32] = (pixels / 2 - apart + 0.5).clip(0, 1).astype(np.float32)
        return result
