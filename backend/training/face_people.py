"""People with painted shading and natural proportions, for training the face finder only.

The renderer draws one style. A finder that saw nothing else would look for its large eyes and dark outlines, which
photographs and paintings do not have. These heads are crude, but their lights, darks and proportions vary widely.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import skia

from .face_scenes import MARGIN, SPRITE_UNIT, Sprite, Square

Rng: TypeAlias = np.random.Generator
Rgb: TypeAlias = "np.ndarray"
Point = tuple[float, float]

_EYE_LINE, _MOUTH_LINE, _CHIN, _CROWN = 0.485, 0.70, 0.83, 0.12


def _color(rgb: Rgb, alpha: float = 1.0) -> skia.Color4f:
    r, g, b = (float(v) for v in np.clip(rgb, 0, 1))
    return skia.Color4f(r, g, b, alpha)


def _fill(rgb: Rgb, alpha: float = 1.0, blur: float = 0.0) -> skia.Paint:
    paint = skia.Paint(AntiAlias=True, Color4f=_color(rgb, alpha))
    if blur:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
    return paint


def _line(rgb: Rgb, width: float, alpha: float = 1.0, blur: float = 0.0) -> skia.Paint:
    paint = _fill(rgb, alpha, blur)
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeWidth(width)
    paint.setStrokeCap(skia.Paint.kRound_Cap)
    return paint


def _smooth(points: Sequence[Point], closed: bool = False) -> skia.Path:
    """A path through the middles of the edges, with the points as its controls."""
    path = skia.Path()
    if closed:
        middles = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(points, [*points[1:], points[0]])]
        path.moveTo(*middles[-1])
        for control, end in zip(points, middles):
            path.quadTo(*control, *end)
        path.close()
        return path
    path.moveTo(*points[0])
    for i in range(1, len(points) - 1):
        (x, y), (next_x, next_y) = points[i : i + 2]
        last = i == len(points) - 2
        path.quadTo(x, y, *((next_x, next_y) if last else ((x + next_x) / 2, (y + next_y) / 2)))
    return path


class _Person:
    """One random head; all lengths in sides of the unit square."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.yaw = float(np.clip(rng.normal(0, 0.4), -0.85, 0.85))
        self.pitch = float(rng.normal(0, 0.12))
        self.half = float(rng.uniform(0.20, 0.27))
        tone = rng.random()
        self.skin = np.array([1.0, 0.80, 0.68]) * (1 - 0.72 * tone) + rng.normal(0, 0.04, 3)
        if rng.random() < 0.08:
            self.skin = rng.random(3)  # elves, orcs, paint
        self.hair = rng.random() ** 1.5 * np.array([1.0, 0.8, 0.55]) + rng.normal(0, 0.05, 3)
        if rng.random() < 0.25:
            self.hair = rng.random() * np.ones(3) if rng.random() < 0.5 else rng.random(3)
        self.cloth = rng.random(3)
        self.light = float(rng.normal(0, 0.6))
        self.depth = float(rng.uniform(0.2, 1.0))  # how strong light and shadow are
        self.dark = self.skin * rng.uniform(0.25, 0.6) * (1.0, 0.85, 0.8)
        self.ink = rng.random() * 0.25 * np.ones(3)
        self.inked = bool(rng.random() < 0.4)
        self.eye = float(0.043 * math.exp(rng.uniform(math.log(0.7), math.log(1.9))))
        self.spread = float(rng.uniform(0.40, 0.52)) * self.half

    def at(self, x: float, y: float, out: float = 0.0) -> Point:
        """A place on the turned head: x from its middle, y in the unit square; `out` lifts it off the surface."""
        reach = math.sqrt(max(0.0, 1 - min(1.0, (x / (self.half * 1.12)) ** 2)))
        depth = (0.75 * self.half) * reach + out
        px = x * math.cos(self.yaw) + depth * math.sin(self.yaw)
        return 0.5 + px, y + self.pitch * (depth - 0.4 * self.half)


