"""The way from image space to a canvas widget and back."""

from __future__ import annotations

import math
from typing import NamedTuple

from .geometry import Point


class Affine(NamedTuple):
    """x' = m11·x + m21·y + dx, y' = m12·x + m22·y + dy: Qt's order. Image px → logical px of the widget."""

    m11: float
    m12: float
    m21: float
    m22: float
    dx: float
    dy: float

    def map(self, point: Point) -> Point:
        """Where a position of the image lies on the widget."""
        x, y = point
        return Point(self.m11 * x + self.m21 * y + self.dx, self.m12 * x + self.m22 * y + self.dy)

    def back(self, point: Point) -> Point:
        """The position of the image that lies at ``point`` of the widget. Raises ValueError when scaled to nothing."""
        determinant = self.determinant
        if not determinant:
            raise ValueError("the transform cannot be inverted")
        x, y = point[0] - self.dx, point[1] - self.dy
        return Point((self.m22 * x - self.m21 * y) / determinant, (self.m11 * y - self.m12 * x) / determinant)

    @property
    def determinant(self) -> float:
        """Negative when mirrored."""
        return self.m11 * self.m22 - self.m12 * self.m21

    @property
    def scale(self) -> float:
        """Logical px of the widget for one px of the image."""
        return math.sqrt(abs(self.determinant))

    @property
    def upright(self) -> bool:
        """Whether rows of the image are rows or columns of the widget: not rotated, or by right angles."""
        small = 1e-6 * self.scale
        return (abs(self.m12) <= small and abs(self.m21) <= small) or (
            abs(self.m11) <= small and abs(self.m22) <= small
        )
