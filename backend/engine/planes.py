"""What an edit says, as small planes over the crop, made ready to be read at every pixel of the artist's layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.alignment import Crop
from backend.engine.change import MISSED_FLOOR, Change, as_planes, fine_energy
from backend.engine.cutting import resample_mask
from backend.engine.enlarging import Box, Enlarger
from backend.engine.fading import fade, reach_of
from backend.engine.flow import blur, smoothstep, warp, widest
from backend.engine.membrane import membrane
from backend.engine.sharpening import enlarged
from backend.engine.upright import Upright

FEATHER = 0.012
"""Width of the soft inner edge of the movable part, as a part of the crop's side (3 px of 256)."""

EDGE_GRID = 512
"""Resolution at which the movable part's edge is looked at, at most."""

FINEST, LARGEST_PATCH = 4, 1536
"""Of the grid that what is drawn is sharpened on, at most: values along a pixel of the model, and its side."""

FLAT, TEXTURE = 0.015, 1.5
"""Fine structure is brushwork or paper below the first with so many times what half of the picture has at most; above
twice that it is drawing."""

TRUSTED = (0.08, 0.25)
"""Part of the energy of the picture's fine structure that the model may miss: below the first it is trusted to draw,
above the second it is not. What it shows of a picture that it hardly knows is a blur, which on an artist's clean
colours is a veil or a smudge."""

KEPT = (0.4, 0.8)
"""Part of the energy of its own moved lines that what the model draws must have to be shown: below the first the drag
has only smeared them."""

COVER_EDGE, SHARPEST = 0.6, 1.5
"""Width of the edge of what covers, in px of the model and at least in px of the layer."""

_VISIBLE = 1 / 500
"""What is drawn with less weight than this nobody sees."""


@dataclass(frozen=True)
class Drawn:
    """What the model draws anew, over a part of the square that holds all of it.

    planes: [6, n, n], levels, read cubically: what is shown, in the picture's own colours; and what the model made
        of the picture, moved: the same where nothing appeared.
    enlarger: reads them.
    """

    planes: Tensor
    enlarger: Enlarger


@dataclass(frozen=True)
class Planes:
    """An edit over the upright square that covers the crop; each [C, n, n] with an n of its own.

    smooth: flow (window px) and shift (levels), dying away where the movable part ends; read cubically. Shift
        is how the picture's smooth colours change by the motion.
    still: [1], 1 where the picture shows no lines, neither before nor after the motion, 0 where it does: there the
        brushwork and the paper stay, and only colours move.
    change: [1], above 0 where anything may change; read linearly, like all below.
    edge: [1], the movable part's soft inner edge.
    fresh: [2], how much of what is shown is drawn, and how far the model's own moved picture is empty of lines there.
    drawn: None when nothing is.
    past: [1], above 0 where something covers the picture and does not move it; 1 past the cover's soft edge. None when
        nothing does.
    enlarger: reads all but `drawn`.
    """

    smooth: Tensor
    still: Tensor
    change: Tensor
    edge: Tensor
    fresh: Tensor
    drawn: Drawn | None
    past: Tensor | None
    enlarger: Enlarger


@dataclass(frozen=True)
class Movable:
    """The movable part over the upright square, all [n, n], 0 to 1.

    support: how much of each place may move at all. share: by how much it may.
    edge: 0 at its border, 1 inside; a part thinner than the edge itself still reaches 1 along its middle.
    """

    support: Tensor
    share: Tensor
    edge: Tensor


def movable_part(
    mask: NDArray[np.uint8] | None,
    offset: tuple[int, int],
    crop: Crop,
    upright: Upright,
    box: Box,
    change: Change,
) -> Movable:
    """What may move by the mask (uint8, at image position `offset`; None = all) and by the crop's own border.

    The crop's border counts because the picture goes on there that the model has not seen. Right in `box` (mask
    indices) only.
    """
    square = upright.square
    size = min(square.size, EDGE_GRID)
    sigma = FEATHER * size * crop.size / square.size / 2
    support, share = torch.ones(2, size, size)
    if mask is not None:
        # What is farther away than the edge and the motion reach need not be looked at.
        places = np.array(box).reshape(2, 2) + offset
        cells = change.motion.flow * (size * crop.size / square.size / change.resolution)
        margin = max(math.ceil(6 * sigma) + 3, reach_of(cells) + 2)
        low, high = (square.to_crop(places, size) + [[-margin], [margin]]).clip(0, size).astype(int).tolist()
        near = torch.from_numpy(resample_mask(mask, offset, square, size, (*low, *high)))
        support[low[1] : high[1], low[0] : high[0]] = near[..., 0]
        share[low[1] : high[1], low[0] : high[0]] = near[..., 1]
    inside = upright.inside(size)
    if inside is not None:
        support *= torch.from_numpy(inside)
    border = math.ceil(4 * sigma) + 1
    soft = blur(F.pad(support[None], (border, border, border, border)), sigma)
    peak = widest(soft, math.ceil(2 * sigma)).clamp(min=1e-6)
    edge = (2 * soft / peak - 1).clamp(0, 1)[0, border:-border, border:-border]
    device = change.before.device
    return Movable(support.to(device), share.to(device), edge.to(device))


