"""What stands behind the figure."""

from __future__ import annotations

import skia

from .pen import oklab
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "background_light": Factor(0.62, 0.97),
    "background_a": Factor(-0.06, 0.06),
    "background_b": Factor(-0.06, 0.06),
}


def draw_background(canvas: skia.Canvas, p: Factors) -> None:
    """Fill the unit square of the canvas."""
    canvas.clear(oklab(p["background_light"], p["background_a"], p["background_b"]))
