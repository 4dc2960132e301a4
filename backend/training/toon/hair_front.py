"""The hair over the forehead: cap, fringe, side locks, shadows, and the band of light."""

from __future__ import annotations

import math
from functools import lru_cache

import skia

from .hair_locks import HairColors, Scalp, clamp, ink, light_to_dark, mix, plain, sliver, union, with_alpha
from .head import Head
from .pen import Point, fill, spline, taper
from .style import Style
from .table import Factors

_LOCKS = 7
_EDGE = 60.0  # azimuth, in degrees, where the fringe ends


def _hairline(scalp: Scalp, azimuth: float) -> float:
    """The height where the hair grows from the forehead."""
    return -0.242 - 0.05 * scalp.short + 0.115 * (azimuth / _EDGE) ** 2


class _Fringe:
    """Tips of the fringe's locks and the notches between them, from left to right."""

    def __init__(self, scalp: Scalp, p: Factors) -> None:
        length = max(p["fringe"], 0.0) * scalp.grown
        self.there = there = clamp(length / 0.06)
        part, opening = p["fringe_part"], max(p["fringe_open"], 0.0)
        self.tips: list[tuple[float, float]] = []
        self.notches: list[tuple[float, float]] = []
        depth = mix(0.05, 0.62, p["fringe_point"])

        def hang(azimuth: float) -> float:
            gap = math.exp(-(((azimuth - part) / 20) ** 2))
            sides = 0.050 * there * (azimuth / _EDGE) ** 2
            return length * (1 - 0.92 * opening * gap) + sides

        def shift(azimuth: float) -> float:
            return there * (
                20 * p["fringe_sweep"] + 0.35 * opening * (azimuth - part) * (1 - abs(azimuth) / 90)
            )

        for i in range(_LOCKS + 1):
            edge = _EDGE * (2 * i / _LOCKS - 1) + 3.0 * math.sin(2.1 * i)
            fall = hang(edge) * (1 - depth) if 0 < i < _LOCKS else 0.0
            self.notches.append((edge + shift(edge) * (1 - depth), _hairline(scalp, edge) + fall))
        for i in range(_LOCKS):
            middle = _EDGE * ((2 * i + 1) / _LOCKS - 1) + 2.0 * math.sin(3.7 * i + 1)
            longer = 1 + 0.12 * p["fringe_point"] * math.sin(2.6 * i + 0.5)
            self.tips.append((middle + shift(middle), _hairline(scalp, middle) + hang(middle) * longer))


class Cap:
    """The shapes of the hair before and over the skull.

    Attributes:
        fringe: its tips and notches.
        shade: what throws a shadow: skull, fringe, and the locks before the ears.
        whole: these and the strands that leave the silhouette.
        cores: strands along the locks before the ears.
        box: left, top, right, bottom, for gradients.
    """

    def __init__(self, scalp: Scalp, p: Factors) -> None:
        self.fringe = fringe = _Fringe(scalp, p)
        ears = mix(-0.035, 0.12, p["hair_ears"] * scalp.grown)
        ends = {side: mix(ears, 0.15, clamp(-side * math.sin(scalp.head.yaw) * 2.2)) for side in (-1, 1)}
        dome = scalp.dome(ends[-1], ends[1])
        path = spline(dome)

        def temple(side: int) -> list[Point]:
            """From the silhouette behind the ear to the temple."""
            return [
                scalp.at(side * 122, ends[side]),
                scalp.at(side * 108, mix(ears, ends[side], 0.4)),
                scalp.at(side * 94, ears - 0.02),
                scalp.at(side * 82, ears * 0.5),
                scalp.at(side * 77, 0.035),
                scalp.at(side * 71, -0.05),
            ]

        for point in temple(1):
            path.lineTo(*point)
        notches = [scalp.at(*n) for n in fringe.notches]
        tips = [scalp.at(*t) for t in fringe.tips]
        path.lineTo(*notches[-1])
        for i in reversed(range(_LOCKS)):
            (ax, ay), (bx, by), (tx, ty) = notches[i + 1], notches[i], tips[i]
            path.quadTo(mix(ax, tx, 0.22), mix(ay, ty, 0.68), tx, ty)
            path.quadTo(mix(bx, tx, 0.36), mix(by, ty, 0.68), bx, by)
        for point in reversed(temple(-1)):
            path.lineTo(*point)
        path.close()
        sides = [lock for side in (-1, 1) for lock in _side_locks(scalp, p, side)]
        locks, self.cores = [lock for lock, _ in sides], [core for _, core in sides]
        self.shade = union([path], locks)
        self.whole = union([self.shade, *_tufts(scalp, p, 1)], _tufts(scalp, p, -1))
        xs = [x for x, _ in dome]
        self.box = (min(xs), scalp.top, max(xs), 0.10)


