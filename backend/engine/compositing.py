"""Carries an edit of the model's small picture back onto the artist's full-resolution pixels.

The model's two pictures, before and after, are never pasted. They say how the face moved (`flow.py`), and the
artist's own pixels are moved that way; the remaining smooth difference of colour is added. Only where something
appears that no motion explains (an opening mouth shows teeth) the model's pixels are used, matched in colour to the
picture around them. Outside the movable part, and where the two pictures agree, every bit stays the artist's.

The work is done in tiles, so that a large layer never becomes floats as a whole, what is worked on stays in the
processor's cache, and a tile in which nothing can change costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.alignment import Crop, content_bounds
from backend.engine.change import Change, as_planes, does_not_fit
from backend.engine.cutting import extract, resample_support
from backend.engine.enlarging import Box, Enlarger
from backend.engine.flow import blur, warp, widest
from backend.engine.upright import Upright

FEATHER = 0.012
"""Width of the soft inner edge of the movable part, as a part of the crop's side (1.5 px of 128)."""

FEATHER_GRID = 512
"""Resolution at which the soft edge is computed at most."""

TILE_WIDTH, TILE_HEIGHT = 512, 128
"""Pixels worked on at once on a processor: their planes fit into its cache."""

LARGE_TILE = 2048
"""Side of what other devices work on at once: there starting an operation costs more than memory."""

PREPARATION = 3_000_000
"""What comes before the tiles takes as long as so many pixels, for the progress."""

OnFraction = Callable[[float], None]
"""Called with the part that is done, 0 to 1; what it raises (`inversion.Cancelled`) ends the work."""


@dataclass(frozen=True)
class Edit:
    """The part of a window that an edit changes.

    rect: x, y, width, height in image space: the bounding box of the changed pixels; one pixel when there are none.
    pixels: RGBA uint8 [height, width, 4], the edited window there.
    changed: uint8 [height, width], 255 where it differs from the window, 0 elsewhere.
    opaque: whether the window's alpha is 255 wherever it changed.
    """

    rect: tuple[int, int, int, int]
    pixels: NDArray[np.uint8]
    changed: NDArray[np.uint8]
    opaque: bool

    def alone(self) -> NDArray[np.uint8]:
        """The changed pixels, RGBA uint8 [height, width, 4]; all others 0, 0, 0, 0."""
        return self.pixels * (self.changed[..., None] > 0)


@dataclass(frozen=True)
class _Planes:
    """What the edit says in crop space, each [C, n, n]; colours from 0 to 255."""

    smooth: Tensor
    """Flow (window px) and light, read cubically."""
    soft: Tensor
    """Change, and how little the motion explains; read linearly, like the two below."""
    empty: Tensor
    feather: Tensor
    shown: Tensor
    """Read cubically: the model's after with the picture's own colours, what is shown where something new appears;
    and what the model made of the picture, moved: the same where nothing appeared."""


def composite(
    window: NDArray[np.uint8],
    offset: tuple[int, int],
    crop: Crop,
    change: Change,
    mask: NDArray[np.uint8] | None = None,
    seen: NDArray[np.uint8] | None = None,
    on_progress: OnFraction | None = None,
) -> Edit:
    """The edited part of the window.

    Args:
        window: RGBA uint8 [h, w, 4], straight alpha; its top-left pixel stands at image position `offset` (x, y). It
            may be smaller or larger than the crop.
        crop: the square that the model saw, image space; it may hang over the window.
        change: between the model's pictures of the crop, before and after the drag. Its device computes.
        mask: uint8 [h, w], as large as the window: 255 may change, 0 stays, between is mixed. None = all may.
        seen: `extract` of the window at the model's resolution, if it is at hand.
        on_progress: see `OnFraction`.

    Returns:
        The edit. Its pixels are bit-equal to the window where the mask is 0, outside the crop, where before and after
        agree and in alpha everywhere.

    Raises PullfaceError "wrong_picture_size" when the arrays do not fit each other.
    """
    if window.ndim != 3 or window.shape[2] != 4 or (mask is not None and mask.shape != window.shape[:2]):
        raise does_not_fit()
    tell = on_progress or (lambda _fraction: None)
    tell(0.0)
    upright = Upright(crop, change.resolution, change.before.device)
    square = upright.square
    box = _changing(upright.soft(change.motion.change[None])[0], square, offset, window.shape[:2], mask)
    if box is None:
        return _Canvas(window, (0, 0, 1, 1)).edit(offset)
    if seen is None:
        seen = extract(window, offset, crop, change.resolution)
    if seen.shape != (change.resolution, change.resolution, 3):
        raise does_not_fit()
    feather = _feather(mask, offset, crop, upright, box, change.before.device)
    planes = _planes(change, seen, crop.size, upright, feather)
    enlarger = Enlarger((square.x - offset[0], square.y - offset[1]), square.size, change.before.device)
    canvas = _Canvas(window, box)
    done, everything = PREPARATION, PREPARATION + (box[2] - box[0]) * (box[3] - box[1])
    for tile in _tiles(box, change.before.device):
        tell(done / everything)
        _edit_tile(canvas, mask, planes, enlarger, tile)
        done += (tile[2] - tile[0]) * (tile[3] - tile[1])
    tell(1.0)
    return canvas.edit(offset)