def _body(canvas: skia.Canvas, p: _Person) -> None:
    rng = p.rng
    neck = p.half * rng.uniform(0.45, 0.75)
    canvas.drawRect(skia.Rect(0.5 - neck, 0.66, 0.5 + neck, 0.98), _fill(p.skin * rng.uniform(0.5, 0.9)))
    wide = rng.uniform(0.42, 0.75)
    top = rng.uniform(0.84, 0.92)
    path = _smooth(
        [(0.5 - wide, 1.5), (0.5 - wide, 1.0), (0.5 - neck, top), (0.5, top + rng.uniform(0, 0.14))]
        + [(0.5 + neck, top), (0.5 + wide, 1.0), (0.5 + wide, 1.5)]
    )
    ends = [skia.Point(0.5 - wide, 0.9), skia.Point(0.5 + wide, 1.1)]
    side = 1 + 0.4 * p.depth * math.copysign(1, p.light)
    colors = [_color(p.cloth * k).toColor() for k in (side, 2 - side)]
    canvas.drawPath(path, skia.Paint(AntiAlias=True, Shader=skia.GradientShader.MakeLinear(ends, colors)))
    for _ in range(int(rng.integers(0, 5))):
        x = rng.uniform(0.2, 0.8)
        canvas.drawLine(x, 1.0, x + rng.normal(0, 0.15), 1.3, _line(p.cloth * 0.5, 0.01, 0.5, 0.004))


def _back(canvas: skia.Canvas, p: _Person, style: int) -> None:
    """Hair behind the head: none, short, or long; or a hood."""
    rng = p.rng
    if style == 0:
        return
    wide = p.half * rng.uniform(1.05, 1.5)
    down = 0.60 if style == 1 else rng.uniform(0.75, 1.25)
    cx = 0.5 - 0.12 * math.sin(p.yaw) * p.half
    path = _smooth(
        [(cx - wide * 0.7, _CROWN - 0.06), (cx + wide * 0.7, _CROWN - 0.06), (cx + wide * 1.1, 0.4)]
        + [(cx + wide * rng.uniform(0.7, 1.3), down), (cx, down), (cx - wide * rng.uniform(0.7, 1.3), down)]
        + [(cx - wide * 1.1, 0.4)],
        closed=True,
    )
    canvas.drawPath(path, _fill(p.hair * rng.uniform(0.5, 0.9)))
    _strands(canvas, p, path, (cx - wide, _CROWN - 0.1, cx + wide, down))


def _strands(
    canvas: skia.Canvas, p: _Person, path: skia.Path, box: tuple[float, float, float, float]
) -> None:
    rng = p.rng
    canvas.save()
    canvas.clipPath(path, doAntiAlias=True)
    for _ in range(int(rng.integers(0, 26))):
        x, y = rng.uniform(box[0], box[2]), rng.uniform(box[1], box[3])
        stroke = _line(p.hair * rng.uniform(0.4, 1.6), rng.uniform(0.004, 0.03), 0.7, rng.choice((0, 0.006)))
        bend = rng.normal(0, 0.06, 3)
        canvas.drawPath(
            _smooth([(x, y), (x + bend[0], y + 0.1), (x + bend[1], y + 0.2), (x + bend[2], y + 0.3)]), stroke
        )
    canvas.restore()


