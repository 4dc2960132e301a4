"""Points, squares and rectangles in image space: px of the document, origin top left, pixel centres at +0.5."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Point(NamedTuple):
    """A position in image space."""

    x: float
    y: float


class Rect(NamedTuple):
    """Whole pixels: top-left pixel (x, y), which may be negative, and size."""

    x: int
    y: int
    width: int
    height: int

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.width <= 0 or self.height <= 0

    def intersected(self, other: Rect) -> Rect:
        """The pixels in both; empty when there are none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        bottom = min(self.y + self.height, other.y + other.height)
        return Rect(x, y, max(0, right - x), max(0, bottom - y))

    def bands(self, pixels: int) -> Iterable[Rect]:
        """The rectangle cut into rows of bands of at most ``pixels`` pixels each (one row at least)."""
        rows = max(1, pixels // max(1, self.width))
        for top in range(0, self.height, rows):
            yield Rect(self.x, self.y + top, self.width, min(rows, self.height - top))


class Square(NamedTuple):
    """A crop: top-left pixel (x, y) and side."""

    x: int
    y: int
    size: int

    @property
    def rect(self) -> Rect:
        """The same as a rectangle."""
        return Rect(self.x, self.y, self.size, self.size)

    def contains(self, point: Point) -> bool:
        """Whether a position lies inside; the right and the lower border do not count."""
        return self.x <= point.x < self.x + self.size and self.y <= point.y < self.y + self.size

    def clamped(self, point: Point) -> Point:
        """The nearest position inside, half a pixel from the border at least."""
        return Point(
            min(max(point.x, self.x + 0.5), self.x + self.size - 0.5),
            min(max(point.y, self.y + 0.5), self.y + self.size - 0.5),
        )


def square_around(rect: Rect, smallest: int = 16) -> Square:
    """The smallest square with the same middle that holds ``rect``."""
    size = max(rect.width, rect.height, smallest)
    return Square(rect.x + (rect.width - size) // 2, rect.y + (rect.height - size) // 2, size)


def square_between(first: Point, second: Point, smallest: int = 16) -> Square:
    """The square that is drawn from ``first`` towards ``second``; its longer side follows the pointer."""
    size = max(smallest, round(max(abs(second.x - first.x), abs(second.y - first.y))))
    left = first.x if second.x >= first.x else first.x - size
    top = first.y if second.y >= first.y else first.y - size
    return Square(math.floor(left), math.floor(top), size)


def distance(first: Point, second: Point) -> float:
    """Euclidean, in px."""
    return math.hypot(second.x - first.x, second.y - first.y)