class _Canvas:
    """The window and the edited copy of its part `box`."""

    def __init__(self, window: NDArray[np.uint8], box: Box) -> None:
        x0, y0, x1, y1 = self._box = box
        self.window = window
        self._pixels = np.array(window[y0:y1, x0:x1], order="C")
        self._changed = np.zeros(self._pixels.shape[:2], dtype=np.uint8)
        self._opaque = True

    def write(self, box: Box, colours: Tensor, different: Tensor) -> None:
        """Takes over colours [3, h, w] uint8 for a part of the box, and where they are `different` [h, w] bool."""
        left, top = self._box[:2]
        place = (slice(box[1] - top, box[3] - top), slice(box[0] - left, box[2] - left))
        alpha = self._pixels[place][..., 3]
        changed = different.cpu().numpy()
        self._pixels[place][..., :3] = colours.permute(1, 2, 0).cpu().numpy()
        np.multiply(changed, np.uint8(255), out=self._changed[place])
        self._opaque = self._opaque and not (changed & (alpha != 255)).any()

    def edit(self, offset: tuple[int, int]) -> Edit:
        """What has been written."""
        left, top = self._box[:2]
        x0, y0, x1, y1 = content_bounds(self._changed, (0, 0)) or (0, 0, 1, 1)
        pixels, changed = (np.ascontiguousarray(a[y0:y1, x0:x1]) for a in (self._pixels, self._changed))
        rect = (offset[0] + left + x0, offset[1] + top + y0, x1 - x0, y1 - y0)
        return Edit(rect, pixels, changed, self._opaque)


# Where something can change


def _changing(
    change: Tensor,
    square: Crop,
    offset: tuple[int, int],
    shape: tuple[int, ...],
    mask: NDArray[np.uint8] | None,
) -> Box | None:
    """The part of the window (indices) outside which nothing can change; None when empty.

    It is the square's part where `change` [n, n] is above 0, cut to the mask.
    """
    extent = _extent(change)
    if extent is None:
        return None
    x0, y0, x1, y1 = _rectangle(extent, square, change.shape[-1], offset, shape)
    if x0 >= x1 or y0 >= y1:
        return None
    return (x0, y0, x1, y1) if mask is None else content_bounds(mask[y0:y1, x0:x1], (x0, y0))


def _extent(change: Tensor) -> Box | None:
    """Bounds x0, y0, x1, y1 of the nonzero part of `change` [R, R], with one px of interpolation around it."""
    rows = torch.nonzero(change.any(dim=1)).flatten()
    columns = torch.nonzero(change.any(dim=0)).flatten()
    if not len(rows):
        return None
    return int(columns[0]) - 1, int(rows[0]) - 1, int(columns[-1]) + 2, int(rows[-1]) + 2


