"""Carries an edit of the model's small picture back onto the artist's full-resolution pixels.

The model's two pictures, before and after, are never pasted. They say how the face moved (`flow.py`), and the
artist's own pixels are moved that way; the remaining smooth difference of colour is added. Only where something
appears that no motion explains (an opening mouth shows teeth) the model's pixels are used, matched in colour to the
picture around them. Outside the movable part, and where the two pictures agree, every bit stays the artist's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.alignment import Crop, extract, resample_coverage
from backend.engine.flow import Motion, blur, estimate_motion, line_strength, smoothstep, warp
from backend.errors import PullfaceError

FEATHER = 0.012
"""Width of the soft inner edge of the movable part, as a part of the crop's side (1.5 px of 128)."""

FEATHER_GRID = 512
"""Resolution at which the soft edge is computed at most."""

LINES_LOW, LINES_HIGH = 0.03, 0.09
"""Strength of the model's fine structure below which it shows no line, and above which it surely does."""

BAND_PIXELS = 1 << 20
"""Pixels worked on at once: bounds the memory for large layers."""


@dataclass(frozen=True)
class _Planes:
    """What the edit says in crop space, each [C, R, R]."""

    motion: Motion
    light: Tensor
    """Smooth difference of colour that the motion leaves, 0 to 1 scale."""
    drawn: Tensor
    """The model's after with the picture's own colours: what is shown where something new appears."""
    known: Tensor
    """What the model made of the picture, moved: `drawn` where nothing appeared."""
    empty: Tensor
    """1 where the model's before, moved, shows no lines, 0 where it does."""


