"""Glasses."""

from __future__ import annotations

import skia

from .head import Head
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {}


def draw_glasses(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """Glasses before the eyes; alpha 0 for none."""