@lru_cache(maxsize=1)
def cap_of(head: Head) -> tuple[Scalp, Cap]:
    """The shapes of a head's hair; kept for its shadow and its own drawing."""
    scalp = Scalp(head, head.p)
    return scalp, Cap(scalp, head.p)


def draw_cap(canvas: skia.Canvas, head: Head, p: Factors, style: Style, colors: HairColors) -> None:
    """The hair before and over the skull."""
    scalp, cap = cap_of(head)
    paint = light_to_dark(style, colors, cap.box, scalp.alpha)
    ink(canvas, [cap.whole], paint, colors.line, style.line, scalp.alpha)
    _shade(canvas, scalp, p, style, colors, cap.fringe, cap.cores)


def draw_shadow(canvas: skia.Canvas, head: Head, style: Style) -> None:
    """What the hair's shadow darkens on the skin, on a canvas clipped to the face."""
    scalp, cap = cap_of(head)
    strength = (0.35 + 0.65 * style.shade) * scalp.alpha
    # Several fainter shadows apart are a soft one, at a fifth of what a blur takes.
    paint = plain(style.skin_shade, 1 - (1 - min(strength, 0.98)) ** (1 / 3))
    canvas.save()
    canvas.translate(-0.010 * style.light, 0.026 - 0.010 * style.softness)
    for _ in range(3):
        canvas.drawPath(cap.shade, paint)
        canvas.translate(-0.002 * style.light * style.softness, 0.010 * style.softness)
    canvas.restore()


def _tufts(scalp: Scalp, p: Factors, side: int) -> list[skia.Path]:
    """Strands that leave the silhouette beside the crown and above the ears, the farther the spikier the hair."""
    spikes = (0.25 + 0.75 * p["hair_spikes"]) * scalp.grown
    paths = []
    for start, end, out in ((-0.36, -0.215, 0.030), (-0.25, -0.075, 0.042), (-0.11, 0.04, 0.036)):
        (ax, ay), (bx, by) = scalp.at(180.0 * side, start), scalp.at(180.0 * side, end)
        tip = bx + side * out * spikes, by + 0.2 * out * spikes
        tuft = skia.Path()
        tuft.moveTo(ax, ay)
        tuft.quadTo(mix(ax, bx, 0.7) + side * (0.035 * spikes + 0.006), mix(ay, by, 0.35), *tip)
        tuft.quadTo(bx + side * 0.004 * spikes, mix(ay, by, 0.9), bx - side * 0.03, mix(ay, by, 0.7))
        tuft.close()
        paths.append(tuft)
    return paths


def _side_locks(scalp: Scalp, p: Factors, side: int) -> list[tuple[skia.Path, skia.Path]]:
    """Two locks before each ear, each with a strand along it."""
    length = max(p["side_locks"], 0.0) * scalp.grown
    there = clamp(length / 0.08)
    locks = []
    for azimuth, part, wide in ((76.0, 1.0, 0.066), (64.0, 0.72, 0.046)):
        tilt = math.radians(azimuth) * side + scalp.head.yaw
        across = mix(0.45, 1.0, clamp(math.cos(tilt) * 1.3)) * there * wide
        points = []
        count = 6
        for i in range(count):
            t = i / (count - 1)
            y = mix(-0.20, mix(-0.20, 0.02 + length * part, there), t)
            x, y = scalp.at(side * azimuth, y, 0.004)
            swing = (
                scalp.wave * 0.8 * math.sin(2 * math.pi * p["hair_frequency"] * t * (length + 0.2) + azimuth)
            )
            curl = (
                -side * 0.028 * math.sin(math.pi * t) * part + p["hair_flare"] * 0.5 * side * t * t * length
            )
            points.append((x + swing * t + curl * (1 - t) - side * 0.012 * t, y))
        widths = [across * k for k in (0.5, 0.95, 1.1, 1.0, 0.72, 0.02)]
        core = skia.Path()
        sliver(core, points[1], points[3], points[5], across * 0.16)
        locks.append((taper(points, widths), core))
    return locks


