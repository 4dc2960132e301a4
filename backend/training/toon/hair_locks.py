"""What all parts of the hair share: the scalp in space, the tones, and how locks are inked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import skia

from .head import Head
from .pen import Color, Point, fill, stroke
from .style import Style
from .table import Factors

_FRONT, _BACK = 0.170, 0.235  # half depths of the skull before and behind the head's axis


class HairColors(NamedTuple):
    """Tones of the hair: lit, in shadow, deepest, shining, at the tips, and of the outline."""

    base: Color
    shade: Color
    deep: Color
    shine: Color
    tip: Color
    line: Color


def clamp(value: float, low: float = 0.0, high: float = 1.0) -> float:
    """``value`` within [low, high]."""
    return min(max(value, low), high)


def mix(a: float, b: float, k: float) -> float:
    """``a`` for k = 0, ``b`` for k = 1."""
    return a + (b - a) * k


def swell(size: float) -> float:
    """0 for 0, 1 for 1, rising faster at first: for sizes that should soon be seen, without a jump."""
    return size * (2 - size)


def with_alpha(color: Color, alpha: float) -> Color:
    """The colour with another alpha."""
    return skia.Color4f(color.fR, color.fG, color.fB, alpha)


class Scalp:
    """The surface of the hair, blown up from the skull, and the measures that shortness takes away from.

    Attributes:
        short: 0 for hair of any length … 1 for none.
        out: how far the hair stands off the skull.
        top: y of the highest point (negative).
        length: y where the mass of hair ends.
        alpha: how much of the hair is there: 1 but for nearly bald heads.
        wave: amplitude of waves, in picture sides.
    """

    def __init__(self, head: Head, p: Factors) -> None:
        self.head = head
        self.short = max(p["hair_short"], 0.0)
        cropped = clamp(self.short * 1.5)
        self.out = mix(p["hair_volume"], 0.004, cropped)
        self.top = -mix(p["hair_top"], 0.388, cropped)
        tied = max(clamp(p["tails"]), clamp(abs(p["ponytail"]) * 2 - 1.1))
        self.length = mix(mix(p["hair_length"], 0.06, cropped), 0.14, 0.85 * clamp(tied * 3))
        self.grown = 1 - cropped
        self.alpha = 1 - 0.9 * clamp((self.short - 0.5) * 2) ** 2
        self.wave = 0.046 * max(p["hair_wave"], 0.0) * self.grown
        self._cos, self._sin = math.cos(head.yaw), math.sin(head.yaw)
        width = head.width + self.out
        self.width = width
        # Azimuths where the surface turns away from the viewer; the far half is the deeper one.
        self.left = -math.pi + math.atan2(width * self._cos, self._half(-1) * self._sin)
        self.right = math.atan2(width * self._cos, self._half(1) * self._sin)

    def _half(self, side: int) -> float:
        return (_FRONT if side * self._sin > 0 else _BACK) + self.out

    def at(self, azimuth: float, y: float, out: float = 0.0) -> Point:
        """The place on the picture of a point of the surface. ``azimuth`` in degrees, 0 in front, positive to
        the right of the picture; what would be behind the silhouette is put on it.
        """
        phi = min(max(math.radians(azimuth), self.left), self.right)
        k = math.sqrt(max(0.0, 1 - (y / self.top) ** 2)) if y < 0 else 1.0
        cos = math.cos(phi)
        deep = (_FRONT if cos > 0 else _BACK) + self.out
        return self.head.place((self.width * k + out) * math.sin(phi), y, (deep * k + out) * cos)

    def dome(self, start: float, end: float, steps: int = 4) -> list[Point]:
        """The silhouette from y = ``start`` on the left over the top to y = ``end`` on the right."""
        points: list[Point] = []
        for side, y0 in ((-180.0, start), (180.0, end)):
            t0 = -math.asin(clamp(y0 / self.top, -0.4, 0.95))
            half = []
            for i in range(steps):
                t = t0 + (-math.pi / 2 - t0) * i / steps
                half.append(self.at(side, self.top * -math.sin(t)))
            points += half if side < 0 else [self.at(0, self.top * 0.999), *reversed(half)]
        return points


def light_to_dark(
    style: Style, colors: HairColors, box: tuple[float, float, float, float], alpha: float
) -> skia.Paint:
    """Paint that goes from the base tone on the lit side to the shadow tone on the other one.

    Args:
        style: says where the light comes from, how strong and how soft shadows are.
        colors: of the hair.
        box: left, top, right, bottom of what is painted.
        alpha: of the paint.
    """
    left, top, right, bottom = box
    x0, x1 = (left, right) if style.light < 0 else (right, left)
    slant = abs(style.light)
    middle = (left + right) / 2
    points = [skia.Point(mix(middle, x0, slant), top), skia.Point(mix(middle, x1, slant), bottom)]
    dark = colors.shade
    k = 0.35 + 0.65 * style.shade
    end = skia.Color4f(*(mix(b, d, k) for b, d in zip(tuple(colors.base), tuple(dark))))
    shader = skia.GradientShader.MakeLinear(
        points=points,
        colors=[colors.base.toColor(), colors.base.toColor(), end.toColor()],
        positions=[0.0, 0.45, 1.0],
    )
    return skia.Paint(AntiAlias=True, Shader=shader, Alphaf=alpha)


def ink(
    canvas: skia.Canvas,
    paths: Sequence[skia.Path],
    paint: skia.Paint,
    line: Color,
    width: float,
    alpha: float = 1.0,
) -> None:
    """Paint several shapes as one: the outline first, so that it shows around the union only.

    All shapes must run the same way round, else there are holes where they overlap; see `union`.
    """
    together = paths[0] if len(paths) == 1 else union(paths)
    canvas.drawPath(together, stroke(with_alpha(line, line.fA * alpha), 2 * width))
    canvas.drawPath(together, paint)


def union(paths: Sequence[skia.Path], backwards: Sequence[skia.Path] = ()) -> skia.Path:
    """One path of several that run the same way round, and of some that run the other way."""
    together = skia.Path(paths[0])
    for path in paths[1:]:
        together.addPath(path)
    for path in backwards:
        together.reverseAddPath(path)
    return together


def sliver(path: skia.Path, start: Point, control: Point, end: Point, width: float) -> None:
    """Add a strand line to ``path``: thin at both ends, ``width`` at its middle."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) + 1e-6
    nx, ny = -dy / length * width, dx / length * width
    path.moveTo(*start)
    path.quadTo(control[0] + nx, control[1] + ny, *end)
    path.quadTo(control[0] - nx, control[1] - ny, *start)
    path.close()


def plain(color: Color, alpha: float = 1.0) -> skia.Paint:
    """`fill` with an alpha of its own."""
    return fill(with_alpha(color, color.fA * alpha))
