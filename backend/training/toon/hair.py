"""Hair: its factors, its colours, and the order in which its parts are drawn."""

from __future__ import annotations

import skia

from .hair_back import draw_mass
from .hair_front import cap_of, draw_cap, draw_shadow
from .hair_locks import HairColors
from .hair_tails import draw_ahoge, draw_buns, draw_ponytail, draw_twin_tails
from .head import Head
from .pen import oklab
from .style import Style
from .table import Factor, Factors

# Ranges that begin far below 0 are absent from most faces: what is below 0 counts as 0.
FACTORS: dict[str, Factor] = {
    "hair_length": Factor(0.06, 0.80),
    "hair_volume": Factor(0.022, 0.085),
    "hair_top": Factor(0.410, 0.460),
    "hair_short": Factor(-3.4, 1.0),
    "hair_wave": Factor(-0.6, 1.0),
    "hair_frequency": Factor(1.0, 3.2),
    "hair_spikes": Factor(0.0, 1.0),
    "hair_flare": Factor(-0.10, 0.13),
    "hair_ears": Factor(0.0, 1.0),
    "fringe": Factor(-0.04, 0.20, skew=0.8),
    "fringe_part": Factor(-38.0, 38.0),
    "fringe_sweep": Factor(-1.0, 1.0),
    "fringe_open": Factor(-0.8, 1.0),
    "fringe_point": Factor(0.0, 1.0),
    "side_locks": Factor(-0.10, 0.52),
    "tails": Factor(-4.0, 1.0),
    "tails_height": Factor(-0.27, 0.10),
    "ponytail": Factor(-1.0, 1.0, bell=0.4),
    "bun": Factor(-4.0, 1.0),
    "bun_spread": Factor(0.0, 1.0),
    "ahoge": Factor(-1.0, 1.0),
    "hair_shine": Factor(0.0, 0.75),
    "hair_lines": Factor(0.1, 0.9),
    "hair_tips": Factor(-0.22, 0.22, bell=0.5),
    "hair_light": Factor(0.22, 0.90),
    "hair_a": Factor(-1.0, 1.0),
    "hair_b": Factor(-1.0, 1.0),
}


def hair_colors(p: Factors, style: Style) -> HairColors:
    """The tones of the hair: natural ones are the most frequent, fancy ones towards the ends of ``hair_a`` and
    ``hair_b``.
    """
    light = p["hair_light"]
    chroma = 0.7 + 0.3 * min(light / 0.5, 1.0)  # dark hair has no room for strong colours
    a = (0.015 + 0.135 * p["hair_a"] * abs(p["hair_a"])) * chroma
    b = (0.030 + 0.120 * p["hair_b"] * abs(p["hair_b"])) * chroma
    base = oklab(light, a, b)
    tip = oklab(light + p["hair_tips"], a * 1.1 - 0.15 * p["hair_tips"], b)
    return HairColors(
        base,
        oklab(light * 0.80, a * 1.05 + 0.004, b * 0.9 - 0.016),
        oklab(light * 0.62, a + 0.006, b * 0.8 - 0.020),
        oklab(min(light * 0.62 + 0.42, 0.99), a * 0.6, b * 0.6),
        tip,
        style.outline(base),
    )


def draw_back_hair(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The mass of hair behind neck and ears, tails and buns."""
    (scalp, _), colors = cap_of(head), hair_colors(p, style)
    draw_twin_tails(canvas, scalp, p, style, colors)
    draw_ponytail(canvas, scalp, p, style, colors)
    draw_mass(canvas, scalp, p, style, colors)
    draw_buns(canvas, scalp, p, style, colors)


def draw_front_hair(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The cap of hair over the forehead: fringe, side locks, a band of light, single strands."""
    (scalp, _), colors = cap_of(head), hair_colors(p, style)
    draw_ahoge(canvas, scalp, p, style, colors)
    draw_cap(canvas, head, p, style, colors)


def draw_hair_shadow(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """The shadow of the hair on the skin, before eyes and nose; the canvas is clipped to the face."""
    draw_shadow(canvas, head, style)
