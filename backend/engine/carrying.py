"""Carries an edit to the artist's pixels in one tile of the layer, in floats, whatever the layer's depth."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from backend.engine import depth
from backend.engine.depth import Pixels
from backend.engine.enlarging import Box
from backend.engine.planes import Planes

_SEEN = 0.5 / 255
"""Alpha below which there is nothing."""

_SAME = 1 / 1024
"""Levels by which a float value may differ through rounding alone."""


def carry(
    window: Pixels, mask: NDArray[np.uint8] | None, planes: Planes, tile: Box
) -> tuple[Tensor, Tensor | None, Tensor] | None:
    """The edit in the part `tile` (window indices).

    Returns:
        colours [3, h, w] in levels, alpha [h, w] from 0 to 1 (None where all is opaque), and where they differ
        [h, w] bool from the window's; None when nothing changes. Where they do not differ they may be off by rounding:
        the window's own bits count there.
    """
    x0, y0, x1, y1 = tile
    movable = None if mask is None else mask[y0:y1, x0:x1] > 0
    if movable is not None and not movable.any():
        return None
    read = planes.enlarger
    if not read.part(planes.change, tile).any() or not read.part(planes.edge, tile).any():
        return None
    weight = read(planes.edge, tile)
    weight *= read(planes.change, tile) > 0
    if movable is not None:
        weight *= torch.from_numpy(movable).to(weight.device)
    own, alpha = _cut(window, tile, weight.device)
    # Towards the movable part's border the motion itself dies away (in `flow`), and what is drawn does.
    # Fading the result instead would show a moved stroke and the old one next to each other, both faint.
    smooth = read(planes.smooth, tile, cubic=True)
    still = read(planes.still, tile)
    edit, through = own + smooth[2:], alpha
    if alpha is not None:
        still *= alpha > 0  # nobody sees what colour there is under full transparency
    if still.min() < 1:
        moved, brought = _moved(window, tile, smooth[:2], own)
        edit = torch.lerp(moved, edit, still)
        if alpha is not None or brought is not None:
            alpha, brought = (torch.ones_like(still) if some is None else some for some in (alpha, brought))
            through = torch.lerp(brought, alpha, still)
    if planes.past is not None and read.part(planes.past, tile).max() > 0:
        stays = read(planes.past, tile).clamp_(0, 1)
        edit = torch.lerp(edit, own, stays)
        if alpha is not None and through is not None:
            through = torch.lerp(through, alpha, stays)
    beyond = None if window.dtype == np.uint8 else (edit.clamp(max=0), edit.clamp(min=255))
    if planes.drawn is not None and read.part(planes.fresh[:1], tile).any():
        fresh = read(planes.fresh, tile)
        fresh[:1] *= weight
        drawn = planes.drawn.enlarger(planes.drawn.planes, tile, cubic=True)
        # Strokes that the model never had (a nose it did not draw) are not the old drawing of anything: they stay.
        unknown = (edit - drawn[3:]).mul_(fresh[1:])
        shown = unknown.add_(drawn[:3])
        if alpha is not None:
            # What is drawn stands on paper, the artist's pixels do not.
            shown += (own - 255) * (1 - alpha)
        edit.lerp_(shown, fresh[:1])
        if alpha is not None and through is not None:
            through = torch.lerp(through, alpha, fresh[:1])
    if alpha is not None and through is not None:
        weight *= torch.maximum(alpha, through) > 0
    # A layer with colours beyond black and white keeps them; the edit itself adds none.
    edit = edit.clamp_(0, 255) if beyond is None else edit.clamp_(*beyond)
    may = weight > 0
    colours = torch.where(may, edit, own)
    if window.dtype == np.uint8:
        colours.round_()
        different = colours != own
    else:
        step = 255 / 65535 / 2 if window.dtype == np.uint16 else _SAME
        different = ((colours - own).abs() > step) & may
    different = different.any(dim=0)
    if alpha is None or through is None:
        return colours, None, different
    # A stroke on a transparent layer takes its alpha along.
    through = torch.where(may, through, alpha)
    clearer = (through - alpha).abs() > (step if window.dtype != np.uint8 else 0.5) / 255
    return colours, through[0], different | clearer[0]


def _moved(window: Pixels, tile: Box, flow: Tensor, own: Tensor) -> tuple[Tensor, Tensor | None]:
    """What `flow` (window px) brings to the tile, whose own colours are `own`: colours [3, h, w], levels, and alpha
    [1, h, w], None where all is opaque.

    Colours are averaged with their alpha as weight, so that transparent pixels lend nothing of theirs; where only
    transparent ones come, the tile keeps its own.
    """
    x0, y0, x1, y1 = tile
    height, width = window.shape[:2]
    (low_x, low_y), (high_x, high_y) = flow.amin(dim=(1, 2)).tolist(), flow.amax(dim=(1, 2)).tolist()
    # Cubic interpolation reads two pixels around a place. What lies outside the window repeats its border.
    left, right = _reach(x0 + low_x, x1 + high_x, width)
    top, bottom = _reach(y0 + low_y, y1 + high_y, height)
    colours, alpha = _cut(window, (left, top, right, bottom), flow.device)
    grid = torch.empty(1, y1 - y0, x1 - x0, 2, device=flow.device)
    for axis, start, end, first, last in ((0, x0, x1, left, right), (1, y0, y1, top, bottom)):
        scale = 2 / (last - first)
        place = torch.from_numpy((np.arange(start - first, end - first) + 0.5) * scale - 1)
        place = place.to(flow.device, torch.float32)
        torch.add(place if axis == 0 else place[:, None], flow[axis], alpha=scale, out=grid[0, ..., axis])
    low, high = _limits(colours, grid, window.dtype == np.uint8)
    if alpha is None:
        return _bicubic(colours, grid).clamp_(low, high), None
    brought = _bicubic(torch.cat([colours * alpha, alpha]), grid)
    there = torch.where(brought[3:] < _SEEN, 0.0, brought[3:]).clamp(max=1)
    visible = torch.where(there > 0, brought[:3] / there.clamp(min=_SEEN), own)
    return visible.clamp_(low, high), there


def _limits(colours: Tensor, grid: Tensor, plain: bool) -> tuple[Tensor, Tensor]:
    """Between what values cubic interpolation may overshoot: black and white, or what lies around beyond them."""
    low, high = torch.zeros((), device=grid.device), torch.full((), 255.0, device=grid.device)
    if plain or (colours.min() >= 0 and colours.max() <= 255):
        return low, high
    around = [F.max_pool2d(sign * colours[None], 5, stride=1, padding=2) for sign in (-1, 1)]
    least, most = (
        F.grid_sample(some, grid, mode="nearest", padding_mode="border", align_corners=False)[0]
        for some in around
    )
    return torch.minimum(low, -least), torch.maximum(high, most)


def _cut(window: Pixels, box: Box, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """A part of the window: colours [3, h, w] in levels, and alpha [1, h, w] from 0 to 1, None where all is opaque."""
    x0, y0, x1, y1 = box
    part = window[y0:y1, x0:x1]
    if window.dtype == np.uint8:
        planes = torch.from_numpy(part.copy()).to(device).permute(2, 0, 1).contiguous()
        colours = planes[:3].float()
        return colours, None if planes[3].min() == 255 else planes[3:].float().div_(255)
    colours = torch.from_numpy(depth.levels(part[..., :3])).to(device).permute(2, 0, 1).contiguous()
    if depth.opaque(part[..., 3]):
        return colours, None
    return colours, torch.from_numpy(depth.part(part[..., 3])).to(device)[None]


def _reach(low: float, high: float, limit: int) -> tuple[int, int]:
    """The indices below `limit` that reading from `low` to `high` needs; never none."""
    first = min(max(math.floor(low) - 3, 0), limit - 1)
    return first, max(min(math.ceil(high) + 3, limit), first + 1)


def _bicubic(planes: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(planes[None], grid, mode="bicubic", padding_mode="border", align_corners=False)[0]
