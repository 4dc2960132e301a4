"""The crop: the part of the picture that the model sees, and how it is chosen.

Spaces: image space (px of the document or layer group, integers at pixel corners, pixel centres at +0.5), crop space
(the same part, turned upright, at model resolution). A layer or window is an array with an `offset`, the image
position (x, y) of its top-left pixel. `cutting.py` cuts the crop out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.engine.depth import Pixels
from backend.errors import PullfaceError

Bounds = tuple[int, int, int, int]
"""x0, y0, x1, y1 in image space; x1 and y1 are outside."""

SMALLEST_SIDE = 16
"""A face of fewer px has nothing to drag."""

LARGEST_SIDE = 16384

FULL_RECTANGLE = 0.98
"""A layer whose bounds are filled this far counts as a full picture, not as a shape on transparency."""


@dataclass(frozen=True)
class Crop:
    """A square in image space, turned about its centre. It may hang over a layer's border.

    A model whose pictures are not square sees the middle of it, as high or as wide as the square.

    x, y: its top-left pixel before it is turned.
    size: its side in px.
    angle: degrees, clockwise as seen on the picture, above -180 and at most 180: how far the face that stands upright
        in crop space is tilted in the image.
    aspect: width by height of the model's pictures.
    """

    x: int
    y: int
    size: int
    angle: float = 0.0
    aspect: float = 1.0

    @property
    def centre(self) -> tuple[float, float]:
        """Image space."""
        return self.x + self.size / 2, self.y + self.size / 2

    @property
    def turn(self) -> NDArray[np.float64]:
        """[2, 2]: turns an offset (x, y) from crop space's directions to the image's."""
        radians = math.radians(self.angle)
        cosine, sine = math.cos(radians), math.sin(radians)
        return np.array([[cosine, -sine], [sine, cosine]])

    @property
    def parts(self) -> tuple[float, float]:
        """Width and height of what the model sees, as parts of the square's side; one of them is 1."""
        return min(1.0, self.aspect), min(1.0, 1 / self.aspect)

    def shape(self, resolution: int) -> tuple[int, int]:
        """(H, W) of the model's picture when its longer side is `resolution`."""
        across, down = self.parts
        return max(1, round(resolution * down)), max(1, round(resolution * across))

    def margin(self, resolution: int) -> tuple[float, float]:
        """Where the model's picture begins in the square at `resolution` (x, y)."""
        height, width = self.shape(resolution)
        return (resolution - width) / 2, (resolution - height) / 2

    def to_crop(self, points: ArrayLike, resolution: int) -> NDArray[np.float64]:
        """Image space points (..., 2) to crop space at `resolution`, that of the longer side."""
        places = np.asarray(points, dtype=np.float64)
        if not self.angle:
            return (places - (self.x, self.y)) * (resolution / self.size) - self.margin(resolution)
        turned = ((places - self.centre) @ self.turn / self.size + 0.5) * resolution
        return turned - self.margin(resolution)

    def to_image(self, points: ArrayLike, resolution: int) -> NDArray[np.float64]:
        """Crop space points (..., 2) at `resolution`, that of the longer side, to image space."""
        places = np.asarray(points, dtype=np.float64) + self.margin(resolution)
        if not self.angle:
            return places * (self.size / resolution) + (self.x, self.y)
        return (places / resolution - 0.5) * self.size @ self.turn.T + self.centre

    def window(self, bounds: Bounds) -> Bounds:
        """The part of `bounds` (a layer's rectangle) that the bounding box of what the model sees covers.

        Empty when x1 <= x0 or y1 <= y0.
        """
        square = self.cover()
        low, high = [square.x, square.y], [square.x + square.size, square.y + square.size]
        if self.aspect != 1:
            reach = np.abs(self.turn) @ self.parts * (self.size / 2)
            low = [math.floor(middle - far + 1e-6) for middle, far in zip(self.centre, reach, strict=True)]
            high = [math.ceil(middle + far - 1e-6) for middle, far in zip(self.centre, reach, strict=True)]
        return (
            max(low[0], bounds[0]),
            max(low[1], bounds[1]),
            min(high[0], bounds[2]),
            min(high[1], bounds[3]),
        )

    def cover(self) -> Crop:
        """The smallest upright square of whole pixels that holds the square; itself when that is not turned."""
        if not self.angle:
            return replace(self, aspect=1.0)
        reach = np.abs(self.turn).sum(axis=1).max() * self.size / 2
        x, y = (math.floor(middle - reach + 1e-6) for middle in self.centre)
        side = max(math.ceil(m + reach - 1e-6) - low for m, low in zip(self.centre, (x, y), strict=True))
        return Crop(x, y, side)

    def numbers(self) -> list[int | float]:
        """[x, y, size], and the angle where it is turned: as messages and records have it."""
        return [self.x, self.y, self.size, self.angle] if self.angle else [self.x, self.y, self.size]


