"""Twin tails, a pony tail, buns, and the strand that stands up from the crown."""

from __future__ import annotations

import math
from collections.abc import Sequence

import skia

from .hair_locks import HairColors, Scalp, clamp, ink, mix, sliver, swell, with_alpha
from .pen import Point, fill, oklab, spline, stroke, taper
from .style import Style
from .table import Factors


def _beside(points: list[Point], i: int, offset: float) -> Point:
    """A point ``offset`` to the left of a line at its ``i``-th point."""
    (x0, y0), (x1, y1) = points[max(i - 1, 0)], points[min(i + 1, len(points) - 1)]
    long = math.hypot(x1 - x0, y1 - y0) + 1e-6
    return points[i][0] - (y1 - y0) / long * offset, points[i][1] + (x1 - x0) / long * offset


def _tail(
    canvas: skia.Canvas,
    scalp: Scalp,
    p: Factors,
    style: Style,
    colors: HairColors,
    points: list[Point],
    size: float,
    phase: float,
) -> None:
    """One tail along ``points``: two locks that part at the tips, and the ribbon at the root."""
    if size <= 0.0:
        return
    n = len(points) - 1
    swung = []
    for i, (x, y) in enumerate(points):
        t = i / n
        swing = scalp.wave * 1.3 * t * math.sin(2 * math.pi * p["hair_frequency"] * t * 0.8 + phase)
        swung.append((x + swing, y))
    wide = 0.145 * swell(size)
    main = taper(swung, [wide * k for k in (0.30, 0.82, 1.0, 0.95, 0.62, 0.01)])
    split = 0.05 * (0.3 + p["hair_spikes"]) * size
    second = [
        (x + split * (i / n) ** 2 * math.cos(phase), y - 0.07 * size * (i / n) ** 2)
        for i, (x, y) in enumerate(swung)
    ]
    shader = skia.GradientShader.MakeLinear(
        points=[skia.Point(*points[0]), skia.Point(*points[-1])],
        colors=[colors.shade.toColor(), colors.base.toColor(), colors.tip.toColor()],
        positions=[0.0, 0.35, 1.0],
    )
    line = style.line * clamp(size * 5)
    alpha = scalp.alpha * clamp(size * 8)
    side = taper(second, [wide * k for k in (0.2, 0.7, 0.85, 0.8, 0.5, 0.01)])
    ink(
        canvas,
        [side, main],
        skia.Paint(AntiAlias=True, Shader=shader, Alphaf=alpha),
        colors.line,
        line,
        alpha,
    )
    strands = skia.Path()
    for k in (-0.22, 0.05, 0.28):
        along = [_beside(swung, i, k * wide * w) for i, w in enumerate((0.25, 0.8, 1.0, 0.9, 0.6))]
        strands.addPath(spline(along))
    canvas.drawPath(strands, stroke(with_alpha(colors.deep, alpha * p["hair_lines"]), 0.0035))
    x, y = points[0]
    ring = 0.030 * swell(size)
    ribbon = oklab(p["trim_light"], p["trim_a"], p["trim_b"], alpha)
    knot = skia.Path()
    knot.addOval(skia.Rect(x - ring, y - ring * 1.15, x + ring, y + ring * 1.15))
    ink(canvas, [knot], fill(ribbon), style.outline(ribbon), line * 0.8, alpha)


def draw_twin_tails(canvas: skia.Canvas, scalp: Scalp, p: Factors, style: Style, colors: HairColors) -> None:
    """A tail on each side, of size 0 in most faces."""
    size = clamp(p["tails"]) * scalp.grown
    if size <= 0.0:
        return
    grow = swell(clamp(size * 2.5))
    y = p["tails_height"]
    fall = grow * (0.20 + 0.62 * p["hair_length"])
    for side in (-1, 1):
        k = math.sqrt(max(0.0, 1 - (min(y, 0.0) / scalp.top) ** 2))
        x0, y0 = scalp.head.place(side * scalp.width * k * 1.02, y, -0.08)
        along = (
            (0.0, 0.0, 0.0),
            (0.075, -0.045, 0.02),
            (0.125, 0.0, 0.22),
            (0.135, 0.02, 0.5),
            (0.10, 0.03, 0.8),
            (0.05, 0.04, 1.0),
        )
        points = _hanging((x0, y0), along, side * grow, grow, fall)
        _tail(canvas, scalp, p, style, colors, points, size, side * 0.8)


