"""Pictures of drags in which what their masks do not let move stays as it was.

An engine's steps only hold it (`holding.py`), since a latent moves a whole face. So both faces, before and after, are
drawn up to the block of F, where there are shapes and colours but no fine lines, put together there by the mask, and
drawn on from there as one. The finer blocks find a single surface and leave no seam. (Feature maps put together by
place: Suzuki et al. 2018, "Spatially Controllable Image Synthesis with Internal Representation Collaging"; Collins et
al. 2020, "Editing in Style".) Outside the mask, farther than these blocks reach, nothing changes.

Drags that follow each other have masks of their own: each adds, where it might, how its latent changed the maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.engine.coarse import State, run_blocks
from backend.engine.freedom import FEATURE_RESOLUTION
from backend.engine.inversion import Picture, render, to_picture


@dataclass(frozen=True)
class Edited:
    """What a drag did to a picture.

    latent: w+ [1, num_ws, w_dim] that it came to.
    mask: [H, W] at the model's resolution, 1 = might move; None = everything might.
    """

    latent: Tensor
    mask: Tensor | None


class Keeping:
    """Draws the latents of a drag.

    Args:
        generator: frozen.
        first: w+ of the picture before all drags.
        done: the drags before this one, the earliest first; this one begins with the latent of the last of them.
        mask: of this one, see `Edited`.
    """

    def __init__(
        self, generator: Any, first: Tensor, done: Sequence[Edited] = (), mask: Tensor | None = None
    ) -> None:
        self._generator = generator
        self._latents = [first, *(drag.latent for drag in done)]
        self._masks = [*(drag.mask for drag in done), mask]
        self._before: tuple[int, State, State] | None = None

    @torch.no_grad()
    def __call__(self, latent: Tensor) -> Picture:
        """The picture of `latent` in this drag, uint8 [H, W, 3]."""
        if all(mask is None for mask in self._masks):
            return render(self._generator, latent)
        latent = latent.to(self._latents[0])
        resolution = self._resolution(latent)
        if self._before is None or self._before[0] != resolution:
            self._before = (resolution, *self._begin(resolution))
        _, shown, begun = self._before
        state = _changed(shown, begun, self._upto(latent, resolution), self._masks[-1], resolution)
        image = run_blocks(self._generator.synthesis, latent, state, above=resolution, fused=True)[1]
        assert image is not None
        return to_picture(image)

    def _upto(self, latent: Tensor, resolution: int) -> State:
        return run_blocks(self._generator.synthesis, latent, upto=resolution, fused=True)

    def _begin(self, resolution: int) -> tuple[State, State]:
        """After the block of `resolution`: what is shown before this drag, and what the latent it begins with draws."""
        shown = begun = self._upto(self._latents[0], resolution)
        for latent, mask in zip(self._latents[1:], self._masks):
            after = self._upto(latent, resolution)
            shown, begun = _changed(shown, begun, after, mask, resolution), after
        return shown, begun

    def _resolution(self, latent: Tensor) -> int:
        """Of the block where faces are put together: that of F, or a finer one if entries of w+ up to there differ."""
        synthesis = self._generator.synthesis
        differs = torch.cat([one != latent for one in self._latents]).any(dim=2).any(dim=0)
        entries = int(differs.nonzero().max()) + 1 if bool(differs.any()) else 0
        fine = [each for each in synthesis.block_resolutions if each >= FEATURE_RESOLUTION]
        enough = [each for each in fine if synthesis.entries_up_to(each) >= entries]
        return int(min(enough, default=synthesis.block_resolutions[-1]))


def _changed(shown: State, before: State, after: State, mask: Tensor | None, resolution: int) -> State:
    """`shown`, changed as from `before` to `after` where the mask lets it."""

    def one(maps: Tensor | None, old: Tensor | None, new: Tensor | None) -> Tensor | None:
        if maps is None or old is None or new is None:
            return None
        return maps + (new - old) * (1 if mask is None else _cells(mask, maps, resolution))

    return one(shown[0], before[0], after[0]), one(shown[1], before[1], after[1])


def _cells(mask: Tensor, maps: Tensor, resolution: int) -> Tensor:
    """The mask at the cells of maps [1, C, h, w] of a block, a margin around the picture (StyleGAN3's) included."""
    margin = max(0, (max(maps.shape[2:]) - resolution) // 2)
    height, width = (side - 2 * margin for side in maps.shape[2:])
    cells = F.adaptive_avg_pool2d(mask[None, None].to(maps), (height, width))
    return F.pad(cells, (margin,) * 4, mode="replicate")
