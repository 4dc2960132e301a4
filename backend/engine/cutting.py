"""Cuts the crop out of a layer at the model's resolution, upright, and masks and supports with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from backend.engine import depth
from backend.engine.alignment import Bounds, Crop, is_full
from backend.engine.depth import Pixels
from backend.engine.flow import blur, smoothstep

PAPER = (255, 255, 255)
"""What transparent parts stand on while the model looks: the paper of a drawing."""

SOFTENED, EVEN = (0.0, 0.04), (0.04, 0.2)
"""How far outside the layer, in parts of the crop's side, its mirror image blurs, and turns into an even colour."""

_MARGIN = 3
"""Pixels around a part that cubic interpolation may read."""

_Border = Literal["mirror", "repeat", "nothing"]
"""What lies outside the array: its mirror image, its border values, or zeros."""

_Convert = Callable[[Pixels], NDArray[np.float32]]


def extract(
    window: Pixels,
    offset: tuple[int, int],
    crop: Crop,
    resolution: int,
    background: tuple[int, int, int] = PAPER,
) -> NDArray[np.uint8]:
    """The crop of `window` (RGBA [h, w, 4] at image position `offset`), turned upright, as RGB uint8 [H, W, 3].

    `resolution` is the longer side's, H and W are `crop.shape(resolution)`. Shrinking averages over the area of each
    new pixel; growing interpolates. Transparent parts stand on `background`; colours beyond black and white are cut
    off. Where the crop hangs over the window, the mirrored picture goes on and
    soon fades to an even colour, so that a face cut by the border ends neither in streaks nor in a second face.
    """
    paper = np.asarray(background, dtype=np.float32)

    def flatten(rows: Pixels) -> NDArray[np.float32]:
        colours = depth.levels(rows[..., :3])
        if depth.opaque(rows[..., 3]):
            return colours
        alpha = depth.part(rows[..., 3:])
        flat: NDArray[np.float32] = colours * alpha + paper * (np.float32(1) - alpha)
        return flat

    values = _cut(window, offset, crop, resolution, flatten, "mirror", cubic=True)
    values = _faded(values, window, offset, crop, paper)
    return values.round().clip(0, 255).astype(np.uint8)


def extract_mask(
    mask: NDArray[np.uint8], offset: tuple[int, int], crop: Crop, resolution: int
) -> NDArray[np.float32]:
    """The crop of a mask (uint8 [h, w], 255 = may move, at image position `offset`) as float32 [H, W], 0 to 1.

    H and W are as `extract` has them. Outside the mask's array nothing may move. A model pixel that is only partly
    movable gets the part.
    """
    values = _cut(mask[..., None], offset, crop, resolution, depth.part, "nothing", cubic=False)
    return values[..., 0].clip(0, 1)


def resample_mask(
    mask: NDArray[np.uint8], offset: tuple[int, int], crop: Crop, resolution: int, part: Bounds
) -> NDArray[np.float32]:
    """A mask on an upright crop [h, w, 2]: how much of each pixel lies above 0, and its mean, both 0 to 1.

    Past the mask's border its border values go on. Only the `part` (x0, y0, x1, y1 at `resolution`) of the crop is
    looked at and returned.
    """
    assert not crop.angle

    def both(rows: Pixels) -> NDArray[np.float32]:
        return np.concatenate([(rows > 0).astype(np.float32), depth.part(rows)], axis=-1)

    corner = (crop.x - offset[0], crop.y - offset[1])
    return _resample(mask[..., None], corner, crop.size, resolution, both, "repeat", part)


def _cut(
    window: Pixels,
    offset: tuple[int, int],
    crop: Crop,
    resolution: int,
    convert: _Convert,
    border: _Border,
    cubic: bool,
) -> NDArray[np.float32]:
    """The crop of `window` [h, w, c] as float32 [H, W, c]; `convert` maps raw rows to float32 rows."""
    corner = np.array([crop.x, crop.y]) - offset
    if not crop.angle:
        height, width = crop.shape(resolution)
        seen = corner + np.array(crop.margin(resolution)) * (crop.size / resolution)
        part = (0, 0, width, height)
        return _resample(window, (seen[0], seen[1]), crop.size, resolution, convert, border, part)
    # First upright, to about two values for each of the model's pixels; these are read, turned, four for a pixel.
    step = max(1.0, crop.size / resolution / 2)
    middle = corner + crop.size / 2
    reach = np.abs(crop.turn).sum(axis=1).max() * crop.size / 2
    start = np.floor(middle - reach) - math.ceil(_MARGIN * step)
    count = math.ceil((2 * reach + 1) / step) + 2 * _MARGIN + 2
    upright = _resample(window, (start[0], start[1]), count * step, count, convert, border)
    planes = torch.from_numpy(upright).permute(2, 0, 1)[None]
    places = (_centres(crop, 2 * resolution) - offset - start) * (2 / (count * step)) - 1
    turned = F.grid_sample(
        planes,
        torch.from_numpy(places.astype(np.float32))[None],
        mode="bicubic" if cubic else "bilinear",
        padding_mode="border",
        align_corners=False,
    )
    result: NDArray[np.float32] = F.avg_pool2d(turned, 2)[0].permute(1, 2, 0).numpy()
    return result


