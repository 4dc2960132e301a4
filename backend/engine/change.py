"""What the model's two pictures, before and after a drag, say about the edit; computed once for each pair of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.flow import Motion, blur, estimate_motion, line_strength, smoothstep, warp
from backend.errors import PullfaceError

LINES_LOW, LINES_HIGH = 0.03, 0.09
"""Strength of the model's fine structure below which it shows no line, and above which it surely does."""


@dataclass(frozen=True)
class Change:
    """The change from one picture of the model to another, all [C, R, R] in crop space, colours from 0 to 1.

    before, after: the two pictures.
    motion: from one to the other.
    moved: `before`, moved.
    light: smooth difference of colour that the motion leaves.
    empty: 1 where `moved` shows no lines, 0 where it does.
    """

    before: Tensor
    after: Tensor
    motion: Motion
    moved: Tensor
    light: Tensor
    empty: Tensor

    @classmethod
    def between(
        cls, before: NDArray[np.uint8], after: NDArray[np.uint8], device: torch.device | None = None
    ) -> Change:
        """The change between two pictures, uint8 [R, R, 3], computed on `device`.

        Raises PullfaceError "wrong_picture_size" when they are not two squares of one size.
        """
        if before.ndim != 3 or before.shape[0] != before.shape[1] or before.shape[2] != 3:
            raise does_not_fit()
        if before.shape != after.shape:
            raise does_not_fit()
        first, second = (as_planes(picture, device) for picture in (before, after))
        motion = estimate_motion(first, second)
        moved = warp(torch.cat([first, line_strength(first)[None]]), motion.flow)
        light = blur(second - moved[:3], before.shape[0] / 48)
        empty = 1 - smoothstep(moved[3:], LINES_LOW, LINES_HIGH)
        return cls(first, second, motion, moved[:3], light, empty)

    @property
    def resolution(self) -> int:
        """R."""
        return int(self.before.shape[-1])


def as_planes(picture: NDArray[np.uint8], device: torch.device | None = None) -> Tensor:
    """A picture uint8 [h, w, c] as float planes [c, h, w] from 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(picture)).to(device).permute(2, 0, 1).float() / 255


def does_not_fit() -> PullfaceError:
    """The error for pictures that do not belong together."""
    return PullfaceError(
        "wrong_picture_size",
        "The edit does not fit the layer: its picture or its mask has another size.",
        "Open the layer again and repeat the drag.",
    )