def _head(canvas: skia.Canvas, p: _Person) -> skia.Path:
    rng = p.rng
    jaw, chin = rng.uniform(0.72, 0.95) * p.half, rng.uniform(0.25, 0.5) * p.half
    drift = 0.30 * math.sin(p.yaw) * p.half
    shift = p.pitch * p.half * 0.5
    path = _smooth(
        [(0.5 - p.half * 0.95, _CROWN), (0.5 + p.half * 0.95, _CROWN), (0.5 + p.half * 1.1, 0.42)]
        + [(0.5 + jaw + drift, 0.69 + shift), (0.5 + chin + 1.6 * drift, _CHIN + 0.02 + shift)]
        + [(0.5 - chin + 1.6 * drift, _CHIN + 0.02 + shift), (0.5 - jaw + drift, 0.69 + shift)]
        + [(0.5 - p.half * 1.1, 0.42)],
        closed=True,
    )
    for side in (-1, 1):
        x = 0.5 + side * p.half * 1.02 - 0.25 * math.sin(p.yaw) * p.half
        if side * p.yaw < 0.25:
            ear = skia.Rect(x - 0.03, 0.46, x + 0.03, 0.60)
            canvas.drawOval(ear, _fill(p.skin * 0.85))
    dx = 0.9 * p.half * math.copysign(1, p.light)
    ends = [skia.Point(0.5 - dx, 0.35), skia.Point(0.5 + dx, 0.6)]
    strength = p.depth * min(1.0, abs(p.light))
    colors = [_color(p.skin * k).toColor() for k in (1 + 0.12 * strength, 1.0, 1 - 0.7 * strength)]
    shader = skia.GradientShader.MakeLinear(ends, colors, [0.0, float(rng.uniform(0.3, 0.6)), 1.0])
    canvas.drawPath(path, skia.Paint(AntiAlias=True, Shader=shader))
    if p.inked:
        canvas.drawPath(path, _line(p.ink, rng.uniform(0.004, 0.014)))
    return path


def _relief(canvas: skia.Canvas, p: _Person) -> None:
    """Soft shadows and lights: sockets, cheeks, nose, under the lips, forehead."""
    rng = p.rng

    def spot(x: float, y: float, rx: float, ry: float, rgb: Rgb, alpha: float) -> None:
        cx, cy = p.at(x, y)
        rx *= max(0.45, math.cos(p.yaw))
        paint = _fill(rgb, alpha * p.depth, min(rx, ry) * 0.5)
        canvas.drawOval(skia.Rect(cx - rx, cy - ry, cx + rx, cy + ry), paint)

    for side in (-1, 1):
        spot(side * p.spread, _EYE_LINE - 0.012, 0.062, 0.036, p.dark, rng.uniform(0.2, 0.9))
        spot(side * p.half * 0.85, 0.66, 0.05, 0.10, p.dark, rng.uniform(0, 0.6))
        spot(side * p.half * 0.55, 0.58, 0.05, 0.035, p.skin * (1.15, 0.95, 0.92), rng.uniform(0, 0.9))
    spot(0, 0.745, 0.05, 0.014, p.dark, rng.uniform(0, 0.8))
    spot(0, 0.33, 0.10, 0.05, p.skin * 1.3 + 0.05, rng.uniform(0, 0.7))
    spot(0, 0.86, 0.12, 0.02, p.dark, rng.uniform(0, 0.8))


