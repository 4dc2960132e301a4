"""Shoulders and clothes: a garment with its neckline, a collar, a hood or scarf around the neck."""

from __future__ import annotations

import skia

from .hair_locks import clamp, ink, mix, plain, swell
from .head import Head
from .pen import Color, Point, fill, oklab, spline, stroke, taper
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "shoulders": Factor(0.32, 0.48),
    "cloth_light": Factor(0.22, 0.95),
    "cloth_a": Factor(-0.12, 0.12, bell=0.3),
    "cloth_b": Factor(-0.12, 0.12, bell=0.3),
    "trim_light": Factor(0.25, 0.97),
    "trim_a": Factor(-0.13, 0.16),
    "trim_b": Factor(-0.13, 0.13),
    "neckline": Factor(0.395, 0.520),
    "neckline_point": Factor(0.0, 1.0),
    "collar": Factor(-0.9, 1.0),
    "hood": Factor(-3.0, 1.0),
}


def _mirrored(points: list[Point]) -> list[Point]:
    """The points, and then those mirrored at x = 0, from the last one but a last one on the axis."""
    rest = points[:-1] if points[-1][0] == 0 else points
    return points + [(-x, y) for x, y in reversed(rest)]


def _darker(color: Color, k: float) -> Color:
    return skia.Color4f(color.fR * k, color.fG * k, color.fB * (k * 0.94 + 0.06), color.fA)


