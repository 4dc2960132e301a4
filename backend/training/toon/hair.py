"""Hair behind and in front of the head."""

from __future__ import annotations

import skia

from .head import Head
from .pen import Point, fill, oklab, spline, stroke
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "hair_length": Factor(0.12, 0.62),
    "hair_width": Factor(1.06, 1.26),
    "hair_top": Factor(0.36, 0.44),
    "fringe": Factor(0.00, 0.11),
    "fringe_part": Factor(-0.60, 0.60),
    "fringe_spread": Factor(-0.05, 0.05),
    "side_locks": Factor(0.05, 0.40),
    "hair_shine": Factor(0.0, 0.55),
    "hair_light": Factor(0.30, 0.88),
    "hair_a": Factor(-0.13, 0.13),
    "hair_b": Factor(-0.13, 0.13),
}

_STRANDS = 5


def draw_back_hair(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The mass of hair behind neck and ears."""
    color = oklab(p["hair_light"] * 0.78, p["hair_a"], p["hair_b"])
    line = style.outline(color)
    half, length = p["face_width"] * p["hair_width"], p["hair_length"]
    ox, oy = head.place(0, 0, -0.10)
    right: list[Point] = [
        (0, -p["hair_top"]),
        (half * 0.78, -p["hair_top"] * 0.72),
        (half * 1.04, -0.05),
        (half * 1.08, length * 0.5),
        (half * 0.86, length),
    ]
    points = right + [(0.0, length + 0.02)] + [(-x, y) for x, y in reversed(right[1:])]
    path = spline([(ox + x, oy + y) for x, y in points], closed=True)
    canvas.drawPath(path, fill(color))
    canvas.drawPath(path, stroke(line, style.line))


def draw_front_hair(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The cap of hair over the forehead: fringe tips, side locks and a band of light."""
    light, a, b = p["hair_light"], p["hair_a"], p["hair_b"]
    color = oklab(light, a, b)
    shine = oklab(light * 0.6 + 0.4, a * 0.6, b * 0.6, p["hair_shine"])
    line = style.outline(color)
    half = p["face_width"] * p["hair_width"]
    ox, oy = head.place(0, -0.02, 0.05)
    part = p["fringe_part"] * p["face_width"] * 0.6
    brow = p["eye_y"] - p["eye_height"] - 0.075
    lock = p["side_locks"]
    outer, inner = half * 0.99, half * 0.80
    path = skia.Path()
    path.moveTo(ox - outer, oy + 0.02)
    crown = (
        oy + 0.035 - (p["hair_top"] - 0.01) * 1.34
    )  # a cubic rises to three quarters of its control points
    path.cubicTo(ox - outer * 0.98, crown, ox + outer * 0.98, crown, ox + outer, oy + 0.02)
    path.quadTo(ox + outer * 1.02, oy + lock * 0.6, ox + outer * 0.92, oy + lock)
    path.quadTo(ox + inner * 1.0, oy + lock * 0.5, ox + inner, oy - 0.06)
    edges = [inner - 2 * inner * i / _STRANDS for i in range(_STRANDS + 1)]
    for i in range(_STRANDS):
        start, end = edges[i], edges[i + 1]
        middle = (start + end) / 2
        tip_x = middle + (middle - part) * 0.22 + p["fringe_spread"]
        # Tips hang lower the farther they are from the parting.
        tip_y = brow + p["fringe"] + 0.075 * abs(middle - part) / half
        notch = brow - 0.085 + 0.10 * (abs(end) / half) ** 2 if i < _STRANDS - 1 else -0.06
        path.quadTo(ox + (start + tip_x) / 2 + 0.012, oy + tip_y - 0.02, ox + tip_x, oy + tip_y)
        path.quadTo(ox + (end + tip_x) / 2 + 0.004, oy + (tip_y + notch) / 2 - 0.02, ox + end, oy + notch)
    path.quadTo(ox - inner * 1.0, oy + lock * 0.5, ox - outer * 0.92, oy + lock)
    path.quadTo(ox - outer * 1.02, oy + lock * 0.6, ox - outer, oy + 0.02)
    path.close()
    canvas.drawPath(path, fill(color))
    canvas.save()
    canvas.clipPath(path, doAntiAlias=True)
    band_y = -p["hair_top"] * 0.56
    band = spline(
        [(ox - half * 0.7, oy + band_y + 0.05), (ox, oy + band_y), (ox + half * 0.7, oy + band_y + 0.05)]
    )
    canvas.drawPath(band, stroke(shine, 0.038))
    canvas.restore()
    canvas.drawPath(path, stroke(line, style.line))


def draw_hair_shadow(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The shadow of the fringe on the skin, before eyes and nose; the canvas is clipped to the face."""
    fx, fy = head.place(0, -0.02, 0.05)
    half = head.width * 1.1
    bottom = p["eye_y"] - p["eye_height"] - 0.03 + p["fringe"]
    fringe = skia.Rect(fx - half, fy - 0.5, fx + half, fy + bottom)
    shade = style.skin_shade
    color = skia.Color4f(shade.fR, shade.fG, shade.fB, style.shade)
    canvas.drawRRect(skia.RRect.MakeRectXY(fringe, half, 0.12), fill(color))