def _eyes(canvas: skia.Canvas, p: _Person) -> None:
    rng = p.rng
    tilt, gaze, open_ = (
        rng.normal(0, 0.1),
        rng.normal(0, 0.25),
        float(np.clip(rng.normal(0.42, 0.17), 0.04, 0.9)),
    )
    iris, white = rng.random(3) * 0.5, np.ones(3) * rng.uniform(0.55, 1.0)
    line, brow = rng.uniform(0.006, 0.014), rng.uniform(0.008, 0.022)
    lift, anger = rng.uniform(0.045, 0.085), rng.normal(0, 0.25)
    plain = rng.random() < 0.2
    for side in (-1, 1):
        cx, cy = p.at(side * p.spread, _EYE_LINE)
        w = p.eye * max(0.4, math.cos(p.yaw + 0.35 * side * math.copysign(1, p.yaw) * abs(math.sin(p.yaw))))
        h = p.eye * open_
        canvas.save()
        canvas.translate(cx, cy)
        canvas.rotate(math.degrees(side * tilt))
        if plain:
            canvas.drawOval(skia.Rect(-w * 0.6, -h, w * 0.6, h), _fill(p.ink))
        else:
            almond = skia.Path()
            almond.moveTo(-w, 0)
            almond.quadTo(0, -2 * h, w, 0)
            almond.quadTo(0, 1.6 * h, -w, 0)
            canvas.drawPath(almond, _fill(white * (1 - 0.4 * p.depth * (side * p.light > 0))))
            canvas.save()
            canvas.clipPath(almond, doAntiAlias=True)
            r = min(w * 0.55, max(h * 1.05, w * 0.42))
            canvas.drawCircle(gaze * w, -0.1 * h, r, _fill(iris))
            canvas.drawCircle(gaze * w, -0.1 * h, r * 0.5, _fill(iris * 0.2))
            canvas.drawCircle(gaze * w - r * 0.3, -0.1 * h - r * 0.4, r * 0.22, _fill(np.ones(3), 0.8))
            canvas.restore()
            lid = skia.Path()
            lid.moveTo(-w * 1.05, 0)
            lid.quadTo(0, -2 * h, w * 1.05, 0)
            canvas.drawPath(lid, _line(p.ink if p.inked else p.dark * 0.4, line))
            lid.offset(0, -0.012)
            canvas.drawPath(lid, _line(p.dark, line * 0.6, 0.5))
        arch = skia.Path()
        arch.moveTo(-side * p.eye * 1.2, -lift + anger * 0.05)
        arch.quadTo(0, -lift - 0.02, side * p.eye * 1.35, -lift - anger * 0.03 + 0.012)
        canvas.scale(max(0.5, math.cos(p.yaw)), 1)
        canvas.drawPath(arch, _line(p.hair * 0.6, brow, rng.uniform(0.3, 1.0), rng.choice((0.0, 0.004))))
        canvas.restore()


def _nose(canvas: skia.Canvas, p: _Person) -> None:
    rng = p.rng
    tip_y, wide, out = rng.uniform(0.585, 0.635), rng.uniform(0.030, 0.052), rng.uniform(0.02, 0.07)
    side = math.copysign(1, p.yaw if abs(p.yaw) > 0.15 else p.light)
    top, tip = p.at(side * 0.014, _EYE_LINE - 0.02), p.at(side * wide * 0.6, tip_y, out)
    bottom = p.at(0, tip_y + 0.022, out * 0.6)
    wedge = _smooth([top, ((top[0] + tip[0]) / 2 + 0.006 * side, 0.54), tip, bottom])
    soft = 0.0 if p.inked else 0.005
    canvas.drawPath(wedge, _line(p.dark, rng.uniform(0.006, 0.02), rng.uniform(0.2, 0.9) * p.depth, soft))
    bx, by = bottom
    shadow = skia.Rect(bx - wide, by - 0.008, bx + wide, by + 0.018)
    canvas.drawOval(shadow, _fill(p.dark, rng.uniform(0.2, 0.9) * p.depth, 0.008))
    for k in (-1, 1):
        x = bx + k * wide * 0.5
        canvas.drawOval(skia.Rect(x - 0.008, by - 0.004, x + 0.008, by + 0.005), _fill(p.dark * 0.5, 0.8))
    lx, ly = p.at(0, tip_y - 0.02, out)
    canvas.drawOval(
        skia.Rect(lx - 0.012, ly - 0.016, lx + 0.012, ly + 0.016), _fill(p.skin + 0.3, 0.6 * p.depth, 0.006)
    )