def draw_clothes(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> None:
    """Shoulders and clothes, over the neck: unturned by the roll; the neck stands on (0, 0.40), half p["neck"] wide."""
    neck, wide, low = p["neck"], p["shoulders"], p["neckline"]
    cloth = oklab(p["cloth_light"], p["cloth_a"], p["cloth_b"])
    trim = oklab(p["trim_light"], p["trim_a"], p["trim_b"])
    line = style.outline(cloth)
    shadow = _darker(cloth, 1 - 0.42 * style.shade - 0.06)
    side = neck * 1.22
    canvas.drawPath(
        spline([(side * 0.9, 0.445), (side * 0.42, 0.463), (0.018, 0.472)]),
        stroke(style.skin_shade, style.line),
    )
    canvas.drawPath(
        spline([(-side * 0.9, 0.445), (-side * 0.42, 0.463), (-0.018, 0.472)]),
        stroke(style.skin_shade, style.line),
    )

    garment = skia.Path()
    garment.moveTo(-wide * 1.04, 0.75)
    garment.cubicTo(-wide * 1.0, 0.45, -wide * 0.64, 0.428, -side, 0.372)
    # Round to pointed neckline.
    point = p["neckline_point"]
    pull = mix(0.95, 0.35, point)
    garment.cubicTo(
        -side * mix(0.9, 0.62, point), mix(0.372, low, pull), -side * mix(0.62, 0.06, point), low, 0, low
    )
    garment.cubicTo(
        side * mix(0.62, 0.06, point), low, side * mix(0.9, 0.62, point), mix(0.372, low, pull), side, 0.372
    )
    garment.cubicTo(wide * 0.64, 0.428, wide * 1.0, 0.45, wide * 1.04, 0.75)
    garment.close()
    canvas.drawPath(garment, fill(cloth))
    canvas.save()
    canvas.clipPath(garment, doAntiAlias=True)
    _folds(canvas, p, style, shadow)
    hem = skia.Path()
    hem.moveTo(-side, 0.372)
    hem.cubicTo(
        -side * mix(0.9, 0.62, point), mix(0.372, low, pull), -side * mix(0.62, 0.06, point), low, 0, low
    )
    hem.cubicTo(
        side * mix(0.62, 0.06, point), low, side * mix(0.9, 0.62, point), mix(0.372, low, pull), side, 0.372
    )
    canvas.drawPath(hem, stroke(trim, 0.034))
    canvas.restore()
    canvas.drawPath(garment, stroke(line, style.line))
    _collar(canvas, p, style, trim, side, low)
    _hood(canvas, p, style, cloth, neck)


def _folds(canvas: skia.Canvas, p: Factors, style: Style, shadow: Color) -> None:
    """The shadow of the head, the unlit side, and the folds at the arms."""
    wide = p["shoulders"]
    canvas.drawOval(
        skia.Rect(-0.24 - style.light * 0.07, 0.30, 0.24 - style.light * 0.07, 0.44), fill(shadow)
    )
    for side in (-1, 1):
        lit = clamp(0.5 + 0.5 * side * style.light)
        x = side * wide
        arm = spline(
            [
                (x * 1.1, 0.44),
                (x * mix(0.60, 0.86, lit), 0.53),
                (x * mix(0.52, 0.80, lit), 0.80),
                (x * 1.3, 0.8),
            ]
        )
        canvas.drawPath(arm, plain(shadow, 0.9))
        fold = taper([(x * 0.74, 0.80), (x * 0.70, 0.60), (x * 0.78, 0.52)], [0.02, 0.012, 0.001])
        canvas.drawPath(fold, plain(shadow, 0.9))


def _collar(canvas: skia.Canvas, p: Factors, style: Style, trim: Color, side: float, low: float) -> None:
    """Two flaps beside the neckline, of size 0 in half of the faces."""
    size = max(p["collar"], 0.0)
    if size <= 0:
        return
    flaps = []
    front = mix(low, 0.50, 0.35)
    for s in (-1, 1):
        flap = skia.Path()
        flap.moveTo(s * side * 0.98, 0.372)
        flap.quadTo(
            s * side * 1.35,
            0.372,
            s * mix(side * 0.9, side * 1.15 + 0.075, size),
            mix(front, 0.47 + 0.03 * size, size),
        )
        flap.lineTo(s * mix(0.004, 0.05, size), front + 0.045 * size)
        flap.quadTo(s * side * 0.45, mix(front, 0.40, 0.45), s * side * 0.98, 0.372)
        flap.close()
        flaps.append(flap)
    color = skia.Color4f(trim.fR, trim.fG, trim.fB, clamp(size * 4))
    ink(canvas, flaps, fill(color), style.outline(trim), style.line * clamp(size * 4) * 0.6, clamp(size * 4))


def _hood(canvas: skia.Canvas, p: Factors, style: Style, cloth: Color, neck: float) -> None:
    """A roll of cloth around the neck: hood or scarf."""
    size = max(p["hood"], 0.0)
    if size <= 0:
        return
    alpha = clamp(size * 5)
    thick = 0.145 * swell(size)
    out = neck * 1.15 + thick * 0.55
    points = [(-neck * 0.98, 0.325), (-out * 1.0, 0.372), (-out * 0.66, 0.452), (0.0, 0.480)]
    full = _mirrored(points)
    roll = taper(full, [thick * k for k in (0.5, 0.85, 1.0, 0.95, 1.0, 0.85, 0.5)])
    shadow = _darker(cloth, 1 - 0.42 * style.shade - 0.06)
    color = skia.Color4f(cloth.fR, cloth.fG, cloth.fB, alpha)
    ink(canvas, [roll], fill(color), style.outline(cloth), style.line * alpha * 0.7, alpha)
    lower = taper(
        [(x * 1.04, y + thick * 0.28) for x, y in full],
        [thick * k * 0.4 for k in (0.1, 0.7, 1, 1, 1, 0.7, 0.1)],
    )
    canvas.drawPath(lower, plain(shadow, 0.85 * alpha))
    for s in (-1, 1):
        fold = taper(
            [(s * out * 0.9, 0.40), (s * out * 0.55, 0.445), (s * out * 0.2, 0.468)],
            [0.001, 0.011 * size, 0.001],
        )
        canvas.drawPath(fold, plain(shadow, alpha))
