"""The head: its turn in space, its outline, the skin of the face and the neck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

from .pen import Point
from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    # pose
    "yaw": Factor(-0.80, 0.80, bell=0.45),
    "pitch": Factor(-0.34, 0.34, bell=0.4),
    "roll": Factor(-0.42, 0.42, bell=0.6),
    "x": Factor(-0.04, 0.04),
    "y": Factor(-0.04, 0.04),
    "scale": Factor(0.86, 1.12),
    # shape
    "face_width": Factor(0.235, 0.285, bell=0.2),
    "forehead": Factor(0.90, 1.0),
    "cheek": Factor(0.86, 1.02),
    "jaw": Factor(0.56, 0.88),
    "jaw_y": Factor(0.155, 0.205),
    "chin": Factor(0.285, 0.350),
    "chin_width": Factor(0.035, 0.085),
    "neck": Factor(0.070, 0.125),
}

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
        return side * width * math.cos(angle), length * math.sin(angle) * (1 if towards > 0 else 1)

    def skull_at(self, y: float) -> float:
        """Half the width of the skull at a height y, in its greatest half width: 1 at the ears, 0 at `CROWN`."""
        return math.sqrt(max(0.0, 1 - (min(y, 0.0) / CROWN) ** 2))
