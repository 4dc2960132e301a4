"""Shoulders and clothes."""

from __future__ import annotations

import skia

from .head import Head
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "shoulders": Factor(0.34, 0.48),
    "cloth_light": Factor(0.40, 0.85),
    "cloth_a": Factor(-0.11, 0.11),
    "cloth_b": Factor(-0.11, 0.11),
}


def draw_clothes(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """Shoulders and clothes, over the neck: unturned by the roll; the neck stands on (0, 0.40), half p["neck"] wide."""