def is_full(alpha: NDArray[Any]) -> bool:
    """Whether a layer's alpha [H, W] makes it a full picture, and not a shape on transparency."""
    return bool(np.count_nonzero(alpha) >= FULL_RECTANGLE * alpha.size)


def content_bounds(coverage: Pixels, offset: tuple[int, int]) -> Bounds | None:
    """Image-space bounds of the nonzero part of `coverage` (alpha or selection, [H, W]); None when all is zero."""
    rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    if not len(rows):
        return None
    x, y = offset
    return (x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]) + 1, y + int(rows[-1]) + 1)


def choose_crop(
    layer: Pixels,
    offset: tuple[int, int],
    request: str | Sequence[int | float],
    selection: NDArray[np.uint8] | None = None,
    aspect: float = 1.0,
) -> Crop:
    """The crop for `layer` (RGBA [H, W, 4], see `depth.Pixels`; top-left pixel at image position `offset`).

    request: "layer" = the layer's opaque bounds; "selection" = the bounds of `selection` (uint8 [H, W], as large as
        the layer, 255 = selected); or the crop itself as [x, y, size] or [x, y, size, angle].
    aspect: width by height of the model's pictures.
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
        crop = _crop_by_name(request, layer, offset, bounds, selection, aspect)
    else:
        crop = _given_crop(request, aspect)
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
    layer: Pixels,
    offset: tuple[int, int],
    bounds: Bounds,
    selection: NDArray[np.uint8] | None,
    aspect: float,
) -> Crop:
    across, down = Crop(0, 0, 1, aspect=aspect).parts
    if request == "layer":
        x0, y0, x1, y1 = bounds
        alpha = layer[y0 - offset[1] : y1 - offset[1], x0 - offset[0] : x1 - offset[0], 3]
        # A full painting has no room outside its border, so the crop stays inside; a shape must be seen whole.
        sides = (x1 - x0) / across, (y1 - y0) / down
        side = math.floor(min(sides)) if is_full(alpha) else math.ceil(max(sides))
        return square_around(bounds, max(side, SMALLEST_SIDE), aspect)
    if request == "selection":
        if selection is None or selection.shape != layer.shape[:2]:
            raise _bad_crop("A crop from the selection needs a selection as large as the layer.")
        selected = content_bounds(selection, offset)
        if selected is None:
            raise PullfaceError(
                "empty_selection", "Nothing is selected.", "Select the face, or the whole layer."
            )
        side = math.ceil(max((selected[2] - selected[0]) / across, (selected[3] - selected[1]) / down))
        return square_around(selected, max(side, SMALLEST_SIDE), aspect)
    raise _bad_crop(f"There is no way to choose a crop called “{request}”.")


def _given_crop(request: Sequence[Any], aspect: float) -> Crop:
    whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in request[:3])
    if len(request) not in (3, 4) or not whole or not SMALLEST_SIDE <= request[2] <= LARGEST_SIDE:
        raise _bad_crop("The crop is not usable.")
    angle = request[3] if len(request) == 4 else 0.0
    if not isinstance(angle, (int, float)) or isinstance(angle, bool) or not -180 < angle <= 180:
        raise _bad_crop("The crop's angle is not usable.")
    return Crop(int(request[0]), int(request[1]), int(request[2]), float(angle), aspect)


def _bad_crop(message: str) -> PullfaceError:
    return PullfaceError(
        "bad_crop",
        message,
        f"Give x, y and size as whole numbers (size {SMALLEST_SIDE} to {LARGEST_SIDE}) and, where the face is tilted, "
        "its angle in degrees (above -180, at most 180); or “layer” or “selection”.",
    )


def square_around(bounds: Bounds, side: int, aspect: float = 1.0) -> Crop:
    """A crop of `side` px with the same centre as `bounds`."""
    x0, y0, x1, y1 = bounds
    return Crop(math.floor((x0 + x1 - side) / 2), math.floor((y0 + y1 - side) / 2), side, aspect=aspect)
