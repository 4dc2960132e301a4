"""Eyes, from large drawn ones to small ones as they are."""

from __future__ import annotations

import math
from typing import NamedTuple

import skia

from .head import Head
from .lighting import shadow
from .pen import Point, brush, ellipse, faded, fill, loop, mixed, oklab, ramp, soft_fill, taper
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "eye_x": Factor(0.100, 0.136, bell=0.2),
    "eye_y": Factor(-0.035, 0.060),
    "eye_width": Factor(0.042, 0.080),
    "eye_height": Factor(0.029, 0.090),
    "eye_tilt": Factor(-0.22, 0.22, bell=0.5),
    "eye_open": Factor(0.0, 1.0, skew=0.28),
    "wink": Factor(-1.0, 1.0, bell=0.8),
    "closed_curve": Factor(-1.0, 1.0),
    "lid_peak": Factor(-0.35, 0.35, bell=0.2),
    "lid_flat": Factor(0.0, 1.0, skew=1.8),
    "lower_lid": Factor(0.45, 1.05),
    "gaze_x": Factor(-0.55, 0.55, bell=0.6),
    "gaze_y": Factor(-0.35, 0.35, bell=0.5),
    "iris": Factor(0.60, 0.98),
    "iris_aspect": Factor(0.72, 1.0),
    "iris_ring": Factor(0.0, 1.0),
    "iris_glow": Factor(0.0, 1.0),
    "pupil": Factor(0.15, 0.60, bell=0.2),
    "eye_light": Factor(0.36, 0.80),
    "eye_a": Factor(-0.14, 0.14),
    "eye_b": Factor(-0.15, 0.13),
    "highlight": Factor(0.04, 0.40, skew=0.8),
    "highlight_low": Factor(0.0, 0.22, skew=1.5),
    "lash": Factor(0.003, 0.019),
    "lash_wing": Factor(0.0, 0.38, skew=1.3),
    "lashes": Factor(-0.034, 0.034),
    "lash_low": Factor(0.0, 1.0),
    "crease": Factor(0.0, 1.0),
    "lid_color": Factor(-1.6, 0.8),
}


def eye_size(p: Factors) -> tuple[float, float]:
    """Half the width and half the height of an open eye; real eyes are smaller than drawn ones."""
    return p["eye_width"] * (1 - 0.12 * p["realism"]), p["eye_height"] * (1 - 0.42 * p["realism"])


class _Lids(NamedTuple):
    upper: list[Point]
    lower: list[Point]


class _Eye:
    """One eye's own coordinates: u = -1…1 from the inner to the outer corner, v = -1 (top) … 1 (bottom)."""

    def __init__(self, head: Head, p: Factors, side: int) -> None:
        self.head, self.p, self.side = head, p, side
        self.width, self.height = eye_size(p)
        closing = ramp(side * p["wink"], 0.50, 0.98)
        self.open = min(max(p["eye_open"] * (1 - closing), 0.0), 1.0)
        self.x, self.y = side * p["eye_x"] * (1 - 0.10 * max(side * math.sin(head.yaw), 0.0)), p["eye_y"]
        self._cos, self._sin = math.cos(side * p["eye_tilt"]), -math.sin(side * p["eye_tilt"])

    def at(self, u: float, v: float) -> Point:
        """A point of the eye on the picture plane."""
        x, y = self.side * u * self.width, v * self.height
        return self.head.place(self.x + x * self._cos - y * self._sin, self.y + x * self._sin + y * self._cos)

    def closed(self, u: float) -> float:
        """V of the line on which the lids meet."""
        flat = 0.8 + 0.2 * min(self.width / self.height, 2.0)
        return 0.30 + 0.38 * self.p["closed_curve"] * (1 - u * u) * flat

    def lids(self, grow: float = 0.0) -> _Lids:
        """Both lids, the upper one from the inner to the outer corner, the lower one back."""
        p, peak, flat = self.p, self.p["lid_peak"], self.p["lid_flat"]
        upper = [(-1.0, 0.32), (-0.62, -0.48 + 0.12 * flat), (-0.10 + 0.6 * peak, -1.0 + 0.36 * flat)]
        upper += [(0.62 + 0.15 * peak, -0.66 + 0.12 * flat), (1.0, 0.02)]
        deep = p["lower_lid"]
        lower = [(1.0, 0.02), (0.64, 0.72 * deep), (0.05, 0.96 * deep), (-0.58, 0.80 * deep), (-1.0, 0.32)]
        k, shut = self.open, 1 - self.open
        return _Lids(
            [self.at(u, v * k + self.closed(u) * shut - grow) for u, v in upper],
            [self.at(u, v * k + self.closed(u) * shut) for u, v in lower],
        )