def _mouth(canvas: skia.Canvas, p: _Person) -> None:
    rng = p.rng
    w, smile, gap = rng.uniform(0.05, 0.095), rng.normal(0.004, 0.014), max(0.0, rng.normal(0.0, 0.018))
    y = _MOUTH_LINE
    corners = [p.at(-w, y - smile), p.at(w, y - smile)]
    middle = p.at(0, y + smile * 0.5)
    lips = p.skin * (rng.uniform(0.7, 1.0), rng.uniform(0.4, 0.75), rng.uniform(0.45, 0.8))
    full = rng.uniform(0.010, 0.03)
    if gap > 0.004:
        path = _smooth([corners[0], (middle[0], middle[1] - full), corners[1]])
        path.quadTo(middle[0], middle[1] + full + 2 * gap, *corners[0])
        canvas.drawPath(path, _fill(np.array([0.3, 0.08, 0.08])))
        if rng.random() < 0.5:
            teeth = skia.Rect(
                middle[0] - w * 0.6, middle[1] - full * 0.3, middle[0] + w * 0.6, middle[1] + gap * 0.5
            )
            canvas.drawRect(teeth, _fill(np.ones(3) * 0.9))
    for down, k in ((-1, 0.8), (1, 1.15)):
        lip = _smooth(
            [corners[0], (middle[0], middle[1] + down * (full + 0.004 + gap * (down > 0))), corners[1]]
        )
        lip.quadTo(middle[0], middle[1] + gap * (down > 0) * 1.5, *corners[0])
        canvas.drawPath(lip, _fill(lips * k, rng.uniform(0.3, 1.0)))
    if gap <= 0.004:
        between = _smooth([corners[0], middle, corners[1]])
        canvas.drawPath(between, _line(p.ink if p.inked else p.dark * 0.5, rng.uniform(0.004, 0.010)))


def _beard(canvas: skia.Canvas, p: _Person) -> None:
    rng = p.rng
    if rng.random() < 0.6:
        x, y = p.at(0, 0.655)
        half = rng.uniform(0.05, 0.1)
        path = _smooth([(x - half, y + 0.03), (x, y - 0.02), (x + half, y + 0.03)])
        canvas.drawPath(path, _line(p.hair * 0.8, rng.uniform(0.012, 0.035), rng.uniform(0.5, 1), 0.003))
    if rng.random() < 0.7:
        x, _ = p.at(0, 0.8)
        down = rng.uniform(0.84, 1.15)
        path = _smooth(
            [p.at(-p.half, 0.60), (x - p.half * 0.8, down), (x + p.half * 0.8, down), p.at(p.half, 0.60)]
            + [p.at(p.half * 0.7, 0.66), p.at(0.06, 0.735), p.at(-0.06, 0.735), p.at(-p.half * 0.7, 0.66)],
            closed=True,
        )
        canvas.drawPath(path, _fill(p.hair * 0.8, rng.uniform(0.5, 1.0), rng.choice((0.002, 0.012))))
        _strands(canvas, p, path, (0.3, 0.6, 0.7, down))


def _front(canvas: skia.Canvas, p: _Person, style: int) -> None:
    """Hair over the forehead, or a hat, a band, or nothing."""
    rng = p.rng
    line = rng.uniform(0.20, 0.40)
    wide = p.half * rng.uniform(1.02, 1.18)
    cx = 0.5 - 0.08 * math.sin(p.yaw) * p.half
    part = float(np.clip(rng.normal(0, 0.5), -0.9, 0.9)) * p.half
    sides = 0.45 if style < 2 else rng.uniform(0.45, 0.8)
    if style:
        path = _smooth(
            [(cx - wide, sides), (cx - wide * 1.1, _CROWN - 0.02), (cx, _CROWN - rng.uniform(0.06, 0.16))]
            + [(cx + wide * 1.1, _CROWN - 0.02), (cx + wide, sides), (cx + wide * 0.82, 0.44)]
            + [(cx + wide * 0.72, line + 0.03), (cx + part, line - 0.06), (cx - wide * 0.72, line + 0.03)]
            + [(cx - wide * 0.82, 0.44)],
            closed=True,
        )
        ends = [skia.Point(0.5 - p.half, 0.1), skia.Point(0.5 + p.half, 0.5)]
        side = 1 + 0.4 * p.depth * math.copysign(1, p.light)
        colors = [_color(p.hair * k).toColor() for k in (side, 2 - side)]
        canvas.drawPath(path, skia.Paint(AntiAlias=True, Shader=skia.GradientShader.MakeLinear(ends, colors)))
        _strands(canvas, p, path, (cx - wide, 0.05, cx + wide, line))
        if p.inked:
            canvas.drawPath(path, _line(p.ink, 0.008))
    pick = rng.random()
    if pick < 0.14:  # a hat or a helmet
        brim = rng.uniform(0.27, 0.36)
        hat = skia.Path()
        hat.moveTo(cx - wide * 1.05, brim)
        hat.quadTo(cx, brim + rng.uniform(-0.08, 0.06), cx + wide * 1.05, brim)
        hat.cubicTo(
            cx + wide, rng.uniform(-0.25, 0.05), cx - wide, rng.uniform(-0.25, 0.05), cx - wide * 1.05, brim
        )
        canvas.drawPath(hat, _fill(rng.random(3)))
        if rng.random() < 0.5:
            reach = wide * rng.uniform(1.1, 1.8)
            canvas.drawOval(
                skia.Rect(cx - reach, brim - 0.035, cx + reach, brim + 0.025), _fill(rng.random(3))
            )
    elif pick < 0.2:
        canvas.drawLine(cx - wide, 0.32, cx + wide, 0.32, _line(rng.random(3), rng.uniform(0.015, 0.05)))