def _rectangle(
    extent: Box, crop: Crop, resolution: int, offset: tuple[int, int], shape: tuple[int, ...]
) -> Box:
    """`extent` (crop space) as array indices x0, y0, x1, y1 of the window, cut to the crop and to the window."""
    low = crop.to_image(extent[:2], resolution) - offset
    high = crop.to_image(extent[2:], resolution) - offset
    x0, y0 = (
        max(0, corner - place, math.floor(v))
        for corner, place, v in zip((crop.x, crop.y), offset, low, strict=True)
    )
    x1, y1 = (
        min(limit, corner + crop.size - place, math.ceil(v))
        for limit, corner, place, v in zip((shape[1], shape[0]), (crop.x, crop.y), offset, high, strict=True)
    )
    return x0, y0, x1, y1


def _tiles(box: Box, device: torch.device) -> list[Box]:
    width, height = (TILE_WIDTH, TILE_HEIGHT) if device.type == "cpu" else (LARGE_TILE, LARGE_TILE)
    x0, y0, x1, y1 = box
    return [
        (x, y, min(x + width, x1), min(y + height, y1))
        for y in range(y0, y1, height)
        for x in range(x0, x1, width)
    ]


# In the model's resolution


def _planes(change: Change, seen: NDArray[np.uint8], side: int, upright: Upright, feather: Tensor) -> _Planes:
    motion, size = change.motion, change.resolution
    # What the inversion missed, without its fine lines: those would stay behind as ghosts of the old drawing.
    missed = blur(as_planes(seen, change.before.device) - change.before, size / 48)
    missed = warp(missed, motion.flow)
    flow = upright.directions(motion.flow * (side / size))
    return _Planes(
        smooth=upright.smooth(torch.cat([flow, change.light * 255])),
        soft=upright.soft(torch.stack([motion.change, 1 - motion.confidence])),
        empty=upright.soft(change.empty),
        feather=feather,
        shown=upright.smooth(torch.cat([change.after + missed, change.moved + missed]) * 255),
    )


def _feather(
    mask: NDArray[np.uint8] | None,
    offset: tuple[int, int],
    crop: Crop,
    upright: Upright,
    box: Box,
    device: torch.device,
) -> Tensor:
    """A soft inner edge for the movable part, [1, n, n] over the upright square: 0 at its border, 1 inside.

    It closes at the crop's border too, where the picture goes on that the model has not seen. A part thinner than the
    edge itself still reaches 1 along its middle. It is right in `box`.
    """
    square = upright.square
    size = min(square.size, FEATHER_GRID)
    sigma = FEATHER * size * crop.size / square.size / 2
    support = torch.ones(size, size)
    if mask is not None:
        # What is farther away than both operations below reach need not be looked at.
        places = np.array(box).reshape(2, 2) + offset
        margin = math.ceil(6 * sigma) + 3
        low, high = (square.to_crop(places, size) + [[-margin], [margin]]).clip(0, size).astype(int).tolist()
        near = resample_support(mask, offset, square, size, (*low, *high))
        support[low[1] : high[1], low[0] : high[0]] = torch.from_numpy(near)
    inside = upright.inside(size)
    if inside is not None:
        support *= torch.from_numpy(inside)
    edge = math.ceil(4 * sigma) + 1
    soft = blur(F.pad(support[None], (edge, edge, edge, edge)), sigma)
    peak = widest(soft, math.ceil(2 * sigma)).clamp(min=1e-6)
    return (2 * soft / peak - 1).clamp(0, 1)[:, edge:-edge, edge:-edge].to(device)


# In the window's resolution