def composite(
    window: NDArray[np.uint8],
    offset: tuple[int, int],
    crop: Crop,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    mask: NDArray[np.uint8] | None = None,
    device: torch.device | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The edited window and where it differs.

    Args:
        window: RGBA uint8 [h, w, 4], straight alpha; its top-left pixel stands at image position `offset` (x, y). It
            may be smaller or larger than the crop.
        crop: the square that the model saw, image space; it may hang over the window.
        before, after: the model's pictures of the crop, uint8 [R, R, 3], before and after the drag.
        mask: uint8 [h, w], as large as the window: 255 may change, 0 stays, between is mixed. None = all may.
        device: where to compute.

    Returns:
        RGBA uint8 [h, w, 4], bit-equal to `window` where the mask is 0, outside the crop, where before and after agree
        and in alpha everywhere; and uint8 [h, w], 255 where the two differ, 0 elsewhere.

    Raises PullfaceError "wrong_picture_size" when the arrays do not fit each other.
    """
    _check(window, before, after, mask)
    result = window.copy()
    changed = np.zeros(window.shape[:2], dtype=np.uint8)
    if np.array_equal(before, after):
        return result, changed
    device = device or torch.device("cpu")
    planes = _planes(window, offset, crop, before, after, device)
    reach = _extent(planes.motion.change)
    if reach is None:
        return result, changed
    feather = _feather(mask, window.shape[:2], offset, crop, device)
    rectangle = _rectangle(reach, crop, before.shape[0], offset, window.shape[:2])
    margin = _margin(planes.motion.flow, crop, before.shape[0])
    x0, y0, x1, y1 = rectangle
    rows_at_once = max(1, BAND_PIXELS // max(1, x1 - x0))
    for top in range(y0, y1, rows_at_once):
        band = (x0, top, x1, min(top + rows_at_once, y1))
        _edit_band(result, changed, window, mask, offset, crop, planes, feather, band, margin)
    return result, changed


def _check(
    window: NDArray[np.uint8],
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    mask: NDArray[np.uint8] | None,
) -> None:
    square = before.ndim == 3 and before.shape[0] == before.shape[1] and before.shape[2] == 3
    fits = square and before.shape == after.shape and window.ndim == 3 and window.shape[2] == 4
    if not fits or (mask is not None and mask.shape != window.shape[:2]):
        raise PullfaceError(
            "wrong_picture_size",
            "The edit does not fit the layer: its picture or its mask has another size.",
            "Open the layer again and repeat the drag.",
        )


def _planes(
    window: NDArray[np.uint8],
    offset: tuple[int, int],
    crop: Crop,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    device: torch.device,
) -> _Planes:
    size = before.shape[0]
    first, second, seen = (
        torch.from_numpy(np.ascontiguousarray(picture)).to(device).permute(2, 0, 1).float() / 255
        for picture in (before, after, extract(window, offset, crop, size))
    )
    motion = estimate_motion(first, second)
    light = blur(second - warp(first, motion.flow), size / 48)
    # What the inversion missed, without its fine lines: those would stay behind as ghosts of the old drawing.
    missed = blur(seen - first, size / 48)
    moved = warp(torch.cat([first, missed, line_strength(first)[None]]), motion.flow)
    known = moved[:3] + moved[3:6]
    return _Planes(
        motion, light, second + moved[3:6], known, 1 - smoothstep(moved[6:], LINES_LOW, LINES_HIGH)
    )


def _extent(change: Tensor) -> tuple[int, int, int, int] | None:
    """Bounds x0, y0, x1, y1 of the nonzero part of `change` [R, R], with one px of interpolation around it."""
    rows = torch.nonzero(change.any(dim=1)).flatten()
    columns = torch.nonzero(change.any(dim=0)).flatten()
    if not len(rows):
        return None
    return int(columns[0]) - 1, int(rows[0]) - 1, int(columns[-1]) + 2, int(rows[-1]) + 2


def _rectangle(
    extent: tuple[int, int, int, int],
    crop: Crop,
    resolution: int,
    offset: tuple[int, int],
    shape: tuple[int, ...],
) -> tuple[int, int, int, int]:
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


def _margin(flow: Tensor, crop: Crop, resolution: int) -> int:
    """How many px around a band of the window its moved pixels can come from."""
    return math.ceil(float(flow.abs().max()) * 1.5 * crop.size / resolution) + 2


def _feather(
    mask: NDArray[np.uint8] | None,
    shape: tuple[int, ...],
    offset: tuple[int, int],
    crop: Crop,
    device: torch.device,
) -> Tensor:
    """A soft inner edge for the movable part, [1, n, n] over the crop: 0 at its border, 1 inside.

    It closes at the crop's border too, where the picture goes on that the model has not seen. A part thinner than the
    edge itself still reaches 1 along its middle.
    """
    size = min(crop.size, FEATHER_GRID)
    if mask is None:
        support = torch.ones(size, size)
    else:
        support = torch.from_numpy(resample_coverage((mask > 0).astype(np.uint8) * 255, offset, crop, size))
    sigma = FEATHER * size / 2
    edge = math.ceil(4 * sigma) + 1
    soft = blur(F.pad(support[None], (edge, edge, edge, edge)), sigma)
    reach = 2 * math.ceil(2 * sigma) + 1
    peak = F.max_pool2d(soft[None], reach, stride=1, padding=reach // 2)[0].clamp(min=1e-6)
    return (2 * soft / peak - 1).clamp(0, 1)[:, edge:-edge, edge:-edge].to(device)


def _edit_band(
    result: NDArray[np.uint8],
    changed: NDArray[np.uint8],
    window: NDArray[np.uint8],
    mask: NDArray[np.uint8] | None,
    offset: tuple[int, int],
    crop: Crop,
    planes: _Planes,
    feather: Tensor,
    band: tuple[int, int, int, int],
    margin: int,
) -> None:
    """Writes the edit into the rows and columns `band` (x0, y0, x1, y1, window indices) of `result` and `changed`."""
    x0, y0, x1, y1 = band
    movable = None if mask is None else mask[y0:y1, x0:x1]
    if movable is not None and not movable.any():
        return
    device = feather.device
    resolution = planes.light.shape[-1]
    scale = crop.size / resolution
    grid = _crop_grid(band, offset, crop, device)
    motion = planes.motion
    # The change fades the motion itself (in `flow`), the light and what is drawn. Fading the result instead would
    # show a moved stroke and the old one next to each other, both faint.
    change = _sample(motion.change[None], grid, "bilinear")
    weight = _sample(feather, grid, "bilinear")[0] * (change[0] > 0)
    if movable is not None:
        weight = weight * torch.from_numpy(movable.astype(np.float32) / 255).to(device)
    flow = _sample(motion.flow, grid, "bicubic") * scale
    new = (1 - _sample(motion.confidence[None], grid, "bilinear")) * change
    own, alpha, moved = _moved_source(window, band, flow, margin)
    carried = moved + _sample(planes.light, grid, "bicubic") * change
    paper = own * alpha + (1 - alpha)
    # Strokes that the model never had (a nose it did not draw) are not the old drawing of anything: they stay.
    unknown = (moved - _sample(planes.known, grid, "bicubic")) * _sample(planes.empty, grid, "bilinear")
    drawn = own + _sample(planes.drawn, grid, "bicubic") + unknown - paper
    edit = torch.lerp(carried, drawn, new).clamp(0, 1)
    mixed = own + weight * (edit - own)
    pixels = (mixed * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    source = window[y0:y1, x0:x1]
    touched = (weight > 0).cpu().numpy() & (source[..., 3] > 0)
    colours = np.where(touched[..., None], pixels, source[..., :3])
    result[y0:y1, x0:x1, :3] = colours
    changed[y0:y1, x0:x1] = np.where((colours != source[..., :3]).any(axis=-1), 255, 0)


def _crop_grid(
    band: tuple[int, int, int, int], offset: tuple[int, int], crop: Crop, device: torch.device
) -> Tensor:
    """Where the band's pixel centres lie in the crop, [h, w, 2] as (x, y) from −1 to 1 over the crop."""
    x0, y0, x1, y1 = band
    x = (torch.arange(x0, x1, device=device) + (0.5 + offset[0] - crop.x)) * (2 / crop.size) - 1
    y = (torch.arange(y0, y1, device=device) + (0.5 + offset[1] - crop.y)) * (2 / crop.size) - 1
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows], dim=-1)


