"""Eyebrows."""

from __future__ import annotations

import skia

from .eyes import eye_size
from .hair import hair_colors
from .head import Head
from .pen import Point, faded, fill, mixed, taper
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "brow_y": Factor(0.022, 0.080, bell=0.2),
    "brow_x": Factor(-0.012, 0.010),
    "brow_length": Factor(0.045, 0.080),
    "brow_tilt": Factor(-0.40, 0.40, bell=0.6),
    "brow_arch": Factor(-0.006, 0.026),
    "brow_thickness": Factor(0.004, 0.021, skew=1.2),
    "brow_taper": Factor(0.1, 0.9),
    "brow_raise": Factor(-0.018, 0.018, bell=0.5),
    "brow_light": Factor(0.0, 0.85, skew=1.3),
    "brow_alpha": Factor(0.55, 1.0),
}


def draw_brow(canvas: skia.Canvas, head: Head, p: Factors, style: Style, side: int) -> dict[str, Point]:
    """One eyebrow, in a darker tone of the hair, and its landmarks."""
    half = p["brow_length"]
    cx, rise = side * (p["eye_x"] + p["brow_x"]), p["brow_tilt"] * half
    cy = p["eye_y"] - 0.85 * eye_size(p)[1] - p["brow_y"] + side * p["brow_raise"]

    def at(u: float, v: float) -> Point:
        return head.place(cx + side * u * half, cy - u * rise + v)

    arch = p["brow_arch"]
    points = [at(-1, 0.0), at(-0.5, -arch * 0.55), at(0.1, -arch), at(0.6, -arch * 0.65), at(1, arch * 0.35)]
    t, thin = p["brow_thickness"], 1 - p["brow_taper"]
    widths = [t * 0.75, t * 1.05, t, t * (0.65 + 0.25 * thin), t * (0.1 + 0.6 * thin)]
    colors = hair_colors(p, style)
    color = faded(mixed(colors.line, colors.shade, p["brow_light"]), p["brow_alpha"])
    canvas.drawPath(taper(points, widths), fill(color))
    name = "left" if side < 0 else "right"
    return {
        f"brow_{name}_inner": points[0],
        f"brow_{name}_middle": points[2],
        f"brow_{name}_outer": points[4],
    }
