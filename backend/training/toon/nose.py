"""Noses, from a dot to a full nose with nostrils."""

from __future__ import annotations

import math

import skia

from .head import Head
from .lighting import shadow
from .pen import Point, brush, ellipse, faded, fill, mixed, oklab, ramp, soft_fill, taper
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "nose_y": Factor(0.095, 0.148),
    "nose_width": Factor(0.020, 0.046),
    "nose_out": Factor(0.022, 0.058),
    "nose_mark": Factor(0.0, 1.0),
    "nose_wedge": Factor(0.0, 1.0),
    "nose_bridge": Factor(0.0, 1.0),
}


def draw_nose(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> dict[str, Point]:
    """The nose; gives its landmark, the tip."""
    realism, y, half = p["realism"], p["nose_y"], p["nose_width"]
    surface = head.depth(0, y)
    out = surface + p["nose_out"]
    root_y = p["eye_y"] - 0.018
    tip, base = head.place(0, y, out), head.place(0, y + 0.022, surface + 0.012)
    root = head.place(0, root_y, head.depth(0, root_y) - 0.004)
    ridge = head.place(0, root_y * 0.45 + y * 0.55, surface + 0.42 * p["nose_out"])
    full = 0.15 + 0.85 * realism
    blur = style.softness * 0.010

    for side in (-1, 1):
        dark = 0.5 - 0.5 * side * style.light
        wing = head.place(side * half, y + 0.012, surface + 0.006)
        cheek = head.place(side * half * 0.62, root_y * 0.4 + y * 0.6, surface + 0.002)
        flank = skia.Path()
        flank.moveTo(*head.place(side * 0.020, root_y, head.depth(0, root_y) - 0.01))
        flank.quadTo(*cheek, *wing)
        flank.quadTo(wing[0], base[1] + 0.004, *base)
        flank.lineTo(*tip)
        flank.quadTo(*ridge, *root)
        flank.close()
        brush(canvas, flank, soft_fill(shadow(style, dark * full * 0.95 * realism), blur + 0.003))
        wedge = skia.Path()
        wedge.moveTo(*tip)
        wedge.lineTo(*base)
        wedge.lineTo(*head.place(side * half * 0.75, y + 0.012, surface))
        wedge.close()
        strength = p["nose_wedge"] * dark * (1 - 0.5 * realism)
        brush(canvas, wedge, soft_fill(shadow(style, strength), blur * 0.6))

    under = [
        head.place(k * half, y + dy, surface + 0.008) for k, dy in ((-0.8, 0.017), (0, 0.028), (0.8, 0.017))
    ]
    brush(canvas, taper(under, [0.004, 0.013, 0.004]), soft_fill(shadow(style, 0.8 * realism), 0.004))
    ink = mixed(style.outline(style.skin), oklab(0.25, 0.05, 0.03), 0.3 * realism)
    if realism > 0.02:
        for side in (-1, 1):
            nostril = [
                head.place(side * half * k, y + dy, surface + 0.014)
                for k, dy in ((0.22, 0.019), (0.42, 0.013), (0.68, 0.017))
            ]
            brush(
                canvas,
                taper(nostril, [0.002, 0.0075, 0.002]),
                fill(faded(oklab(0.30, 0.06, 0.04), 0.85 * realism)),
            )
            wing_line = [
                head.place(side * half * k, y + dy, surface + 0.005)
                for k, dy in ((0.86, -0.008), (1.0, 0.008), (0.78, 0.019))
            ]
            alpha = 0.75 * realism * ramp(-side * math.sin(head.yaw), -0.55, 0.0)
            brush(
                canvas,
                taper(wing_line, [0.001, 0.0045, 0.002]),
                fill(faded(mixed(style.skin_shade, style.ink, 0.45), alpha)),
            )
        spot = (tip[0] + 0.006 * style.light, tip[1] - 0.004)
        ellipse(
            canvas,
            spot,
            0.010,
            0.008,
            soft_fill(faded(style.skin_light, 0.8 * realism * (0.5 + max(p["gloss"], 0.0))), 0.005),
        )
        down = (ridge[0] + 0.004 * style.light, ridge[1])
        ellipse(
            canvas,
            down,
            0.006,
            0.030,
            soft_fill(faded(style.skin_light, 0.5 * realism * (0.5 + max(p["gloss"], 0.0))), 0.006),
        )

    # The drawn mark under the tip: a dot, or a short line for wide marks.
    mark = 0.15 + 0.85 * p["nose_mark"]
    low = head.place(0, y + 0.016, surface + 0.022)
    reach = half * 0.55 * p["nose_mark"] * math.cos(head.yaw)
    lean = 0.004 * math.sin(head.yaw)
    middle = (low[0] + lean, low[1] + 0.003)
    thick = max(style.line, 0.004)
    points = [(low[0] - reach - 0.003, low[1] - 0.003), middle, (low[0] + reach + 0.003, low[1] - 0.003)]
    brush(
        canvas,
        taper(points, [thick * 0.3, thick * (1.35 - 0.4 * mark), thick * 0.3]),
        fill(faded(ink, (1 - 0.7 * realism))),
    )
    # A turned head draws the bridge against the far cheek.
    turned = ramp(abs(head.yaw), 0.12, 0.50) * (0.35 + 0.65 * p["nose_bridge"])
    profile = [
        root,
        ridge,
        (tip[0], tip[1] - 0.004),
        tip,
        ((tip[0] + base[0]) / 2 + 0.002 * math.sin(head.yaw), base[1] - 0.002),
        base,
    ]
    weights = (0.2, 0.7, 1.0, 1.1, 0.9, 0.4)
    brush(canvas, taper(profile, [max(style.line, 0.003) * k for k in weights]), fill(faded(ink, turned)))
    return {"nose": tip}
