"""What stands behind the figure: plain tones, gradients, diagonals, discs of light, hills; each with a weight."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import skia
from numpy.typing import NDArray

from .pen import Color, fill, oklab, spline
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "background_light": Factor(0.45, 0.98, skew=0.7),
    "background_a": Factor(-0.08, 0.08, bell=0.4),
    "background_b": Factor(-0.09, 0.09, bell=0.4),
    "background2_light": Factor(-0.28, 0.28),
    "background2_a": Factor(-0.08, 0.08),
    "background2_b": Factor(-0.08, 0.08),
    "background_mix": Factor(-1.2, 1.0),
    "background_edge": Factor(0.01, 1.3),
    "background_angle": Factor(-1.6, 1.6),
    "background_discs": Factor(-2.4, 0.9),
    "background_hills": Factor(-3.0, 1.0),
}

# Places (x, y), radii and strengths of the discs of light; those of one face differ by its colours only.
_DISCS = (
    (0.10, 0.16, 0.16, 0.9),
    (0.86, 0.10, 0.11, 0.7),
    (0.93, 0.46, 0.19, 0.8),
    (0.05, 0.62, 0.13, 0.6),
    (0.32, 0.05, 0.08, 0.6),
    (0.74, 0.30, 0.07, 0.5),
    (0.16, 0.38, 0.06, 0.5),
)


def _shifted(p: Factors, k: float, alpha: float = 1.0) -> Color:
    """The background's colour moved by ``k`` towards the second one."""
    return oklab(
        p["background_light"] + k * p["background2_light"],
        p["background_a"] + k * p["background2_a"],
        p["background_b"] + k * p["background2_b"],
        alpha,
    )


def draw_background(canvas: skia.Canvas, p: Factors) -> None:
    """Fill the unit square of the canvas."""
    canvas.clear(_shifted(p, 0.0))
    size = canvas.getBaseLayerSize().width()
    weight = max(p["background_mix"], 0.0)
    if weight > 0:
        # From a soft gradient over the whole picture to the hard edge of a diagonal.
        u = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
        scale = 255 / p["background_edge"]
        angle = p["background_angle"]
        ramp = np.add.outer(u * (math.cos(angle) * scale) + 127.5, u * (math.sin(angle) * scale))
        np.clip(ramp, 0, 255, out=ramp)
        _through(canvas, ramp.astype(np.uint8), _shifted(p, 1.0, weight))
    _hills(canvas, p)
    strength = max(p["background_discs"], 0.0)
    if strength > 0:
        glow = oklab(
            min(p["background_light"] * 0.6 + 0.42, 1.0),
            p["background_a"] + 0.6 * p["background2_a"],
            p["background_b"] + 0.6 * p["background2_b"],
            0.8 * strength,
        )
        _through(canvas, _discs(size), glow)


def _through(canvas: skia.Canvas, mask: NDArray[np.uint8], color: Color) -> None:
    """Paint the unit square with a colour through a mask ``[size, size]``.

    A table look-up makes an image in the format that is drawn fastest; skia's gradients take five times as long.
    """
    steps = np.arange(256, dtype=np.float32)[:, None] * color.fA
    premultiplied = steps * np.array([color.fR, color.fG, color.fB, 1.0], np.float32) + 0.5
    table = premultiplied.astype(np.uint8).view(np.uint32)[:, 0]
    pixels = table[mask].view(np.uint8).reshape(*mask.shape, 4)
    image = skia.Image.fromarray(
        pixels, alphaType=skia.kPremul_AlphaType, colorType=skia.kRGBA_8888_ColorType
    )
    canvas.drawImageRect(image, skia.Rect(0, 0, 1, 1))


@lru_cache(maxsize=8)
def _discs(size: int) -> NDArray[np.uint8]:
    """The mask of all discs of light."""
    u = (np.arange(size, dtype=np.float32) + 0.5) / size
    clear = np.ones((size, size), np.float32)
    for x, y, radius, alpha in _DISCS:
        far = np.hypot(u[None] - x, u[:, None] - y) / radius
        clear *= 1 - 0.9 * alpha * np.clip((1 - far) / 0.28, 0, 1)
    return (255 * (1 - clear)).astype(np.uint8)


def _hills(canvas: skia.Canvas, p: Factors) -> None:
    """Three ridges behind each other, the nearest the darkest."""
    weight = max(p["background_hills"], 0.0)
    if weight <= 0:
        return
    swing = 0.06 * math.cos(p["background_angle"])
    for i, (y, k) in enumerate(((0.46, 0.35), (0.60, 0.75), (0.76, 1.2))):
        color = oklab(
            p["background_light"] - 0.10 * (i + 1),
            p["background_a"] + k * p["background2_a"],
            p["background_b"] + k * p["background2_b"],
            min(weight * 1.6, 1.0),
        )
        s = swing * (1 if i % 2 else -1)
        ridge = spline(
            [(-0.05, y + s), (0.2, y - 0.05 - s), (0.45, y + 0.02), (0.72, y - 0.06 + s), (1.05, y - s)]
        )
        ridge.lineTo(1.05, 1.05)
        ridge.lineTo(-0.05, 1.05)
        ridge.close()
        canvas.drawPath(ridge, fill(color))