def _edit_tile(
    canvas: _Canvas, mask: NDArray[np.uint8] | None, planes: _Planes, enlarger: Enlarger, tile: Box
) -> None:
    """Writes the edit into the part `tile` (window indices) of the canvas."""
    x0, y0, x1, y1 = tile
    movable = None if mask is None else mask[y0:y1, x0:x1]
    if movable is not None and not movable.any():
        return
    near = enlarger.part(planes.soft, tile)
    if not near[0].any() or not enlarger.part(planes.feather, tile).any():
        return
    soft = enlarger(planes.soft if near[1].any() else planes.soft[:1], tile)
    change = soft[:1]
    weight = enlarger(planes.feather, tile)
    weight *= change > 0
    if movable is not None:
        weight *= torch.from_numpy(movable.astype(np.float32) / 255).to(weight.device)
    source = _cut(canvas.window, tile, weight.device).contiguous()
    own, alpha = source[:3].float(), source[3:]
    # The change fades the motion itself (in `flow`), the light and what is drawn. Fading the result instead would
    # show a moved stroke and the old one next to each other, both faint.
    smooth = enlarger(planes.smooth, tile, cubic=True)
    moved = _moved(canvas.window, tile, smooth[:2], own)
    edit = torch.addcmul(moved, smooth[2:], change)
    if len(soft) > 1:
        drawn = enlarger(planes.shown, tile, cubic=True)
        # Strokes that the model never had (a nose it did not draw) are not the old drawing of anything: they stay.
        unknown = moved.sub_(drawn[3:]).mul_(enlarger(planes.empty, tile))
        shown = unknown.add_(drawn[:3])
        if not _opaque(alpha):
            # What is drawn stands on paper, the artist's pixels do not.
            shown += (own - 255) * (1 - alpha / 255)
        edit.lerp_(shown, soft[1:].mul_(change))
    if not _opaque(alpha):
        weight *= alpha > 0
    # Where the weight is 0 this gives `own` itself.
    colours = torch.lerp(own, edit.clamp_(0, 255), weight).round_().to(torch.uint8)
    different = colours != source[:3]
    canvas.write(tile, colours, different[0] | different[1] | different[2])


def _moved(window: NDArray[np.uint8], tile: Box, flow: Tensor, own: Tensor) -> Tensor:
    """The colours [3, h, w], 0 to 255, that `flow` (window px) brings to the tile, whose own colours are `own`.

    Colours are averaged with their alpha as weight, so that transparent pixels lend nothing of theirs; where only
    transparent ones come, the tile keeps its own.
    """
    x0, y0, x1, y1 = tile
    height, width = window.shape[:2]
    (low_x, low_y), (high_x, high_y) = flow.amin(dim=(1, 2)).tolist(), flow.amax(dim=(1, 2)).tolist()
    # Cubic interpolation reads two pixels around a place. What lies outside the window repeats its border.
    left, right = _reach(x0 + low_x, x1 + high_x, width)
    top, bottom = _reach(y0 + low_y, y1 + high_y, height)
    pixels = _cut(window, (left, top, right, bottom), flow.device)
    grid = torch.empty(1, y1 - y0, x1 - x0, 2, device=flow.device)
    for axis, start, end, first, last in ((0, x0, x1, left, right), (1, y0, y1, top, bottom)):
        scale = 2 / (last - first)
        place = torch.from_numpy((np.arange(start - first, end - first) + 0.5) * scale - 1)
        place = place.to(flow.device, torch.float32)
        torch.add(place if axis == 0 else place[:, None], flow[axis], alpha=scale, out=grid[0, ..., axis])
    values = pixels.float()
    if _opaque(pixels[3:]):
        return _bicubic(values[:3], grid).clamp_(0, 255)
    alpha = values[3:] / 255
    brought = _bicubic(torch.cat([values[:3] * alpha, alpha]), grid)
    there = brought[3:]
    return torch.where(there > 1 / 255, brought[:3] / there.clamp(min=1 / 255), own).clamp_(0, 255)


def _cut(window: NDArray[np.uint8], box: Box, device: torch.device) -> Tensor:
    """A part of the window as planes [4, h, w] uint8."""
    x0, y0, x1, y1 = box
    return torch.from_numpy(window[y0:y1, x0:x1].copy()).to(device).permute(2, 0, 1)


def _reach(low: float, high: float, limit: int) -> tuple[int, int]:
    """The indices below `limit` that reading from `low` to `high` needs; never none."""
    first = min(max(math.floor(low) - 3, 0), limit - 1)
    return first, max(min(math.ceil(high) + 3, limit), first + 1)


def _bicubic(planes: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(planes[None], grid, mode="bicubic", padding_mode="border", align_corners=False)[0]


def _opaque(alpha: Tensor) -> bool:
    return bool(alpha.min() == 255)
