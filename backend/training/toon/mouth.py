"""Mouths: a line or open with teeth and tongue, with or without lips."""

from __future__ import annotations

import skia

from .head import Head
from .lighting import shadow
from .pen import Point, brush, ellipse, faded, fill, loop, oklab, soft_fill, spline, stroke, taper
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "mouth_y": Factor(0.190, 0.232),
    "mouth_width": Factor(0.032, 0.098, bell=0.2),
    "smile": Factor(-0.030, 0.044, skew=0.8, bell=0.4),
    "smirk": Factor(-0.020, 0.020, bell=0.5),
    "mouth_open": Factor(0.0, 0.075, skew=2.0),
    "mouth_flat": Factor(0.0, 1.0),
    "teeth": Factor(0.0, 0.50),
    "tongue": Factor(0.0, 0.75),
    "mouth_dark": Factor(0.22, 0.50),
    "mouth_line": Factor(0.4, 1.9),
    "lips": Factor(0.0, 1.0, skew=1.4),
    "lip_upper": Factor(0.003, 0.020),
    "lip_lower": Factor(0.006, 0.026),
    "lip_light": Factor(-0.16, 0.02),
    "lip_red": Factor(0.02, 0.13),
    "lip_shine": Factor(0.0, 0.8, skew=1.5),
}


def draw_mouth(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> dict[str, Point]:
    """The mouth and its landmarks: the corners, and where the middles of the lips meet its opening."""
    y, half, smile, smirk = p["mouth_y"], p["mouth_width"], p["smile"], p["smirk"]
    y = min(y, head.chin - 0.085)
    room = head.chin - 0.038 - y
    opening = p["mouth_open"] * min(1.0, room / 0.085) * min(1.0, 0.45 + half / 0.10)
    left_y, right_y = y - smile - smirk, y - smile + smirk
    top = y + smile * 0.35 - opening * 0.20
    bottom = y + smile * 0.45 + opening * 0.92
    # An open mouth goes from a box of lips to a triangle (smile) or arch.
    square = 0.55 + 0.25 * p["mouth_flat"]
    upper = head.places([(-half, left_y), (-half * 0.5, left_y + (top - left_y) * 0.80), (0, top)])
    upper += head.places([(half * 0.5, right_y + (top - right_y) * 0.80), (half, right_y)])
    lower = head.places(
        [(half, right_y), (half * 0.62, right_y + (bottom - right_y) * (square + 0.05)), (0, bottom)]
    )
    lower += head.places([(-half * 0.62, left_y + (bottom - left_y) * (square + 0.05)), (-half, left_y)])

    _draw_lips(canvas, head, p, style, upper, lower)

    mouth = loop(upper, lower)
    brush(canvas, mouth, fill(oklab(p["mouth_dark"], 0.09, 0.03)))
    canvas.save()
    canvas.clipPath(mouth, doAntiAlias=True)
    gap = bottom - top
    rise = gap * p["tongue"]
    tongue = head.places(
        [(-half * 0.75, bottom + 0.012), (-half * 0.3, bottom - rise * 0.75), (0, bottom - rise * 0.85)]
    )
    tongue += head.places([(half * 0.3, bottom - rise * 0.75), (half * 0.75, bottom + 0.012)])
    brush(canvas, spline(tongue), fill(oklab(0.68, 0.12, 0.04)))
    edge = top + gap * p["teeth"]
    teeth = head.places([(-half, left_y - 0.008), (-half * 0.62, (left_y + edge * 2) / 3), (0, edge)])
    teeth += head.places([(half * 0.62, (right_y + edge * 2) / 3), (half, right_y - 0.008)])
    path = spline(teeth)
    path.lineTo(*head.place(half, top - 0.08))
    path.lineTo(*head.place(-half, top - 0.08))
    path.close()
    brush(canvas, path, fill(oklab(0.975, 0.0, 0.008)))
    canvas.restore()

    ink = style.outline(style.skin)
    ink = skia.Color4f(ink.fR * 0.9, ink.fG * 0.75, ink.fB * 0.75, 0.35 + 0.65 * ink.fA)
    width = max(style.line, 0.0028) * p["mouth_line"]
    brush(canvas, taper(upper, [width * k for k in (0.9, 0.85, 1.1, 0.85, 0.9)]), fill(ink))
    open_now = min(opening / 0.012, 1.0)
    brush(canvas, spline(lower), stroke(faded(ink, 0.9 * open_now), width * 0.6))
    # Little dents at the corners of the mouth.
    for at, side in ((upper[0], -1), (upper[-1], 1)):
        dent = [(at[0] - side * 0.001, at[1] - 0.005), (at[0] + side * 0.002, at[1]), (at[0], at[1] + 0.005)]
        brush(canvas, taper(dent, [0.001, width * 0.8, 0.001]), fill(faded(ink, 0.40)))
    fold = head.places([(-half * 0.32, bottom + 0.024), (0, bottom + 0.029), (half * 0.32, bottom + 0.024)])
    below = (fold[1][0], fold[1][1] + 0.004)
    ellipse(
        canvas,
        below,
        half * 0.42,
        0.007,
        soft_fill(shadow(style, 0.35 + 0.5 * p["realism"]), 0.003 + 0.005 * style.softness),
    )
    return {"mouth_left": upper[0], "mouth_right": upper[-1], "mouth_top": upper[2], "mouth_bottom": lower[2]}


def _draw_lips(
    canvas: skia.Canvas, head: Head, p: Factors, style: Style, upper: list[Point], lower: list[Point]
) -> None:
    """Painted lips around the opening between two lines from corner to corner."""
    strength = p["lips"] * (0.45 + 0.55 * p["realism"]) + 0.4 * p["realism"] * (1 - p["lips"])
    up, down = p["lip_upper"] * (0.5 + 0.5 * strength), p["lip_lower"] * (0.5 + 0.5 * strength)
    (x0, y0), (x1, y1), (x2, y2), (x3, y3), (x4, y4) = upper
    bow = [(x0, y0), (x1, y1 - up * 0.72), (x2 - (x2 - x1) * 0.32, y2 - up * 1.12), (x2, y2 - up * 0.82)]
    bow += [(x2 + (x3 - x2) * 0.32, y2 - up * 1.12), (x3, y3 - up * 0.72), (x4, y4)]
    bowl = [lower[0], (lower[1][0], lower[1][1] + down * 0.82), (lower[2][0], lower[2][1] + down)]
    bowl += [(lower[3][0], lower[3][1] + down * 0.82), lower[4]]
    skin = style.skin_tone
    light, red = skin[0] + p["lip_light"] * (0.4 + 0.6 * skin[0]), skin[1] + p["lip_red"]
    color = oklab(light, red, skin[2] * 0.8, strength)
    brush(canvas, loop(bow, bowl), soft_fill(color, 0.0035 * style.softness))
    dark = oklab(light * 0.84, red, skin[2] * 0.7, 0.7 * strength)
    brush(canvas, loop(bow, upper[::-1]), soft_fill(dark, 0.002 * style.softness))
    shine = (lower[2][0] + 0.25 * style.light * (x4 - x2), lower[2][1] + down * 0.42)
    paint = soft_fill(faded(style.skin_light, p["lip_shine"] * strength), 0.0015 + 0.003 * style.softness)
    ellipse(canvas, shine, (x4 - x0) * 0.11, down * 0.20, paint)
