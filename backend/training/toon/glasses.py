"""Glasses: frames from round to rectangular before the eyes."""

from __future__ import annotations

import math

import skia

from .hair_locks import clamp, mix
from .head import Head
from .pen import Point, fill, oklab, spline, stroke
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "glasses": Factor(-5.2, 1.0),
    "glasses_shape": Factor(0.0, 1.0),
    "glasses_size": Factor(0.082, 0.112),
    "glasses_thickness": Factor(0.006, 0.017),
    "glasses_light": Factor(0.12, 0.80, skew=1.6),
}

_STEPS = 16


def _lens(head: Head, p: Factors, side: int) -> list[Point]:
    """The frame around one eye: a superellipse that bends with the head."""
    shape, size = p["glasses_shape"], p["glasses_size"]
    half_x, half_y = size, size * mix(0.95, 0.66, shape)
    power = mix(1.0, 0.42, shape)
    cx, cy = side * p["eye_x"] * 1.06, p["eye_y"] + 0.006
    points = []
    for i in range(_STEPS):
        t = 2 * math.pi * i / _STEPS
        cos, sin = math.cos(t), math.sin(t)
        x = math.copysign(abs(cos) ** power, cos) * half_x
        # Wider above than below, the more the squarer.
        y = math.copysign(abs(sin) ** power, sin) * half_y
        x *= 1 - 0.10 * shape * y / half_y
        at = cx + side * x
        points.append(head.place(at, cy + y, 0.190 - 1.3 * at * at))
    return points


def draw_glasses(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """Glasses before the eyes; alpha 0 for none."""
    alpha = clamp(p["glasses"] * 8)
    if alpha <= 0:
        return
    frame = oklab(p["glasses_light"], 0.02 * p["glasses_light"], 0.05 * p["glasses_light"], alpha)
    rim = stroke(frame, p["glasses_thickness"])
    bridge_y = p["eye_y"] - 0.012
    for side in (-1, 1):
        points = _lens(head, p, side)
        lens = spline(points, closed=True)
        canvas.drawPath(lens, fill(skia.Color4f(0.92, 0.96, 1.0, 0.13 * alpha)))
        canvas.save()
        canvas.clipPath(lens, doAntiAlias=True)
        xs, ys = [q[0] for q in points], [q[1] for q in points]
        left, width, top, height = min(xs), max(xs) - min(xs), min(ys), max(ys) - min(ys)
        for start, thick in ((0.62, 0.16), (0.90, 0.06)):
            glare = skia.Path()
            x = left + width * start
            glare.moveTo(x, top)
            glare.lineTo(x + width * thick, top)
            glare.lineTo(x + width * (thick - 0.5), top + height)
            glare.lineTo(x - width * 0.5, top + height)
            glare.close()
            canvas.drawPath(glare, fill(skia.Color4f(1, 1, 1, 0.20 * alpha)))
        canvas.restore()
        # The arm runs to the ear, as far as it stands before the face.
        outer = p["eye_x"] * 1.06 + p["glasses_size"] * 0.97
        a = head.place(side * outer, bridge_y, 0.190 - 1.3 * outer * outer)
        b = head.place(side * (head.width + 0.012), bridge_y + 0.012, 0.0)
        seen = clamp(1 - 5 * side * math.sin(head.yaw))
        canvas.drawLine(*a, mix(a[0], b[0], seen), mix(a[1], b[1], seen), rim)
        canvas.drawPath(lens, rim)
    inner = p["eye_x"] * 1.06 - p["glasses_size"] * 0.98
    depth = 0.190 - 1.3 * inner * inner
    arch = [
        head.place(-inner, bridge_y, depth),
        head.place(0, bridge_y - 0.014, 0.200),
        head.place(inner, bridge_y, depth),
    ]
    canvas.drawPath(spline(arch), rim)
