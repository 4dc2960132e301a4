"""Light, line and skin: the style that all parts of a face share, and the shadows on the face."""

from __future__ import annotations

import numpy as np
import skia

from .head import Head
from .pen import Color, brush, ellipse, faded, oklab, ramp, soft_fill, spline
from .style import Style
from .table import Factor, Factors

# Ranges that begin below 0 are absent from many faces: what is below 0 counts as 0.
FACTORS: dict[str, Factor] = {
    "realism": Factor(0.0, 1.0, skew=1.8),
    "light": Factor(-1.0, 1.0),
    "shade": Factor(0.15, 1.0),
    "softness": Factor(0.0, 1.0),
    "shade_cool": Factor(0.0, 1.0, skew=1.5),
    "line": Factor(0.0015, 0.0100, bell=0.2),
    "ink": Factor(0.10, 1.0, skew=0.5),
    "ink_color": Factor(0.0, 1.0),
    "skin": Factor(0.0, 1.0, skew=1.8),
    "skin_warm": Factor(-0.016, 0.016, bell=0.3),
    "skin_flush": Factor(-0.010, 0.012, bell=0.3),
    "blush": Factor(0.0, 0.65, skew=1.8),
    "freckles": Factor(-2.4, 0.8),
    "gloss": Factor(-0.3, 0.6),
}

# Oklab colours of skin from the lightest to the darkest.
_TONES = (
    (0.945, 0.014, 0.022),
    (0.890, 0.028, 0.042),
    (0.800, 0.042, 0.066),
    (0.680, 0.052, 0.076),
    (0.545, 0.050, 0.066),
    (0.410, 0.038, 0.045),
)


def _tone(p: Factors) -> tuple[float, float, float]:
    place = p["skin"] * (len(_TONES) - 1)
    i = min(int(place), len(_TONES) - 2)
    light, a, b = (low + (place - i) * (high - low) for low, high in zip(*_TONES[i : i + 2], strict=True))
    return light, a + p["skin_flush"] - 0.4 * p["skin_warm"], b + p["skin_warm"]


def make_style(p: Factors) -> Style:
    """The shared colours and lines of a face."""
    light, a, b = _tone(p)
    cool = p["shade_cool"]
    realism = p["realism"]
    dark = oklab(0.19 + 0.05 * p["ink_color"], 0.02, 0.012)
    return Style(
        skin_tone=(light, a, b),
        skin=oklab(light, a, b),
        skin_shade=oklab(light * 0.83, a + 0.028 - 0.016 * cool, b + 0.008 - 0.045 * cool),
        skin_light=oklab(min(light * 1.10 + 0.03, 0.99), a * 0.5, b * 0.75),
        ink=faded(dark, p["ink"] * (1 - 0.45 * realism)),
        line=p["line"] * (1 - 0.3 * realism),
        ink_color=p["ink_color"],
        light=p["light"],
        shade=p["shade"] + (1 - p["shade"]) * 0.5 * realism,
        softness=min(p["softness"] + 0.5 * realism, 1.0),
    )


def shadow(style: Style, alpha: float) -> Color:
    """Skin in shadow, as strong as the style's shadows times ``alpha``."""
    return faded(style.skin_shade, style.shade * alpha)


def draw_shading(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """Shadow on the side away from the light, under the cheekbones, light on forehead and cheeks.

    The canvas is clipped to the face.
    """
    width, chin = head.width, head.chin
    for side in (-1, 1):
        # 0 where the light comes from … 1 on the side in shadow; both sides have some under a light from the front.
        strength = 0.5 - 0.5 * side * style.light
        edge = 1.06 - 0.52 * strength
        line = [(edge * 0.92, -0.36), (edge * 0.96, -0.16), (edge * 0.86, p["eye_y"] - 0.01)]
        line += [(edge * 1.03, 0.10), (edge * 0.86, 0.18), (edge * 0.42, chin + 0.01)]
        points = [head.place(side * k * width, y) for k, y in line]
        outer = 0.2 * side
        path = spline(points)
        path.lineTo(points[-1][0] + outer, points[-1][1])
        path.lineTo(points[0][0] + outer, points[0][1])
        path.close()
        brush(canvas, path, soft_fill(shadow(style, 0.9 * ramp(strength, 0.3, 0.75)), 0.045 * style.softness))
        hollow = head.place(side * width * 0.82, 0.175)
        ellipse(canvas, hollow, 0.05, 0.07, soft_fill(shadow(style, 0.5 * p["realism"]), 0.035))
    shine = max(p["gloss"], 0.0) * (0.35 + 0.65 * p["realism"]) + 0.25 * p["realism"]
    if shine > 0.005:
        for side in (-1, 1):
            at = head.place(side * width * 0.55 - 0.02 * side, 0.095)
            color = faded(style.skin_light, shine * (0.5 + 0.5 * side * style.light))
            ellipse(canvas, at, 0.034, 0.016, soft_fill(color, 0.012))
        at = head.place(0.05 * style.light, -0.14)
        ellipse(canvas, at, 0.07, 0.045, soft_fill(faded(style.skin_light, shine * 0.7), 0.03))


_FRECKLES = np.random.default_rng(5).uniform(-1, 1, (14, 2))


def draw_blush(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """Red cheeks and freckles, on a canvas clipped to the face."""
    light, a, b = style.skin_tone
    red = oklab(light * 0.90, a + 0.03 + 0.07 * light, b + 0.01, p["blush"])
    mark = oklab(light * 0.74, a + 0.03, b + 0.03, max(p["freckles"], 0.0))
    y = 0.085 + 0.6 * p["eye_y"]
    for side in (-1, 1):
        x = side * head.width * 0.58
        center = head.place(x, y)
        rx = 0.052 * head.stretch(x, y)
        ellipse(canvas, center, rx, 0.027, soft_fill(red, 0.004 + 0.016 * style.softness))
        if p["freckles"] > 0.01:
            paint = soft_fill(mark, 0.0012)
            for u, v in _FRECKLES:
                ellipse(canvas, head.place(x * 0.85 + 0.06 * u, y + 0.022 * v - 0.004), 0.0035, 0.003, paint)
