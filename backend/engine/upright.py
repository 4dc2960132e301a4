"""Lays what is known in a turned crop's space out on an upright square, parallel to the picture's pixels.

Compositing reads small planes at every pixel of a large picture, which is only quick where the two grids are parallel
(`enlarging.py`). So the planes of a turned crop are turned first, onto a slightly finer grid.
"""

from __future__ import annotations

import math
from dataclasses import replace

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
        shape: (H, W) of the crop's planes.
        device: where they are.
    """

    def __init__(self, crop: Crop, shape: tuple[int, int], device: torch.device) -> None:
        self._crop = crop
        self.square = crop.cover()
        self.resolution = max(shape)
        """Of the square's planes."""
        margin = [int(side) for side in crop.margin(self.resolution)]
        self._around = [
            margin[0],
            self.resolution - shape[1] - margin[0],
            margin[1],
            self.resolution - shape[0] - margin[1],
        ]
        """What is missing from the crop's planes to the square, when that is not turned: left, right, top, bottom."""
        if crop.angle:
            resolution = self.resolution
            self.resolution = math.ceil(FINER * resolution * self.square.size / crop.size)
            places = self._places(self.resolution, resolution) * (2 / np.array(shape[::-1])) - 1
            self._grid = torch.from_numpy(places.astype(np.float32))[None].to(device)

    def _places(self, size: int, resolution: int) -> NDArray[np.float64]:
        """Where the square's pixel centres at `size` lie in the crop's space at `resolution` [n, n, 2]."""
        return self._crop.to_crop(self._centres(size), resolution)

    def _centres(self, size: int) -> NDArray[np.float64]:
        """Where the square's pixel centres at `size` lie in the image [n, n, 2]."""
        line = np.arange(size) + 0.5
        return self.square.to_image(np.stack(np.meshgrid(line, line), axis=-1), size)

    def smooth(self, planes: Tensor) -> Tensor:
        """Planes [C, H, W] read cubically [C, n, n]; outside the crop its border values go on."""
        return self._read(planes, "bicubic", "border")

    def soft(self, planes: Tensor) -> Tensor:
        """Planes [C, H, W] read linearly [C, n, n]; zero outside the crop."""
        return self._read(planes, "bilinear", "zeros")

    def _read(self, planes: Tensor, mode: str, outside: str) -> Tensor:
        if not self._crop.angle:
            if not any(self._around):
                return planes
            return F.pad(planes[None], self._around, "replicate" if outside == "border" else "constant")[0]
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
        if not self._crop.angle and self._crop.aspect == 1:
            return None
        pixels = self._crop.size * size / self.square.size
        places = replace(self._crop, aspect=1.0).to_crop(self._centres(size), 1)
        sides = np.array(self._crop.parts) * pixels
        room = (sides / 2 - np.abs(places - 0.5) * pixels).min(axis=-1)
        result: NDArray[np.float32] = (room + 0.5).clip(0, 1).astype(np.float32)
        return result