def _sample(plane: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Plane [C, R, R] read at `grid` [h, w, 2]: [C, h, w]."""
    return F.grid_sample(plane[None], grid[None], mode=mode, padding_mode="border", align_corners=False)[0]


def _moved_source(
    window: NDArray[np.uint8], band: tuple[int, int, int, int], flow: Tensor, margin: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The band's own colours [3, h, w], its alpha [1, h, w], and the colours that `flow` (window px) brings there.

    Colours are averaged with their alpha as weight, so that transparent pixels lend nothing of theirs; where only
    transparent ones come, the band keeps its own.
    """
    x0, y0, x1, y1 = band
    left, top = max(0, x0 - margin), max(0, y0 - margin)
    right, bottom = min(window.shape[1], x1 + margin), min(window.shape[0], y1 + margin)
    pixels = (
        torch.from_numpy(window[top:bottom, left:right].copy()).to(flow.device).permute(2, 0, 1).float() / 255
    )
    inner = pixels[:, y0 - top : y1 - top, x0 - left : x1 - left]
    own, alpha = inner[:3], inner[3:]
    x = torch.arange(x0 - left, x1 - left, device=flow.device) + 0.5
    y = torch.arange(y0 - top, y1 - top, device=flow.device) + 0.5
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    grid = torch.stack(
        [(columns + flow[0]) * (2 / (right - left)) - 1, (rows + flow[1]) * (2 / (bottom - top)) - 1], dim=-1
    )
    weighted = torch.cat([pixels[:3] * pixels[3:], pixels[3:]])
    brought = _sample(weighted, grid, "bicubic")
    there = brought[3:]
    moved = torch.where(there > 1 / 255, brought[:3] / there.clamp(min=1 / 255), own)
    return own, alpha, moved.clamp(0, 1)
