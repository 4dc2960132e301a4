"""Ears."""

from __future__ import annotations

import math

import skia

from .head import Head
from .pen import Point, faded, fill, ramp, spline, stroke
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "ear": Factor(0.042, 0.072, bell=0.2),
    "ear_y": Factor(0.025, 0.085),
    "ear_out": Factor(0.016, 0.042),
    "ear_point": Factor(-0.30, 0.07),
}


def draw_ear(canvas: skia.Canvas, head: Head, p: Factors, style: Style, side: int, front: bool) -> None:
    """One ear: behind the face, or (``front``) once more before it where the head shows its side.

    ``side`` is -1 for the one on the left of the picture, 1 for the right.
    """
    near = -side * math.sin(head.yaw)
    alpha = ramp(near, 0.02, 0.25) if front else 1.0
    if alpha <= 0:
        return
    half, point = p["ear"], max(p["ear_point"], 0.0)
    x, y = head.place(side * head.width * 0.985, p["ear_y"], -0.015)
    out = side * (p["ear_out"] * math.cos(head.yaw) + 0.034 * max(near, 0.0))
    # A turned head shows the ear's own root, behind the jaw, not at its very edge.
    x += side * 0.01 * max(near, 0.0)

    def at(u: float, v: float) -> Point:
        return x + out * u, y + half * v

    rim = [at(-0.15, -0.50), at(0.45, -0.98), (x + out * 1.0 + side * point, y - half * 0.78 - point * 0.55)]
    rim += [at(1.0, -0.10), at(0.68, 0.48), at(0.28, 0.98), at(-0.20, 0.70)]
    path = spline(rim)
    path.close()
    ink = style.outline(style.skin)
    canvas.drawPath(path, fill(faded(style.skin, alpha)))
    inner = [at(0.18, -0.45), at(0.60, -0.62), at(0.70, -0.10), at(0.36, 0.30), at(0.24, 0.10)]
    hollow = spline(inner, closed=True)
    canvas.drawPath(hollow, fill(faded(style.skin_shade, alpha * (0.35 + 0.5 * style.shade))))
    canvas.drawPath(spline(inner[:4]), stroke(faded(ink, 0.6 * alpha), style.line * 0.6))
    canvas.drawPath(spline(rim), stroke(faded(ink, alpha), style.line * 0.85))