def _centres(crop: Crop, resolution: int) -> NDArray[np.float64]:
    """Where the crop's pixel centres at `resolution` lie in the image [H, W, 2]."""
    height, width = crop.shape(resolution)
    across, down = np.arange(width) + 0.5, np.arange(height) + 0.5
    return crop.to_image(np.stack(np.meshgrid(across, down), axis=-1), resolution)


def _faded(
    values: NDArray[np.float32],
    window: Pixels,
    offset: tuple[int, int],
    crop: Crop,
    paper: NDArray[np.float32],
) -> NDArray[np.float32]:
    """`values` [H, W, 3], with what lies outside the window blurred and then faded to an even colour."""
    resolution = max(values.shape[:2])
    places = _centres(crop, resolution) - offset
    size = np.array([window.shape[1], window.shape[0]])
    outside = np.maximum(np.maximum(-places, places - size), 0)
    distance = np.hypot(outside[..., 0], outside[..., 1]) / crop.size
    if not distance.any():
        return values
    planes = torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)
    far = torch.from_numpy(distance.astype(np.float32))
    if is_full(window[..., 3]):
        inside = values[distance == 0]
        even = inside.mean(axis=0) if len(inside) else values.mean(axis=(0, 1))
    else:
        # A shape on transparency ends at its layer's border, and paper goes on.
        even = paper
        far = far * 4
    soft = blur(planes, resolution / 20)
    planes = torch.lerp(planes, soft, smoothstep(far, *SOFTENED))
    planes = torch.lerp(planes, torch.from_numpy(even)[:, None, None], smoothstep(far, *EVEN))
    result: NDArray[np.float32] = planes.permute(1, 2, 0).numpy()
    return result


def _resample(
    window: Pixels,
    corner: tuple[float, float],
    side: float,
    resolution: int,
    convert: _Convert,
    border: _Border,
    part: Bounds | None = None,
) -> NDArray[np.float32]:
    """Resamples an upright square of `window` [h, w, c] to float32 [n, n, c], n = `resolution`.

    corner, side: of the square, in px of the window. With `part` (x0, y0, x1, y1) only those of the columns and rows.

    Separable: first rows (a band of the window at a time, so that a large layer never becomes floats as a whole),
    then columns.
    """
    x0, y0, x1, y1 = part or (0, 0, resolution, resolution)
    height, width = window.shape[:2]
    rows = [_inside(*taps(corner[1], side, resolution, i), height, border) for i in range(y0, y1)]
    columns = [_inside(*taps(corner[0], side, resolution, i), width, border) for i in range(x0, x1)]
    left = min(int(index.min()) for index, _ in columns)
    right = max(int(index.max()) for index, _ in columns) + 1
    half: list[NDArray[np.float32]] = []
    for index, weights in rows:
        low, high = int(index.min()), int(index.max()) + 1
        gathered = np.zeros(high - low, dtype=np.float32)
        np.add.at(gathered, index - low, weights)
        half.append(np.tensordot(gathered, convert(window[low:high, left:right]), axes=(0, 0)))
    stacked = np.stack(half)
    result = [np.tensordot(stacked[:, index - left], weights, axes=(1, 0)) for index, weights in columns]
    return np.stack(result, axis=1).astype(np.float32)


def _inside(
    first: int, weights: NDArray[np.float32], limit: int, border: _Border
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Indices below `limit` that stand for those from `first` on, and their weights."""
    index = np.arange(first, first + len(weights))
    if border == "mirror":
        turned = index % (2 * limit)
        return np.minimum(turned, 2 * limit - 1 - turned), weights
    inside = index.clip(0, limit - 1)
    return inside, weights if border == "repeat" else weights * (index == inside)


def taps(start: float, size: float, resolution: int, index: int) -> tuple[int, NDArray[np.float32]]:
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
