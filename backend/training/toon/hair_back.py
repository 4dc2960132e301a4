"""The mass of hair behind neck and ears."""

from __future__ import annotations

import math

import skia

from .hair_locks import HairColors, Scalp, clamp, ink, mix, sliver, union, with_alpha
from .pen import Point, fill, mixed, spline, taper
from .style import Style
from .table import Factors

_STEPS = 9
_TIPS = 7


def draw_mass(canvas: skia.Canvas, scalp: Scalp, p: Factors, style: Style, colors: HairColors) -> None:
    """The mass of hair: a silhouette that hangs from the crown in waves and ends in tips."""
    length = scalp.length
    spikes = p["hair_spikes"]
    cx = scalp.head.place(0, length, -0.12)[0]
    reach = clamp((length - 0.06) / 0.3)
    half = scalp.head.width * (0.93 - 0.10 * spikes * (1 - reach)) + p["hair_flare"] * reach

    def side_at(t: float, side: int, inside: float = 1.0) -> Point:
        """A place along the left (-1) or right (1) edge, from the ear (t = 0) down to the tips (1)."""
        x0, y0 = scalp.at(180.0 * side, 0.0)
        y = mix(0.0, length, t)
        ease = t * t * (3 - 2 * t)
        swing = scalp.wave * math.sin(2 * math.pi * p["hair_frequency"] * t * (length + 0.15) + side * 0.9)
        bulge = 0.10 * p["hair_volume"] / 0.085 * math.sin(math.pi * min(t * 1.2, 1.0)) * 0.35 * reach
        x = mix(x0 - cx, side * half, ease) + side * bulge
        return cx + inside * x + swing * clamp(4 * t) * clamp(length * 4), y + mix(y0, 0.0, t)

    ts = [i / _STEPS for i in range(1, _STEPS + 1)]
    left = [side_at(t, -1) for t in ts]
    right = [side_at(t, 1) for t in ts]
    dome = scalp.dome(0.0, 0.0)
    path = spline([*reversed(left), *dome, *right])
    depth = (0.012 + 0.075 * spikes) * mix(0.55, 1.0, reach)
    x1, y1 = right[-1]
    x0, y0 = left[-1]
    for i in range(_TIPS):
        # From right to left; the tips in the middle hang lower.
        u, v, w = i / _TIPS, (i + 0.5) / _TIPS, (i + 1) / _TIPS
        drop = 0.03 * math.sin(math.pi * v) + depth * (1.0 if i % 2 else 0.72)
        tip = mix(x1, x0, v + 0.25 * spikes * (v - 0.5) / _TIPS * 2), mix(y1, y0, v) + drop
        notch = mix(x1, x0, w), mix(y1, y0, w) + 0.03 * math.sin(math.pi * w)
        start = mix(x1, x0, u)
        path.quadTo(mix(start, tip[0], 0.15), mix(y1, tip[1], 0.75), *tip)
        path.quadTo(mix(notch[0], tip[0], 0.25), mix(notch[1], tip[1], 0.75), *notch)
    path.close()
    strays = []
    # Two strands on each side leave the silhouette.
    for side in (-1, 1):
        for t0, t1, out in ((0.25, 0.75, 0.05), (0.55, 1.0, 0.035)):
            a, b, c = side_at(t0, side, 0.93), side_at((t0 + t1) / 2, side, 1.01), side_at(t1, side, 1.0)
            tip = c[0] + side * out * spikes * (0.3 + reach), c[1] + 0.03 * spikes
            strays.append(taper([a, b, tip], [0.02, 0.04 * (0.4 + reach), 0.001]))
    alpha = scalp.alpha
    shader = skia.GradientShader.MakeLinear(
        points=[skia.Point(0, -0.1), skia.Point(0, max(length, 0.2) + 0.06)],
        colors=[
            mixed(colors.deep, colors.shade, 0.45).toColor(),
            mixed(colors.shade, colors.tip, 0.7).toColor(),
        ],
    )
    ink(
        canvas,
        [union([path], strays)],
        skia.Paint(AntiAlias=True, Shader=shader, Alphaf=alpha),
        colors.line,
        style.line,
        alpha,
    )
    strands = skia.Path()
    for side in (-1, 1):
        for inside, t0, t1 in ((0.86, 0.02, 0.9), (0.74, 0.2, 1.0), (0.55, 0.3, 1.02)):
            sliver(
                strands,
                side_at(t0, side, inside),
                side_at((t0 + t1) / 2, side, inside + 0.03),
                side_at(t1, side, inside * 0.97),
                0.008,
            )
    canvas.drawPath(strands, fill(with_alpha(colors.deep, alpha * p["hair_lines"])))
