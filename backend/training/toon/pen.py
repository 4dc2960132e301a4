"""A small drawing layer over skia: colours, outlines, and the head's projection."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import TypeAlias

import skia

Point = tuple[float, float]
Color: TypeAlias = skia.Color4f


def hsv(h: float, s: float, v: float, alpha: float = 1.0) -> Color:
    """A colour from hue (wraps), saturation and value (clipped to [0, 1])."""
    r, g, b = colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0.0), 1.0), min(max(v, 0.0), 1.0))
    return skia.Color4f(r, g, b, alpha)


def oklab(light: float, a: float, b: float, alpha: float = 1.0) -> Color:
    """A colour from Oklab (Ottosson 2020), clipped to sRGB. ``light`` in [0, 1], ``a`` and ``b`` about ±0.3."""
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    r, g, b = (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in map(_unit, linear))
    return skia.Color4f(r, g, b, alpha)


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def fill(color: Color) -> skia.Paint:
    """Paint for the inside of a shape."""
    return skia.Paint(AntiAlias=True, Color4f=color)


def stroke(color: Color, width: float) -> skia.Paint:
    """Paint for a line with round ends, ``width`` in picture sides."""
    return skia.Paint(
        AntiAlias=True,
        Color4f=color,
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )


def spline(points: Sequence[Point], closed: bool = False) -> skia.Path:
    """A smooth path through all points (Catmull-Rom, as cubic Béziers)."""
    n = len(points)
    path = skia.Path()
    path.moveTo(*points[0])
    for i in range(n if closed else n - 1):
        before, a, b, after = (
            points[(i + k) % n] if closed else points[min(max(i + k, 0), n - 1)] for k in (-1, 0, 1, 2)
        )
        path.cubicTo(
            a[0] + (b[0] - before[0]) / 6,
            a[1] + (b[1] - before[1]) / 6,
            b[0] - (after[0] - a[0]) / 6,
            b[1] - (after[1] - a[1]) / 6,
            b[0],
            b[1],
        )
    if closed:
        path.close()
    return path


def taper(points: Sequence[Point], widths: Sequence[float]) -> skia.Path:
    """A brush stroke through points: as wide as ``widths`` says at each of them."""
    left: list[Point] = []
    right: list[Point] = []
    for i, (x, y) in enumerate(points):
        (x0, y0), (x1, y1) = points[max(i - 1, 0)], points[min(i + 1, len(points) - 1)]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = -(y1 - y0) / length * widths[i] / 2, (x1 - x0) / length * widths[i] / 2
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return spline(left + right[::-1], closed=True)
