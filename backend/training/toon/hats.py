"""Hats."""

from __future__ import annotations

import skia

from .head import Head
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {}


def draw_hat_back(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The part of a hat behind the head."""


def draw_hat_front(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The hat on the hair."""
