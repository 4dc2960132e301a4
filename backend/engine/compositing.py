"""Carries an edit of the model's small picture back onto the artist's full-resolution pixels.

The model's two pictures, before and after, are never pasted. They say how the face moved (`flow.py`), and the
artist's own pixels are moved that way. Only where something appears that no motion explains (an opening mouth shows
teeth), and where the model knew the picture (`planes.trust`), its pixels are used, with the colours of the picture
around them and edges as narrow. What else of colour the two pictures differ by is not taken over: it was a veil on
flat colours far more often than it was light. Outside the movable part, and where the two pictures agree, every bit
stays the artist's.

The work is done in tiles (`carrying.py`), so that a large layer never becomes floats as a whole, what is worked on
stays in the processor's cache, and a tile in which nothing can change costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.alignment import Crop, content_bounds
from backend.engine.carrying import carry
from backend.engine.change import Change, does_not_fit
from backend.engine.cutting import extract, extract_mask
from backend.engine.depth import DEPTHS, Pixels, white
from backend.engine.enlarging import Box
from backend.engine.planes import extent, lay_out, movable_part
from backend.engine.pulling import pulled
from backend.engine.upright import Upright

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
    pixels: RGBA [height, width, 4], as deep as the window, the edited window there.
    changed: uint8 [height, width], 255 where it differs from the window, 0 elsewhere.
    opaque: whether the window's alpha and its own are full wherever it changed.
    """

    rect: tuple[int, int, int, int]
    pixels: Pixels
    changed: NDArray[np.uint8]
    opaque: bool

    def alone(self) -> Pixels:
        """The changed pixels, RGBA [height, width, 4]; all others 0, 0, 0, 0."""
        return np.where(self.changed[..., None] > 0, self.pixels, self.pixels.dtype.type(0))


def composite(
    window: Pixels,
    offset: tuple[int, int],
    crop: Crop,
    change: Change,
    mask: NDArray[np.uint8] | None = None,
    seen: NDArray[np.uint8] | None = None,
    ways: Sequence[NDArray[np.float64]] | None = None,
    on_progress: OnFraction | None = None,
) -> Edit:
    """The edited part of the window.

    Args:
        window: RGBA [h, w, 4], see `depth.Pixels`; its top-left pixel stands at image position `offset` (x, y). It
            may be smaller or larger than the crop.
        crop: what the model saw, image space; it may hang over the window.
        change: between the model's pictures of the crop, before and after the drag. Its device computes.
        mask: uint8 [h, w], as large as the window: 255 may change, 0 stays, between moves by a part of the way. None
            = all may.
        seen: `extract` of the window at the model's resolution, if it is at hand.
        ways: from where to where the handles went, one [N, 2, 2] a drag, the earliest first, image space, if that is
            known: under a mask what is far from all of them follows less, and a drawing that the model does not know
            goes with the handles themselves (`pulling.pulled`).
        on_progress: see `OnFraction`.

    Returns:
        The edit. Its pixels are bit-equal to the window where the mask is 0, outside the crop, and where nothing moves
        or appears. What moves takes its alpha along; what is drawn anew gets that of its place.

    Raises PullfaceError "wrong_picture_size" when the arrays do not fit each other.
    """
    fits = window.ndim == 3 and window.shape[2] == 4 and window.dtype.name in DEPTHS
    fits = fits and crop.shape(change.resolution) == change.shape
    if not fits or (mask is not None and mask.shape != window.shape[:2]):
        raise does_not_fit()
    tell = on_progress or (lambda _fraction: None)
    tell(0.0)
    upright = Upright(crop, change.shape, change.before.device)
    if seen is None:
        seen = extract(window, offset, crop, change.resolution)
    if seen.shape != (*change.shape, 3):
        raise does_not_fit()
    if ways is not None and mask is not None and len(ways):
        movable = extract_mask(mask, offset, crop, change.resolution)
        drags = [torch.from_numpy(crop.to_crop(some, change.resolution)).to(change.before) for some in ways]
        change = pulled(change, seen, movable, drags)
    box = _changing(upright.soft(change.motion.change[None])[0], crop, offset, window.shape[:2], mask)
    if box is None:
        return _Canvas(window, (0, 0, 1, 1)).edit(offset)
    free = movable_part(mask, offset, crop, upright, box, change)
    planes = lay_out(change, seen, crop, upright, free, offset)
    canvas = _Canvas(window, box)
    done, everything = PREPARATION, PREPARATION + (box[2] - box[0]) * (box[3] - box[1])
    for tile in _tiles(box, change.before.device):
        tell(done / everything)
        edited = carry(window, mask, planes, tile)
        if edited is not None:
            canvas.write(tile, *edited)
        done += (tile[2] - tile[0]) * (tile[3] - tile[1])
    tell(1.0)
    return canvas.edit(offset)


