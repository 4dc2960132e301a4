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
    r, g, b = [12.92 * v if v <= 0.0031308 else 1.055 * min(v, 1.0) ** (1 / 2.4) - 0.055 for v in linear]
    return skia.Color4f(max(r, 0.0), max(g, 0.0), max(b, 0.0), alpha)


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
    path = skia.Path()
    path.moveTo(*points[0])
    padded = [points[-1], *points, points[0], points[1]] if closed else [points[0], *points, points[-1]]
    (x0, y0), (x1, y1), (x2, y2) = padded[:3]
    cubic = path.cubicTo
    for x3, y3 in padded[3:]:  # from point 1 to point 2, along the directions 0 → 2 and 1 → 3
        cubic(x1 + (x2 - x0) / 6, y1 + (y2 - y0) / 6, x2 - (x3 - x1) / 6, y2 - (y3 - y1) / 6, x2, y2)
        x0, y0, x1, y1, x2, y2 = x1, y1, x2, y2, x3, y3
    if closed:
        path.close()
    return path


def taper(points: Sequence[Point], widths: Sequence[float]) -> skia.Path:
    """A brush stroke through points: as wide as ``widths`` says at each of them."""
    left: list[Point] = []
    right: list[Point] = []
    around = [points[0], *points, points[-1]]
    for (x0, y0), (x, y), (x1, y1), width in zip(around, points, around[2:], widths, strict=False):
        length = 2 * math.hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = -(y1 - y0) / length * width, (x1 - x0) / length * width
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    return spline(left + right[::-1], closed=True)


def soft_fill(color: Color, blur: float) -> skia.Paint:
    """Paint for a shape whose edge is blurred over ``blur`` picture sides (a Gaussian's sigma)."""
    paint = fill(color)
    if blur > 0.001:  # thinner than what anti-aliasing blurs anyhow
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
    return paint


def brush(canvas: skia.Canvas, path: skia.Path, paint: skia.Paint) -> None:
    """Draw a path, unless it cannot be seen: blurring nothing takes as long as blurring something."""
    if paint.getAlpha():
        canvas.drawPath(path, paint)


def faded(color: Color, alpha: float) -> Color:
    """The colour with its alpha times ``alpha`` (clipped to [0, 1])."""
    return skia.Color4f(color.fR, color.fG, color.fB, color.fA * _unit(alpha))


def mixed(first: Color, second: Color, k: float) -> Color:
    """``first`` for k = 0 … ``second`` for k = 1, alpha too."""
    return skia.Color4f(
        first.fR + (second.fR - first.fR) * k,
        first.fG + (second.fG - first.fG) * k,
        first.fB + (second.fB - first.fB) * k,
        first.fA + (second.fA - first.fA) * k,
    )


def ramp(value: float, low: float, high: float) -> float:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = _unit((value - low) / (high - low))
    return t * t * (3 - 2 * t)


def ellipse(canvas: skia.Canvas, at: Point, rx: float, ry: float, paint: skia.Paint) -> None:
    """An upright ellipse about a point; nothing if it has no size or cannot be seen."""
    if rx > 0 and ry > 0 and paint.getAlpha():
        canvas.drawOval(skia.Rect(at[0] - rx, at[1] - ry, at[0] + rx, at[1] + ry), paint)


def loop(upper: Sequence[Point], lower: Sequence[Point]) -> skia.Path:
    """The area between a smooth line and a second one that goes back from its end to its start."""
    path = spline(upper)
    path.addPath(spline(lower), skia.Path.AddPathMode.kExtend_AddPathMode)
    path.close()
    return path