def lay_out(
    change: Change,
    seen: NDArray[np.uint8],
    crop: Crop,
    upright: Upright,
    movable: Movable,
    offset: tuple[int, int],
) -> Planes:
    """The planes of a change.

    seen: what the model was shown, uint8 [H, W, 3]. offset: image position of the window.
    """
    square, size = upright.square, upright.resolution
    cells = movable.edge.shape[-1]
    gate = upright.soft(change.motion.change[None])
    share = _resized(movable.share[None], size) * gate
    weight = _resized(movable.edge[None], size) * share
    flow = upright.smooth(upright.directions(change.motion.flow) * (crop.size / change.resolution))
    faded = fade(_resized(flow, cells) * (cells / square.size), movable.support) * movable.share
    finest = max(size, cells)
    flow = _resized(flow, finest) * _resized(faded[None], finest)
    shift, still = _shift(
        upright.smooth(as_planes(seen, flow.device)), _resized(flow, size) * (size / square.size)
    )
    fresh = upright.soft((change.fresh * trust(change, seen))[None]) * share
    corner = (square.x - offset[0], square.y - offset[1])
    return Planes(
        smooth=torch.cat([flow, _resized(shift * 255, finest)]),
        still=still,
        change=gate,
        edge=movable.edge[None],
        fresh=torch.cat([fresh, upright.soft(change.empty)]),
        drawn=_drawn(change, seen, upright, fresh * weight, corner),
        past=_past(change, crop, upright),
        enlarger=Enlarger(corner, square.size, change.before.device),
    )


def _past(change: Change, crop: Crop, upright: Upright) -> Tensor | None:
    if change.motion.past is None:
        return None
    pixel = crop.size / change.resolution
    return upright.smooth(change.motion.past[None]) * (pixel / max(COVER_EDGE * pixel, SHARPEST))


def trust(change: Change, seen: NDArray[np.uint8]) -> Tensor:
    """How far the model can be trusted to draw something anew at each place [H, W], 0 to 1.

    Where it did not show the picture's own lines before (a mouth that the inversion left a blur), what it shows after
    the motion is a blur, too: there the artist's own lines are moved and nothing is drawn.
    """
    kept = (fine_energy(change.after) + MISSED_FLOOR) / (fine_energy(change.moved) + MISSED_FLOOR)
    known = warp((1 - smoothstep(change.missed(seen), *TRUSTED))[None], change.motion.flow)[0]
    return known * smoothstep(kept, *KEPT)


def _shift(seen: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """How `seen` [3, n, n] changes by `flow` (its own px), and where it shows no lines before and after [1, n, n]."""
    size = seen.shape[-1]
    fine = (seen - blur(seen, size / 85)).abs().amax(dim=0, keepdim=True)
    lines = blur(widest(fine, max(1, round(size / 128))), size / 256)
    moved = warp(torch.cat([seen, lines]), flow)
    low = FLAT + TEXTURE * float(lines.median())
    return moved[:3] - seen, 1 - smoothstep(torch.maximum(lines, moved[3:]), low, 2 * low)


def _drawn(
    change: Change,
    seen: NDArray[np.uint8],
    upright: Upright,
    weight: Tensor,
    corner: tuple[float, float],
) -> Drawn | None:
    """What is drawn with `weight` [1, n, n]. corner: of the upright square, in window px."""
    box = extent(weight[0] > _VISIBLE)
    if box is None:
        return None
    size = upright.resolution
    side = min(max(box[2] - box[0], box[3] - box[1]) + 6, size)
    left, top = (min(max(first - 3, 0), size - side) for first in box[:2])
    # What the inversion missed, without its fine lines, which would stay behind as ghosts of the old drawing; under
    # what is drawn, where the picture shows something else, it is what it is around there.
    missed = blur(as_planes(seen, change.before.device) - change.before, change.resolution / 48)
    missed = membrane(warp(missed, change.motion.flow), 1 - smoothstep(change.fresh, 0.0, 0.5))
    planes = upright.smooth(torch.cat([change.after, change.moved, missed]))
    after, moved, missed = planes[:, top : top + side, left : left + side].split(3)
    pixel = upright.square.size / size
    finer = int(min(FINEST, math.ceil(pixel / 2), max(1, LARGEST_PATCH // side)))
    if finer > 1:
        after = enlarged(after, finer)
        moved, missed = (_resized(some, side * finer) for some in (moved, missed))
    enlarger = Enlarger(
        (corner[0] + left * pixel, corner[1] + top * pixel), side * pixel, change.before.device
    )
    return Drawn(torch.cat([after + missed, moved + missed]) * 255, enlarger)


def extent(plane: Tensor) -> Box | None:
    """Bounds x0, y0, x1, y1 of the nonzero part of `plane` [H, W]; None when all is zero."""
    rows = torch.nonzero(plane.any(dim=1)).flatten()
    columns = torch.nonzero(plane.any(dim=0)).flatten()
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _resized(planes: Tensor, size: int) -> Tensor:
    """Planes [C, n, n] at another resolution."""
    now = planes.shape[-1]
    if now == size:
        return planes
    if now > size:
        return F.interpolate(
            planes[None], [size, size], mode="bilinear", align_corners=False, antialias=True
        )[0]
    return F.interpolate(planes[None], [size, size], mode="bicubic", align_corners=False)[0]
