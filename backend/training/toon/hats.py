"""Hats: a dome that is flat, tall, pointed or puffed, with a brim all around or a visor in front."""

from __future__ import annotations

import math

import skia

from .hair_locks import Scalp, clamp, ink, mix, plain
from .head import Head
from .pen import Color, Point, fill, oklab, spline, stroke
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "hat": Factor(-10.0, 1.0),
    "hat_brim": Factor(-0.06, 0.21),
    "hat_visor": Factor(0.0, 1.0),
    "hat_height": Factor(0.03, 0.26),
    "hat_point": Factor(0.0, 1.0),
    "hat_puff": Factor(-0.5, 1.0),
    "hat_light": Factor(0.22, 0.92),
}

_BAND_Y = -0.220
_STEPS = 18


class _Hat:
    """Measures of the hat on a head."""

    def __init__(self, head: Head, p: Factors, style: Style) -> None:
        self.there = clamp(p["hat"] * 14)
        self.scalp = Scalp(head, p)
        self.head, self.p = head, p
        # Of the colours of the clothes, with a lightness of its own.
        a, b = mix(p["cloth_a"], p["trim_a"], 0.35), mix(p["cloth_b"], p["trim_b"], 0.35)
        light = p["hat_light"]
        self.color = oklab(light, a, b)
        self.shade = oklab(light * mix(0.86, 0.66, style.shade), a, b - 0.012)
        self.trim = oklab(p["trim_light"], p["trim_a"], p["trim_b"])
        k = math.sqrt(max(0.0, 1 - (_BAND_Y / self.scalp.top) ** 2))
        fit = mix(k, 1.0, 0.70)
        self.half_x = self.scalp.width * fit + 0.010
        self.front, self.back = (0.170 + self.scalp.out) * fit, (0.235 + self.scalp.out) * fit

    def ring(self, azimuth: float, brim: float, y: float = _BAND_Y) -> Point:
        """A place on the band around the head (``brim`` 0) or beyond it; azimuth in radians, 0 in front."""
        visor = self.p["hat_visor"]
        cos = math.cos(azimuth)
        reach = brim * mix(1.0, max(cos, 0.0) ** 1.5 * 1.1, visor)
        x = (self.half_x + reach) * math.sin(azimuth)
        depth = ((self.front if cos > 0 else self.back) + reach) * cos
        # A brim rises in front and hangs at the sides, a visor points down over the forehead.
        rise = mix(-0.16 * depth, 0.30 * max(depth, 0.0) - 0.03, visor)
        droop = 0.22 * reach * abs(math.sin(azimuth)) ** 2
        return self.head.place(x, y + rise + droop, depth)


def _layer(canvas: skia.Canvas, alpha: float) -> None:
    """Begin what is shown with an alpha; `canvas.restore` ends it."""
    if alpha < 1:
        canvas.saveLayerAlpha(None, round(255 * alpha))
    else:
        canvas.save()


def draw_hat_back(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The part of a hat behind the head."""
    if p["hat"] <= 0:
        return
    hat = _Hat(head, p, style)
    brim = max(p["hat_brim"], 0.0)
    ring = [hat.ring(2 * math.pi * i / _STEPS, brim) for i in range(_STEPS)]
    path = spline(ring, closed=True)
    _layer(canvas, hat.there)
    ink(canvas, [path], fill(hat.shade), style.outline(hat.color), style.line)
    canvas.restore()


def draw_hat_front(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The hat on the hair."""
    if p["hat"] <= 0:
        return
    hat = _Hat(head, p, style)
    _layer(canvas, hat.there)
    line = style.outline(hat.color)
    yaw = head.yaw
    front = [hat.ring(-yaw - math.pi / 2 + math.pi * i / 10, 0.0) for i in range(11)]
    left, right = front[0], front[-1]
    top_y = hat.scalp.top - p["hat_height"]
    lean = 0.10 * p["hat_height"] * (1 + 2 * p["hat_point"])
    cx, cy = head.place(lean, top_y, -0.06)
    point, puff = p["hat_point"], max(p["hat_puff"], 0.0)
    half = (right[0] - left[0]) / 2
    bulge = half * (0.04 + 0.42 * puff * (1 - 0.7 * point))
    shoulder = half * mix(0.62, 0.04, point)
    high = mix(cy, (left[1] + right[1]) / 2, 0.50 + 0.16 * point)
    waist = mix(1.0, 0.60, point)
    middle = (left[0] + right[0]) / 2
    outline: list[Point] = [
        left,
        (mix(middle, left[0], waist) - bulge, high),
        (cx - shoulder, mix(cy, high, 0.16)),
        (cx, cy),
        (cx + shoulder, mix(cy, high, 0.16)),
        (mix(middle, right[0], waist) + bulge, high),
        right,
    ]
    dome = spline(outline)
    for q in reversed(front[1:-1]):
        dome.lineTo(*q)
    dome.close()
    ink(canvas, [dome], fill(hat.color), line, style.line)
    canvas.save()
    canvas.clipPath(dome, doAntiAlias=True)
    _dome_shade(canvas, hat, style, outline)
    band = spline([(x, y - 0.024) for x, y in front])
    canvas.drawPath(band, stroke(hat.trim, 0.052))
    canvas.drawPath(spline([(x, y - 0.05) for x, y in front]), stroke(line, style.line * 0.7))
    canvas.restore()
    _front_brim(canvas, hat, style, front, line)
    canvas.restore()


def _dome_shade(canvas: skia.Canvas, hat: _Hat, style: Style, outline: list[Point]) -> None:
    """The unlit side of the dome."""
    dark = outline[4:] if style.light < 0 else outline[:3]
    strength = abs(style.light)
    xs = [x for x, _ in outline]
    middle = (min(xs) + max(xs)) / 2
    inner = [(mix(x, middle, 0.62), y + 0.02) for x, y in reversed(dark)]
    path = spline([*((mix(middle, x, 1.3), y) for x, y in dark), *inner], closed=True)
    canvas.drawPath(path, plain(hat.shade, 0.35 + 0.6 * strength))


def _front_brim(canvas: skia.Canvas, hat: _Hat, style: Style, front: list[Point], line: Color) -> None:
    """The brim before the head: from the band to its edge."""
    brim = max(hat.p["hat_brim"], 0.0)
    if brim <= 0:
        return
    yaw = hat.head.yaw
    edge = [hat.ring(-yaw - math.pi / 2 + math.pi * i / 10, brim) for i in range(11)]
    path = spline(edge)
    for q in reversed(front):
        path.lineTo(*q)
    path.close()
    ink(canvas, [path], fill(hat.color), line, style.line * clamp(brim * 40))
    lower = [(mix(a[0], b[0], 0.25), mix(a[1], b[1], 0.25)) for a, b in zip(front, edge)]
    canvas.drawPath(spline(lower), stroke(hat.shade, 0.012 * clamp(brim * 10)))
