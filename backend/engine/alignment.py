"""The crop: the square of the picture that the model sees, how it is chosen and how it is cut out.

Spaces: image space (px of the document or layer group, integers at pixel corners, pixel centres at +0.5), crop space
(the same square at model resolution R). A layer or window is an array with an `offset`, the image position (x, y) of
its top-left pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.errors import PullfaceError

Bounds = tuple[int, int, int, int]
"""x0, y0, x1, y1 in image space; x1 and y1 are outside."""

SMALLEST_SIDE = 16
"""A face of fewer px has nothing to drag."""

LARGEST_SIDE = 16384

PAPER = (255, 255, 255)
"""What transparent parts stand on while the model looks: the paper of a drawing."""

FULL_RECTANGLE = 0.98
"""A layer whose bounds are filled this far counts as a full picture, not as a shape on transparency."""


@dataclass(frozen=True)
class Crop:
    """A square in image space: top-left pixel (x, y) and side `size`. It may hang over a layer's border."""

    x: int
    y: int
    size: int

    def to_crop(self, points: ArrayLike, resolution: int) -> NDArray[np.float64]:
        """Image space points (..., 2) to crop space at `resolution`."""
        return (np.asarray(points, dtype=np.float64) - (self.x, self.y)) * (resolution / self.size)

    def to_image(self, points: ArrayLike, resolution: int) -> NDArray[np.float64]:
        """Crop space points (..., 2) at `resolution` to image space."""
        return np.asarray(points, dtype=np.float64) * (self.size / resolution) + (self.x, self.y)

    def window(self, bounds: Bounds) -> Bounds:
        """The part of the crop inside `bounds` (a layer's rectangle); empty when x1 <= x0 or y1 <= y0."""
        return (
            max(self.x, bounds[0]),
            max(self.y, bounds[1]),
            min(self.x + self.size, bounds[2]),
            min(self.y + self.size, bounds[3]),
        )


def content_bounds(coverage: NDArray[np.uint8], offset: tuple[int, int]) -> Bounds | None:
    """Image-space bounds of the nonzero part of `coverage` (alpha or selection, [H, W]); None when all is zero."""
    rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    if not len(rows):
        return None
    x, y = offset
    return (x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]) + 1, y + int(rows[-1]) + 1)


def choose_crop(
    layer: NDArray[np.uint8],
    offset: tuple[int, int],
    request: str | Sequence[int],
    selection: NDArray[np.uint8] | None = None,
) -> Crop:
    """The crop for `layer` (RGBA [H, W, 4], top-left pixel at image position `offset`).

    request: "layer" = the layer's opaque bounds; "selection" = the bounds of `selection` (uint8 [H, W], as large as
        the layer, 255 = selected); or the crop itself as [x, y, size].
    Raises PullfaceError "empty_layer", "layer_too_small", "empty_selection", "bad_crop" or "crop_outside".
    """
    bounds = content_bounds(layer[..., 3], offset)
    if bounds is None:
        raise PullfaceError(
            "empty_layer", "The selected layer is empty.", "Select the layer that the face is painted on."
        )
    if (
        min(layer.shape[:2]) < SMALLEST_SIDE
        or max(bounds[2] - bounds[0], bounds[3] - bounds[1]) < SMALLEST_SIDE
    ):
        raise PullfaceError(
            "layer_too_small",
            f"The selected layer is too small: there are fewer than {SMALLEST_SIDE} pixels of picture.",
            "Select the layer that the face is painted on, or scale it up.",
        )
    if isinstance(request, str):
        crop = _crop_by_name(request, layer, offset, bounds, selection)
    else:
        crop = _given_crop(request)
    window = crop.window(bounds)
    if window[2] <= window[0] or window[3] <= window[1]:
        raise PullfaceError(
            "crop_outside",
            "The crop does not touch the layer's picture.",
            "Move the crop over the face, or let Pullface choose it from the layer.",
        )
    return crop


def _crop_by_name(
    request: str,
    layer: NDArray[np.uint8],
    offset: tuple[int, int],
    bounds: Bounds,
    selection: NDArray[np.uint8] | None,
) -> Crop:
    if request == "layer":
        x0, y0, x1, y1 = bounds
        alpha = layer[y0 - offset[1] : y1 - offset[1], x0 - offset[0] : x1 - offset[0], 3]
        full = np.count_nonzero(alpha) >= FULL_RECTANGLE * alpha.size
        # A full painting has no room outside its border, so the square stays inside; a shape must be seen whole.
        side = min(x1 - x0, y1 - y0) if full else max(x1 - x0, y1 - y0)
        return square_around(bounds, max(side, SMALLEST_SIDE))
    if request == "selection":
        if selection is None or selection.shape != layer.shape[:2]:
            raise _bad_crop("A crop from the selection needs a selection as large as the layer.")
        selected = content_bounds(selection, offset)
        if selected is None:
            raise PullfaceError(
                "empty_selection", "Nothing is selected.", "Select the face, or the whole layer."
            )
        side = max(selected[2] - selected[0], selected[3] - selected[1])
        return square_around(selected, max(side, SMALLEST_SIDE))
    raise _bad_crop(f"There is no way to choose a crop called “{request}”.")


def _given_crop(request: Sequence[Any]) -> Crop:
    whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in request)
    if len(request) != 3 or not whole or not SMALLEST_SIDE <= request[2] <= LARGEST_SIDE:
        raise _bad_crop("The crop is not usable.")
    return Crop(int(request[0]), int(request[1]), int(request[2]))


