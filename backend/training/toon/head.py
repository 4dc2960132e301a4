"""The head: its turn in space, its outline, the skin of the face and the neck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import skia

from .pen import Point, faded, fill, soft_fill, spline, stroke
from .style import Style
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    # pose
    "yaw": Factor(-0.78, 0.78, bell=0.45),
    "pitch": Factor(-0.34, 0.34, bell=0.4),
    "roll": Factor(-0.42, 0.42, bell=0.6),
    # how far the frame is off, see `renderer.render`
    "x": Factor(-0.012, 0.012),
    "y": Factor(-0.012, 0.012),
    "scale": Factor(0.965, 1.04),
    # shape
    "face_width": Factor(0.215, 0.285, bell=0.2),
    "cheek": Factor(0.89, 1.02),
    "jaw": Factor(0.64, 0.88),
    "jaw_y": Factor(0.155, 0.205),
    "jaw_round": Factor(0.0, 0.030),
    "chin": Factor(0.285, 0.350),
    "chin_width": Factor(0.042, 0.080),
    "neck": Factor(0.070, 0.125),
}

PIVOT = 0.28  # the head rolls about (0, PIVOT), in the neck
CROWN = -0.385  # the top of the bare skull
_FRONT = 0.170  # how far the face stands in front of the axis of the head …
_BACK = 0.235  # … and the back of the skull behind it


class Head:
    """The head's turn and its shape, in head coordinates: origin between the eyes, x right, y down, depth towards
    the viewer, in picture sides. Turned to the right of the picture with yaw > 0, downwards with pitch > 0.

    Attributes:
        yaw, pitch: radians.
        width: half the width of the face at the cheekbones.
        chin: y of the chin's tip.
    """

    def __init__(self, p: Factors) -> None:
        self.p = p
        self.yaw, self.pitch = p["yaw"], p["pitch"]
        self.width, self.chin = p["face_width"], p["chin"]
        self._cos, self._sin = math.cos(self.yaw), math.sin(self.yaw)
        self._pitch_cos, self._pitch_sin = math.cos(self.pitch), math.sin(self.pitch)

    def depth(self, x: float, y: float) -> float:
        """How far the surface of the face stands in front of the head's axis at a place."""
        width = self.width * (1 - 0.35 * min(max((y - 0.05) / 0.25, 0.0), 1.0))
        rise = min(max(-y - 0.05, 0.0) / 0.40, 1.0)
        return _FRONT * math.sqrt(max(0.0, 1 - (x / width) ** 2) * (1 - 0.8 * rise * rise))

    def place(self, x: float, y: float, depth: float | None = None) -> Point:
        """A point of the face, on its surface unless a depth is given, in the picture plane."""
        d = self.depth(x, y) if depth is None else depth
        near = d * self._cos - x * self._sin
        return x * self._cos + d * self._sin, y * self._pitch_cos + near * self._pitch_sin

    def places(self, points: Sequence[Point], depth: float | None = None) -> list[Point]:
        """`place` for each of several points."""
        return [self.place(x, y, depth) for x, y in points]

    @cached_property
    def ear_y(self) -> float:
        """Where the middle of an ear is."""
        return 0.06

    def rim(self, y: float, side: int, out: float = 0.0) -> Point:
        """Where the skull (not jaw) ends on the picture's left (-1) or right (1) at a height y, from `CROWN` to
        about 0.1, blown up by ``out``: the place for hair, hat bands and the like.
        """
        x, depth = self.rim_at(y, side, out)
        return self.place(x, y, depth)

    def rim_at(self, y: float, side: int, out: float = 0.0) -> tuple[float, float]:
        """(x, depth) in head coordinates of `rim`'s point."""
        k = self.skull_at(y)
        width, towards = self.width * k + out, side * self._sin
        length = (_FRONT if towards > 0 else _BACK) * k + out
        angle = math.atan2(length * towards, width * self._cos)
        return side * width * math.cos(angle), length * math.sin(angle)

    def skull_at(self, y: float) -> float:
        """Half the width of the skull at a height y, in its greatest half width: 1 at the ears, 0 at `CROWN`."""
        return math.sqrt(max(0.0, 1 - (min(y, 0.0) / CROWN) ** 2))

    def stretch(self, x: float, y: float) -> float:
        """How wide the face shows at a place: 1 as drawn from the front, less where it turns away; above 0.2."""
        return max((self.place(x + 0.02, y)[0] - self.place(x - 0.02, y)[0]) / 0.04, 0.2)

    @cached_property
    def jaw(self) -> tuple[list[Point], list[Point]]:
        """The outline below the skull, left and right of the picture, from the temples down to beside the chin."""
        p, width, chin = self.p, self.width, self.chin
        corner_y = p["jaw_y"] + 0.5 * (chin - 0.285)
        return (self._contour(-1, corner_y, width, chin), self._contour(1, corner_y, width, chin))

    def _contour(self, side: int, corner_y: float, width: float, chin: float) -> list[Point]:
        p = self.p
        towards = max(side * self._sin, 0.0)
        # (y, half width, depth of the edge, depth of the surface in front of it), then what a turned head shows:
        # the socket of the eye lies in, the cheekbone stands out.
        rows = (
            (p["eye_y"] - 0.02, width * 0.99, 0.0, _FRONT, -0.016),
            (0.115, width * p["cheek"], 0.005, _FRONT, 0.004),
            (corner_y, width * p["jaw"] * p["cheek"], 0.030, _FRONT - 0.020, -0.004),
            (
                (corner_y + chin) / 2 + 0.004,
                (width * p["jaw"] * p["cheek"] + p["chin_width"]) / 2 + p["jaw_round"],
                0.080,
                _FRONT - 0.016,
                0.0,
            ),
            (chin - 0.013, p["chin_width"] * 0.85, 0.120, _FRONT - 0.015, 0.0),
        )
        points = []
        for y, half, edge, front, bump in rows:
            length = front - edge
            angle = math.atan2(length * towards, half * self._cos)
            x, depth = half * math.cos(angle) + bump * towards, edge + length * math.sin(angle)
            points.append(self.place(side * x, y, depth))
        return points

    @cached_property
    def chin_tip(self) -> Point:
        """The tip of the chin on the picture plane."""
        return self.place(0, self.chin, _FRONT - 0.012)

    @cached_property
    def outline(self) -> skia.Path:
        """The closed outline of face and skull. A plain spline, so that the chin is a smooth extremum of it."""
        left, right = self.jaw
        heights = (-0.06, -0.20, -0.31)
        down_left = [self.rim(y, -1) for y in reversed(heights)]
        up_right = [self.rim(y, 1) for y in heights]
        crown = self.place(0, CROWN, -0.03)
        return spline([*down_left, *left, self.chin_tip, *reversed(right), *up_right, crown], closed=True)