def draw_eye(canvas: skia.Canvas, head: Head, p: Factors, style: Style, side: int) -> dict[str, Point]:
    """One eye; ``side`` is -1 for the one on the left of the picture, 1 for the right. Gives its landmarks."""
    eye, realism = _Eye(head, p, side), p["realism"]
    upper, lower = eye.lids()
    stretch = head.stretch(eye.x, eye.y)

    # The socket, and colour on the lid.
    socket = head.place(eye.x, eye.y - eye.height * 0.35)
    tone = soft_fill(shadow(style, 0.55 * realism), 0.018)
    ellipse(canvas, socket, eye.width * 1.15 * stretch, eye.height * 0.8 + 0.018, tone)
    if p["lid_color"] > 0:
        lid = loop(eye.lids(0.55).upper, upper[::-1])
        rouge = mixed(style.skin_shade, oklab(0.5, p["eye_a"] * 0.5 + 0.05, p["eye_b"] * 0.5), 0.6)
        brush(canvas, lid, soft_fill(faded(rouge, p["lid_color"]), 0.006))

    outline = loop(upper, lower)
    brush(canvas, outline, fill(mixed(oklab(0.985, 0, 0), oklab(0.90, 0.006, 0.004), realism)))
    canvas.save()
    canvas.clipPath(outline, doAntiAlias=True)
    iris = _draw_iris(canvas, eye, p, style, stretch)
    # The shadow of the upper lid on the ball of the eye.
    shade = faded(skia.Color4f(0.22, 0.16, 0.30, 1), 0.20 + 0.25 * style.shade)
    brush(
        canvas,
        taper(upper, [0.36 * eye.height + 0.006] * 5),
        soft_fill(shade, 0.002 + 0.004 * style.softness),
    )
    canvas.restore()
    _draw_lashes(canvas, eye, p, style, upper, lower)
    name = "left" if side < 0 else "right"
    return {
        f"eye_{name}_inner": upper[0],
        f"eye_{name}_outer": upper[-1],
        f"eye_{name}_top": upper[2],
        f"eye_{name}_bottom": lower[2],
        f"iris_{name}": iris,
    }


def _draw_iris(canvas: skia.Canvas, eye: _Eye, p: Factors, style: Style, stretch: float) -> Point:
    # The iris keeps its size when the lids close, so that they cover it.
    ry = p["iris"] * (0.33 * eye.width + 0.62 * eye.height)
    rx = ry * p["iris_aspect"] * max(stretch, 0.35)
    x, y = eye.at(eye.side * p["gaze_x"] * 0.62, p["gaze_y"] * 0.75 - 0.04)
    light, a, b = p["eye_light"], p["eye_a"], p["eye_b"]

    def disc(dx: float, dy: float, scale: float, paint: skia.Paint) -> None:
        ellipse(canvas, (x + dx * rx, y + dy * ry), rx * scale, ry * scale, paint)

    glow = p["iris_glow"]
    dark = oklab(light * (0.72 - 0.32 * glow), a * 0.85, b * 0.85)
    bright = oklab(min(light * (1.05 + 0.28 * glow), 0.95), a, b)
    disc(0, 0, 1.0, fill(mixed(dark, oklab(light * 0.35, a * 0.5, b * 0.5), p["iris_ring"])))
    paint = fill(dark)
    paint.setShader(
        skia.GradientShader.MakeLinear(
            [skia.Point(x, y - ry * 0.8), skia.Point(x, y + ry * 0.9)], [dark.toColor(), bright.toColor()]
        )
    )
    disc(0, 0.0, 0.97 - 0.13 * p["iris_ring"], paint)
    disc(
        0,
        0.46,
        0.42,
        soft_fill(oklab(min(light * 1.3 + 0.08, 0.97), a * 0.8, b * 0.8, 0.8 * glow), 0.12 * ry),
    )
    disc(0, 0, p["pupil"], fill(oklab(0.16 + 0.08 * light, a * 0.25, b * 0.25)))
    white, toward = oklab(1, 0, 0), 0.34 * math.tanh(2.0 * style.light)
    small = 1 - 0.45 * p["realism"]
    disc(toward, -0.38, p["highlight"] * small, fill(white))
    disc(-toward, 0.42, p["highlight_low"] * small, fill(faded(white, 0.9)))
    return x, y


def _draw_lashes(
    canvas: skia.Canvas, eye: _Eye, p: Factors, style: Style, upper: list[Point], lower: list[Point]
) -> None:
    """Lids' lines, lashes and the crease above them."""
    realism = p["realism"]
    dark = faded(style.outline(mixed(style.skin, style.ink, 0.5)), 0.0)
    ink = skia.Color4f(dark.fR * 0.8, dark.fG * 0.8, dark.fB * 0.8, 0.55 + 0.45 * style.ink.fA)
    lash = p["lash"] * (1 - 0.5 * realism)
    wing = p["lash_wing"]
    (x0, y0), (x1, y1) = upper[3], upper[4]
    tip = (x1 + (x1 - x0) * wing, y1 + (y1 - y0) * wing * 0.1 - wing * 0.012)
    widths = [lash * k for k in (0.30, 0.80, 1.05, 1.15, 0.95 - wing, 0.15)]
    brush(canvas, taper([*upper, tip], widths), fill(ink))
    length = p["lashes"] * (1 - 0.4 * realism)
    if length > 0.0005:
        cx, cy = eye.head.place(eye.x, eye.y + eye.height * 0.6)
        for k, (a, b, t) in enumerate(((3, 4, 0.9), (3, 4, 0.35), (2, 3, 0.65), (2, 3, 0.15))):
            x = upper[a][0] + (upper[b][0] - upper[a][0]) * t
            y = upper[a][1] + (upper[b][1] - upper[a][1]) * t
            dx, dy = x - cx, y - cy
            norm = math.hypot(dx, dy) or 1.0
            reach = length * (1 - 0.16 * k) / norm
            end = (x + dx * reach + 0.25 * abs(reach) * dx, y + dy * reach)
            brush(
                canvas,
                taper([(x, y), ((x + end[0]) / 2, (y + end[1]) / 2 + 0.001), end], [0.006, 0.004, 0.0008]),
                fill(ink),
            )
    thin = max(style.line, 0.002)
    brush(
        canvas,
        taper(lower, [thin * k for k in (0.5, 0.9, 0.6, 0.3, 0.2)]),
        fill(faded(ink, 0.15 + 0.75 * p["lash_low"])),
    )
    crease = eye.lids(0.30 + 0.004 / eye.height).upper
    alpha = p["crease"] * (0.35 + 0.65 * eye.open)
    brush(canvas, taper(crease[1:4], [0.0012, thin * 0.7, 0.0012]), fill(faded(ink, 0.75 * alpha)))