def _bad_crop(message: str) -> PullfaceError:
    return PullfaceError(
        "bad_crop",
        message,
        f"Give x, y and size as whole numbers (size {SMALLEST_SIDE} to {LARGEST_SIDE}), “layer” or “selection”.",
    )


def square_around(bounds: Bounds, side: int) -> Crop:
    """A square of `side` px with the same centre as `bounds`."""
    x0, y0, x1, y1 = bounds
    return Crop(math.floor((x0 + x1 - side) / 2), math.floor((y0 + y1 - side) / 2), side)


def extract(
    window: NDArray[np.uint8],
    offset: tuple[int, int],
    crop: Crop,
    resolution: int,
    background: tuple[int, int, int] = PAPER,
) -> NDArray[np.uint8]:
    """The crop of `window` (RGBA [h, w, 4] at image position `offset`) as RGB uint8 [R, R, 3].

    Shrinking averages exactly over the area of each new pixel; growing interpolates linearly. Transparent parts stand
    on `background`; where the crop hangs over the window, the window's border pixels are repeated.
    """
    paper = np.asarray(background, dtype=np.float32)

    def flatten(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        if rows[..., 3].min() == 255:
            return rows[..., :3].astype(np.float32)
        alpha = _to_unit(rows[..., 3:])
        flat: NDArray[np.float32] = rows[..., :3] * alpha + paper * (np.float32(1) - alpha)
        return flat

    values = _resample(window, offset, crop, resolution, flatten, repeat_border=True)
    return values.round().clip(0, 255).astype(np.uint8)


def extract_mask(
    mask: NDArray[np.uint8], offset: tuple[int, int], crop: Crop, resolution: int
) -> NDArray[np.float32]:
    """The crop of a mask (uint8 [h, w], 255 = may move, at image position `offset`) as float32 [R, R], 0 to 1.

    Outside the mask's array nothing may move. A model pixel that is only partly movable gets the part.
    """
    return _resample(mask[..., None], offset, crop, resolution, _to_unit, repeat_border=False)[..., 0]


def resample_support(
    mask: NDArray[np.uint8], offset: tuple[int, int], crop: Crop, resolution: int, part: Bounds
) -> NDArray[np.float32]:
    """How much of each crop pixel has a mask above 0; past the mask's border its border values go on.

    Only the `part` (x0, y0, x1, y1 at `resolution`) of the crop is looked at and returned.
    """

    def support(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        return (rows > 0).astype(np.float32)

    return _resample(mask[..., None], offset, crop, resolution, support, repeat_border=True, part=part)[
        ..., 0
    ]


def _to_unit(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    return rows.astype(np.float32) / np.float32(255)


def _resample(
    window: NDArray[np.uint8],
    offset: tuple[int, int],
    crop: Crop,
    resolution: int,
    convert: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    repeat_border: bool,
    part: Bounds | None = None,
) -> NDArray[np.float32]:
    """Resamples the crop of `window` [h, w, c] to float32 [R, R, c]; `convert` maps raw rows to float32 rows.

    With `part` (x0, y0, x1, y1) only those of the R columns and rows.

    Separable: first rows (a band of the window at a time, so that a large layer never becomes floats as a whole),
    then columns.
    """
    x0, y0, x1, y1 = part or (0, 0, resolution, resolution)
    rows = [taps(crop.y - offset[1], crop.size, resolution, i) for i in range(y0, y1)]
    columns = [taps(crop.x - offset[0], crop.size, resolution, i) for i in range(x0, x1)]
    height, width = window.shape[:2]
    left, right = columns[0][0], columns[-1][0] + len(columns[-1][1])
    left, right = min(max(left, 0), width - 1), max(min(right, width), 1)
    half: list[NDArray[np.float32]] = []
    for first, weights in rows:
        index = np.arange(first, first + len(weights))
        inside = index.clip(0, height - 1)
        kept = weights if repeat_border else weights * (index == inside)
        band = convert(window[inside[0] : inside[-1] + 1, left:right])
        gathered = np.zeros(len(band), dtype=np.float32)
        np.add.at(gathered, inside - inside[0], kept)
        half.append(np.tensordot(gathered, band, axes=(0, 0)))
    stacked = np.stack(half)
    result = []
    for first, weights in columns:
        index = np.arange(first, first + len(weights))
        inside = index.clip(0, width - 1)
        kept = weights if repeat_border else weights * (index == inside)
        result.append(np.tensordot(stacked[:, inside - left], kept, axes=(1, 0)))
    return np.stack(result, axis=1).astype(np.float32)


def taps(start: float, size: int, resolution: int, index: int) -> tuple[int, NDArray[np.float32]]:
    """The source pixels that make output pixel `index` along one axis: the first one's index and their weights.

    Output pixel i covers [start + i·s, start + (i+1)·s) of the source, s = size/resolution. For s ≥ 1 each source
    pixel weighs by its overlap; for s < 1 the value is interpolated linearly at the output pixel's centre.
    """
    scale = size / resolution
    if scale >= 1:
        low, high = start + index * scale, start + (index + 1) * scale
        first, last = math.floor(low), math.ceil(high)
        edges = np.arange(first, last + 1, dtype=np.float64).clip(low, high)
        weights = np.diff(edges)
    else:
        centre = start + (index + 0.5) * scale - 0.5
        first = math.floor(centre)
        weights = np.array([1 - (centre - first), centre - first])
    return first, (weights / weights.sum()).astype(np.float32)