def draw_neck(canvas: skia.Canvas, head: Head, p: Factors, style: Style, roll: float) -> None:
    """The neck from the head down to the chest, on a canvas that is not turned by the roll (radians)."""
    half = p["neck"]
    turn = skia.Matrix.RotateDeg(math.degrees(roll), skia.Point(0.0, PIVOT))
    top = turn.mapXY(*head.place(0, 0.10, -0.075))
    x, y = top.x(), top.y()
    path = skia.Path()
    path.moveTo(x - half, y)
    for side in (-1, 1):
        inner, wide = side * half, side * half * 2.6
        upper = x + side * half
        if side < 0:
            path.cubicTo(upper, y + 0.12, inner, 0.26, inner * 1.02, 0.34)
            path.cubicTo(inner * 1.1, 0.43, wide * 0.7, 0.43, wide, 0.47)
            path.lineTo(wide, 0.9)
        else:
            path.lineTo(wide, 0.9)
            path.lineTo(wide, 0.47)
            path.cubicTo(wide * 0.7, 0.43, inner * 1.1, 0.43, inner * 1.02, 0.34)
            path.cubicTo(inner, 0.26, upper, y + 0.12, upper, y)
    path.close()
    canvas.drawPath(path, fill(style.skin))
    canvas.save()
    canvas.clipPath(path, doAntiAlias=True)
    canvas.translate(-0.035 * style.light, 0.050)
    canvas.rotate(math.degrees(roll), 0.0, PIVOT)
    # Only the jaw throws a shadow that the neck could catch; blurring the whole head takes longer.
    left, right = head.jaw
    jaw = spline([*left[1:], head.chin_tip, *reversed(right[1:])])
    jaw.close()
    canvas.drawPath(
        jaw, soft_fill(faded(style.skin_shade, 0.25 + 0.75 * style.shade), 0.018 * style.softness)
    )
    canvas.restore()
    ink = style.outline(style.skin)
    canvas.drawPath(path, stroke(ink, style.line))


def draw_skin(canvas: skia.Canvas, head: Head, style: Style) -> None:
    """The face's area of skin, without its outline."""
    canvas.drawPath(head.outline, fill(style.skin))