def _shade(
    canvas: skia.Canvas,
    scalp: Scalp,
    p: Factors,
    style: Style,
    colors: HairColors,
    fringe: _Fringe,
    cores: list[skia.Path],
) -> None:
    """Shadows on the locks' unlit sides, the band of light, and strand lines towards the parting."""
    alpha = scalp.alpha
    part = p["fringe_part"]
    root_y = scalp.top * 0.93
    notches, tips = fringe.notches, fringe.tips
    wedges, strands = skia.Path(), skia.Path()
    lit_left = clamp(0.5 - style.light * 2)
    for i in range(_LOCKS):
        azimuth, y = tips[i]
        root = mix(azimuth, part, 0.55)
        # The unlit edge of the lock; between both when the light is in front.
        unlit = (
            mix(notches[i][0], notches[i + 1][0], lit_left),
            mix(notches[i][1], notches[i + 1][1], lit_left),
        )
        tip, edge = scalp.at(azimuth, y), scalp.at(*unlit)
        top = scalp.at(mix(unlit[0], root, 0.35), mix(y, root_y, 0.45))
        inner = scalp.at(mix(azimuth, unlit[0], 0.3), mix(y, unlit[1], 0.75))
        wedges.moveTo(*tip)
        wedges.quadTo(*inner, *top)
        wedges.quadTo(*edge, *edge)
        wedges.quadTo(mix(edge[0], tip[0], 0.3), mix(edge[1], tip[1], 0.68), *tip)
        wedges.close()
    canvas.drawPath(wedges, plain(colors.shade, alpha * (0.25 + 0.65 * style.shade)))
    for i, (azimuth, y) in enumerate(
        [*notches[1:-1], (-74.0, -0.08), (74.0, -0.08), (-98.0, 0.0), (98.0, 0.0)]
    ):
        end = mix(azimuth, part, 0.75), mix(y, root_y, 0.86 - 0.12 * (i % 2))
        bend = mix(azimuth, part, 0.16), mix(y, root_y, 0.60)
        sliver(strands, scalp.at(azimuth, y), scalp.at(*bend), scalp.at(*end), 0.0055)
    for core in cores:
        strands.addPath(core)
    _band_of_light(canvas, scalp, p, colors, alpha)
    canvas.drawPath(strands, fill(with_alpha(colors.deep, alpha * p["hair_lines"])))
    parting = skia.Path()
    sliver(
        parting,
        scalp.at(part, _hairline(scalp, part)),
        scalp.at(part * 0.9, mix(_hairline(scalp, part), root_y, 0.5)),
        scalp.at(part * 0.7, root_y),
        0.006,
    )
    canvas.drawPath(parting, fill(with_alpha(colors.deep, alpha * 0.8 * max(p["fringe_open"], 0.0))))


def _band_of_light(canvas: skia.Canvas, scalp: Scalp, p: Factors, colors: HairColors, alpha: float) -> None:
    """A ribbon of light around the crown, its lower edge broken by the locks."""
    upper: list[Point] = []
    lower: list[Point] = []
    steps = 12
    for i in range(steps + 1):
        u = 2 * i / steps - 1
        azimuth = 66 * u
        y = -0.312 + 0.045 * u * u
        thick = 0.030 * (1 - u * u) ** 0.5
        upper.append(scalp.at(azimuth, y - thick * (0.55 + 0.25 * math.cos(5.3 * i))))
        lower.append(scalp.at(azimuth, y + thick * (0.75 + 0.55 * (1 if i % 2 else -1))))
    path = skia.Path()
    path.addPoly([skia.Point(*q) for q in upper + lower[::-1]], True)
    canvas.drawPath(path, plain(colors.shine, alpha * p["hair_shine"]))