class _Canvas:
    """The window and the edited copy of its part `box`."""

    def __init__(self, window: Pixels, box: Box) -> None:
        x0, y0, x1, y1 = self._box = box
        self._white = white(window.dtype)
        self._pixels = np.array(window[y0:y1, x0:x1], order="C")
        self._changed = np.zeros(self._pixels.shape[:2], dtype=np.uint8)
        self._opaque = True

    def write(self, box: Box, colours: Tensor, alpha: Tensor | None, different: Tensor) -> None:
        """Takes over colours [3, h, w], in levels, and alpha [h, w], 0 to 1 (None: it stays), for a part of the box.

        Where they are not `different`, [h, w] bool, the window's own stay.
        """
        left, top = self._box[:2]
        place = (slice(box[1] - top, box[3] - top), slice(box[0] - left, box[2] - left))
        pixels, changed = self._pixels[place], different.cpu().numpy()
        if pixels.dtype == np.uint8:
            # Where they are not different they are equal: quicker than to choose.
            pixels[..., :3] = colours.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        else:
            values = colours.mul_(self._white / 255)
            if pixels.dtype == np.uint16:
                values.round_()
            deep = values.permute(1, 2, 0).cpu().numpy().astype(pixels.dtype)
            np.copyto(pixels[..., :3], deep, where=changed[..., None])
        np.multiply(changed, np.uint8(255), out=self._changed[place])
        self._opaque = self._opaque and not (changed & (pixels[..., 3] < self._white)).any()
        if alpha is not None:
            deep = alpha.mul(self._white).cpu().numpy()
            deep = (deep if pixels.dtype.kind == "f" else deep.round()).astype(pixels.dtype)
            np.copyto(pixels[..., 3], deep, where=changed)
            self._opaque = self._opaque and not (changed & (pixels[..., 3] < self._white)).any()

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
    crop: Crop,
    offset: tuple[int, int],
    shape: tuple[int, ...],
    mask: NDArray[np.uint8] | None,
) -> Box | None:
    """The part of the window (indices) outside which nothing can change; None when empty.

    It is the part where `change` [n, n], on the crop's upright square, is above 0, cut to the crop and to the mask.
    """
    part = extent(change)
    if part is None:
        return None
    # One more px on each side, for the interpolation.
    wider = (part[0] - 1, part[1] - 1, part[2] + 1, part[3] + 1)
    places = np.array(wider).reshape(2, 2)
    low, high = crop.cover().to_image(places, change.shape[-1]) - offset
    left, top = offset
    limits = crop.window((left, top, left + shape[1], top + shape[0]))
    x0, y0 = max(limits[0] - left, math.floor(low[0])), max(limits[1] - top, math.floor(low[1]))
    x1, y1 = min(limits[2] - left, math.ceil(high[0])), min(limits[3] - top, math.ceil(high[1]))
    if x0 >= x1 or y0 >= y1:
        return None
    return (x0, y0, x1, y1) if mask is None else content_bounds(mask[y0:y1, x0:x1], (x0, y0))


def _tiles(box: Box, device: torch.device) -> list[Box]:
    width, height = (TILE_WIDTH, TILE_HEIGHT) if device.type == "cpu" else (LARGE_TILE, LARGE_TILE)
    x0, y0, x1, y1 = box
    return [
        (x, y, min(x + width, x1), min(y + height, y1))
        for y in range(y0, y1, height)
        for x in range(x0, x1, width)
    ]