def _glasses(canvas: skia.Canvas, p: _Person) -> None:
    rng = p.rng
    ink, width = rng.random(3) * 0.4, rng.uniform(0.005, 0.012)
    w, h = rng.uniform(0.05, 0.075), rng.uniform(0.035, 0.06)
    places = [p.at(side * p.spread, _EYE_LINE + 0.005) for side in (-1, 1)]
    for x, y in places:
        rect = skia.Rect(x - w * math.cos(p.yaw), y - h, x + w * math.cos(p.yaw), y + h)
        if rng.random() < 0.15:
            canvas.drawRRect(skia.RRect.MakeRectXY(rect, w, h), _fill(ink, 0.7))
        canvas.drawRRect(skia.RRect.MakeRectXY(rect, w * rng.uniform(0.3, 1), h), _line(ink, width))
    canvas.drawLine(
        places[0][0] + w * 0.8, places[0][1], places[1][0] - w * 0.8, places[1][1], _line(ink, width)
    )


def paint_person(rng: Rng) -> Sprite:
    """Paint a random head with shoulders; its square frames it from the crown to the collar, as the renderer's does."""
    side = math.ceil(SPRITE_UNIT * (1 + 2 * MARGIN))
    surface = skia.Surface(side, side)
    canvas = surface.getCanvas()
    canvas.translate(SPRITE_UNIT * MARGIN, SPRITE_UNIT * MARGIN)
    canvas.scale(SPRITE_UNIT, SPRITE_UNIT)
    p = _Person(rng)
    style = int(rng.choice(3, p=(0.12, 0.45, 0.43)))
    lean = float(rng.normal(0, 8)) if rng.random() < 0.5 else 0.0
    if rng.random() < 0.92:
        _body(canvas, p)
    canvas.rotate(lean, 0.5, 0.8)
    _back(canvas, p, style)
    if rng.random() < 0.6:
        neck = p.half * 0.6
        canvas.drawRect(skia.Rect(0.5 - neck, 0.7, 0.5 + neck, 0.93), _fill(p.skin * 0.7))
    head = _head(canvas, p)
    canvas.save()
    canvas.clipPath(head, doAntiAlias=True)
    _relief(canvas, p)
    canvas.restore()
    if rng.random() < 0.25:
        _beard(canvas, p)
    _nose(canvas, p)
    _mouth(canvas, p)
    _eyes(canvas, p)
    if rng.random() < 0.12:
        _glasses(canvas, p)
    _front(canvas, p, style)
    middle = canvas.getTotalMatrix().mapXY(0.5, 0.5)
    places = [p.at(-p.spread, _EYE_LINE), p.at(p.spread, _EYE_LINE), p.at(0, _MOUTH_LINE)]
    marks = np.array(places) - 0.5
    return Sprite(surface.makeImageSnapshot(), Square(middle.x(), middle.y(), SPRITE_UNIT, lean), marks)


PAINTERS: tuple[tuple[float, Callable[[Rng], Sprite]], ...] = ((0.4, paint_person),)
"""With how great a chance each maker draws the next sprite; the renderer's characters are the rest."""