def _hanging(
    start: Point, along: Sequence[tuple[float, float, float]], across: float, down: float, fall: float
) -> list[Point]:
    """Points of a tail: ``along`` holds for each how far aside and down from ``start``, and what part of the fall."""
    return [(start[0] + across * u, start[1] + v * down + w * fall) for u, v, w in along]


def draw_ponytail(canvas: skia.Canvas, scalp: Scalp, p: Factors, style: Style, colors: HairColors) -> None:
    """A tail from the back of the head that shows on the left or right, depending on the factor's sign."""
    size = clamp((abs(p["ponytail"]) - 0.66) / 0.34) * scalp.grown
    if size <= 0.0:
        return
    side = math.copysign(1.0, p["ponytail"])
    grow = swell(clamp(size * 2.5))
    fall = grow * (0.30 + 0.60 * p["hair_length"])
    x0, y0 = scalp.head.place(side * scalp.width * 0.42, -0.30, -0.16)
    along = (
        (0.0, 0.0, 0.0),
        (0.13, -0.085, 0.0),
        (0.235, 0.0, 0.15),
        (0.27, 0.04, 0.45),
        (0.255, 0.05, 0.75),
        (0.20, 0.06, 1.0),
    )
    points = _hanging((x0, y0), along, side * grow, grow, fall)
    _tail(canvas, scalp, p, style, colors, points, size, side * 1.4)


def draw_buns(canvas: skia.Canvas, scalp: Scalp, p: Factors, style: Style, colors: HairColors) -> None:
    """One bun on the crown that parts into two at the sides."""
    size = clamp(p["bun"]) * scalp.grown
    if size <= 0.0:
        return
    spread = p["bun_spread"]
    radius = 0.100 * swell(size)
    paths, swirls = [], skia.Path()
    for side in (-1, 1):
        x, y = scalp.head.place(
            side * spread * scalp.width * 0.80,
            mix(scalp.top - radius * 0.45, -0.345, spread),
            mix(-0.10, -0.04, spread),
        )
        path = skia.Path()
        path.addOval(skia.Rect(x - radius * 1.05, y - radius * 0.95, x + radius * 1.05, y + radius * 0.95))
        paths.append(path)
        for k in (0.45, 0.78):
            r = radius * k
            sliver(
                swirls,
                (x - side * r, y + r * 0.4),
                (x - side * r * 0.1, y - r * 1.9),
                (x + side * r, y + r * 0.5),
                0.007,
            )
    alpha = scalp.alpha * clamp(size * 8)
    shader = skia.GradientShader.MakeLinear(
        points=[skia.Point(0, scalp.top - 2 * radius), skia.Point(0, -0.27)],
        colors=[colors.base.toColor(), colors.shade.toColor()],
    )
    paint = skia.Paint(AntiAlias=True, Shader=shader, Alphaf=alpha)
    ink(canvas, paths, paint, colors.line, style.line * clamp(size * 5), alpha)
    canvas.drawPath(swirls, fill(with_alpha(colors.deep, alpha * p["hair_lines"])))


def draw_ahoge(canvas: skia.Canvas, scalp: Scalp, p: Factors, style: Style, colors: HairColors) -> None:
    """A strand that stands up from the crown, to the side of the factor's sign; none around 0."""
    size = clamp((abs(p["ahoge"]) - 0.45) / 0.55) * scalp.grown
    if size <= 0.0:
        return
    lean = math.copysign(1.0, p["ahoge"])
    x, y = scalp.at(-8 * lean, scalp.top * 0.97)
    rise = 0.105 * size
    points = [
        (x, y + 0.02),
        (x - lean * 0.18 * rise, y - 0.60 * rise),
        (x + lean * 0.45 * rise, y - 1.05 * rise),
        (x + lean * 1.20 * rise, y - 0.72 * rise),
    ]
    path = taper(points, [0.030 * k * swell(size) for k in (1.0, 0.8, 0.55, 0.02)])
    ink(canvas, [path], fill(with_alpha(colors.base, scalp.alpha)), colors.line, style.line * clamp(size * 5))
