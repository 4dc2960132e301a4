"""What stands behind the figure: plain tones, gradients, diagonals, discs of light, hills; each with a weight."""

from __future__ import annotations

import math

import skia

from .pen import Color, fill, oklab, spline
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "background_light": Factor(0.45, 0.98, skew=0.7),
    "background_a": Factor(-0.08, 0.08, bell=0.4),
    "background_b": Factor(-0.09, 0.09, bell=0.4),
    "background2_light": Factor(-0.28, 0.28),
    "background2_a": Factor(-0.08, 0.08),
    "background2_b": Factor(-0.08, 0.08),
    "background_mix": Factor(-0.4, 1.0),
    "background_edge": Factor(0.01, 1.3),
    "background_angle": Factor(-1.6, 1.6),
    "background_discs": Factor(-1.2, 0.9),
    "background_hills": Factor(-1.5, 1.0),
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
    weight = max(p["background_mix"], 0.0)
    if weight > 0:
        # From a soft gradient over the whole picture to the hard edge of a diagonal.
        edge, angle = p["background_edge"] / 2, p["background_angle"]
        dx, dy = math.sin(angle) * edge, math.cos(angle) * edge
        second = _shifted(p, 1.0)
        clear = skia.Color4f(second.fR, second.fG, second.fB, 0.0)
        shader = skia.GradientShader.MakeLinear(
            points=[skia.Point(0.5 - dx, 0.5 - dy), skia.Point(0.5 + dx, 0.5 + dy)],
            colors=[clear.toColor(), second.toColor()],
        )
        canvas.drawRect(skia.Rect(0, 0, 1, 1), skia.Paint(Shader=shader, Alphaf=weight))
    _hills(canvas, p)
    strength = max(p["background_discs"], 0.0)
    if strength > 0:
        glow = oklab(
            min(p["background_light"] * 0.6 + 0.42, 1.0),
            p["background_a"] + 0.6 * p["background2_a"],
            p["background_b"] + 0.6 * p["background2_b"],
        )
        for x, y, radius, alpha in _DISCS:
            inner = skia.Color4f(glow.fR, glow.fG, glow.fB, 0.75 * alpha * strength)
            outer = skia.Color4f(glow.fR, glow.fG, glow.fB, 0.0)
            shader = skia.GradientShader.MakeRadial(
                center=skia.Point(x, y),
                radius=radius,
                colors=[inner.toColor(), inner.toColor(), outer.toColor()],
                positions=[0.0, 0.72, 1.0],
            )
            canvas.drawRect(
                skia.Rect(x - radius, y - radius, x + radius, y + radius), skia.Paint(Shader=shader)
            )


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
