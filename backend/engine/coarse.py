"""The generator block by block: a picture up to a block, from a block on, and in little memory.

Coarse pictures cost little, and show where colours and shapes are.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

LARGE = 512
"""Blocks from this resolution on are computed twice where there is a gradient, instead of kept in memory."""

State = tuple[Tensor | None, Tensor | None]
"""Features [N, C, h, w] and picture [N, 3, h, w] after a block; None before the first."""

START: State = (None, None)


def run_blocks(
    synthesis: Any,
    ws: Tensor,
    state: State = START,
    above: int = 0,
    upto: int | None = None,
    fused: bool = False,
) -> State:
    """Runs the blocks whose resolution is above `above` and at most `upto` (None: all) on `state`.

    ws: [N, num_ws, w_dim]; all of it, whichever blocks run.
    fused: scale the weights by w instead of the features: cheaper where the weights have gradients of their own.
    """
    x, image = state
    for block, own in synthesis.blocks(ws):
        if upto is not None and block.resolution > upto:
            break
        if block.resolution <= above:
            continue
        if block.resolution >= LARGE and torch.is_grad_enabled():
            x, image = checkpoint(_run_block, block, own, x, image, fused, use_reentrant=False)
        else:
            x, image = _run_block(block, own, x, image, fused)
    return x, image


def _run_block(block: Any, ws: Tensor, x: Tensor | None, image: Tensor | None, fused: bool) -> State:
    x = block.features(x, ws, noise_mode="const", fused_modconv=fused)
    return x, block.to_image(x, image, ws, fused_modconv=fused)


def image_up_to(synthesis: Any, ws: Tensor, resolution: int) -> Tensor:
    """What the blocks up to `resolution` add to the picture of `ws` [N, num_ws, w_dim]: [N, 3, h, w].

    For a generator that sums up pictures of all its blocks ("skip"; see `draws_coarsely`), or its last resolution.
    """
    _, image = run_blocks(synthesis, ws, upto=resolution)
    assert image is not None
    return image.float()


def draws_coarsely(synthesis: Any, resolution: int) -> bool:
    """Whether `image_up_to` has a picture at this block, below the last."""
    return (
        resolution in synthesis.block_resolutions
        and resolution < synthesis.img_resolution
        and bool(synthesis.block(resolution).num_torgb)
    )


@torch.no_grad()
def coarse_target(synthesis: Any, ws: Tensor, image: Tensor, target: Tensor, resolution: int) -> Tensor:
    """What the coarse picture has to be for the full one to be `target` [1, 3, H, W].

    The coarse picture is not the shrunk full one: the blocks above add to it. What they add at `ws`, whose full
    picture is `image`, is taken for what they will add (the full approximation scheme of Brandt, "Multi-level
    adaptive solutions to boundary-value problems", Mathematics of Computation 1977, section 5).
    """
    coarse = image_up_to(synthesis, ws, resolution)
    size = list(coarse.shape[2:])
    added = F.interpolate(image, size, mode="area") - coarse
    return F.interpolate(target, size, mode="area") - added
