"""What the model's two pictures, before and after a drag, say about the edit; computed once for each pair of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.flow import (
    Motion,
    blur,
    estimate_motion,
    line_strength,
    size_of,
    smoothstep,
    spread,
    warp,
    widest,
)
from backend.errors import PullfaceError

FRESH_LOW, FRESH_HIGH = 0.15, 0.30
"""Smooth differences below the first are light on the same surface; those above the second are another surface."""

STRIP = 80
"""What appears has to be wider than two such parts of the picture's side."""

MISSED_FLOOR = 5e-5
"""Energy of fine structure (colours from 0 to 1, three channels) below which there is nothing to be missed."""

LINES_LOW, LINES_HIGH = 0.03, 0.09
"""Strength of the model's fine structure below which it shows no line, and above which it surely does."""


@dataclass(frozen=True)
class Change:
    """The change from one picture of the model to another, all [C, H, W] in crop space, colours from 0 to 1.

    before, after: the two pictures.
    motion: from one to the other.
    moved: `before`, moved.
    fresh: [H, W], 1 where `after` shows something that the motion does not explain, 0 where it only moved.
    empty: 1 where `moved` shows no lines, 0 where it does.
    """

    before: Tensor
    after: Tensor
    motion: Motion
    moved: Tensor
    fresh: Tensor
    empty: Tensor

    @classmethod
    def between(
        cls, before: NDArray[np.uint8], after: NDArray[np.uint8], device: torch.device | None = None
    ) -> Change:
        """The change between two pictures, uint8 [H, W, 3], computed on `device`.

        Raises PullfaceError "wrong_picture_size" when they are not of one size.
        """
        if before.ndim != 3 or before.shape[2] != 3:
            raise does_not_fit()
        if before.shape != after.shape:
            raise does_not_fit()
        first, second = (as_planes(picture, device) for picture in (before, after))
        motion = estimate_motion(first, second)
        moved = warp(torch.cat([first, line_strength(first)[None]]), motion.flow)
        size = size_of(first)
        left = blur(second - warp(first, motion.exact), size / 40).abs().amax(dim=0)
        fresh = torch.maximum(1 - motion.confidence, smoothstep(left, FRESH_LOW, FRESH_HIGH))
        # Strips along a moved line are its blur and no new thing.
        reach = round(size / STRIP)
        fresh = torch.minimum(fresh, widest(-widest(-fresh[None], reach), reach)[0])
        fresh = spread(fresh, size / 110)  # with the whole of the outlines that lie around it
        empty = 1 - smoothstep(moved[3:], LINES_LOW, LINES_HIGH)
        return cls(first, second, motion, moved[:3], fresh, empty)

    def following(self, kept: Tensor) -> Change:
        """The same where each place keeps so much of its motion, [H, W] from 0 to 1.

        All of it where much appears; where little does and not all is kept, what appears would not fit what moves.
        """
        wide = smoothstep(blur(self.fresh[None], size_of(self.before) / 24)[0], 0.3, 0.6)
        motion = replace(self.motion, flow=self.motion.flow * torch.maximum(kept, wide))
        fresh = self.fresh * torch.maximum(wide, smoothstep(kept, 0.8, 1.0))
        return replace(self, motion=motion, moved=warp(self.before, motion.flow), fresh=fresh)

    def missed(self, seen: NDArray[np.uint8]) -> Tensor:
        """Part of the energy of the fine structure of `seen`, uint8 [H, W, 3], that `before` misses, [H, W].

        seen: what the model was shown, of which it made `before`.
        """
        shown = as_planes(seen, self.before.device)
        return fine_energy(shown - self.before) / (fine_energy(shown) + MISSED_FLOOR)

    @property
    def resolution(self) -> int:
        """The longer side."""
        return size_of(self.before)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return int(self.before.shape[1]), int(self.before.shape[2])


def fine_energy(picture: Tensor) -> Tensor:
    """Energy of the fine structure of `picture` [C, H, W] around each place, [H, W]."""
    size = size_of(picture)
    return blur((picture - blur(picture, size / 48)).square().sum(dim=0)[None], size / 40)[0]


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
