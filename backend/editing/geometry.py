"""Points, squares and rectangles in image space: px of the document, origin top left, pixel centres at +0.5."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

_TINY = 1e-6
"""px: what rounding leaves over is no pixel more."""


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
    """A crop: top-left pixel (x, y) and side of a square, and by how much it is then turned about its middle.

    ``angle`` in degrees, clockwise as seen on the picture, −180 < angle ≤ 180. ``aspect`` is width by height of the
    model's pictures: where it is not 1, the crop is the middle of the square, as high or as wide as that; corners,
    ``rect`` and ``contains`` are those of that part.
    """

    x: int
    y: int
    size: int
    angle: float = 0.0
    aspect: float = 1.0

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Square:
        """From three or four numbers, as in ``numbers``. Raises TypeError or ValueError for anything else."""
        x, y, size, *angle = numbers
        if len(angle) > 1:
            raise ValueError("a crop has three or four numbers")
        return cls(int(x), int(y), int(size), turned_angle(float(angle[0])) if angle else 0.0)

    @classmethod
    def about(cls, middle: Point, size: float, angle: float = 0.0, aspect: float = 1.0) -> Square:
        """The one with this middle and side, to the nearest whole pixel."""
        side = max(1, round(size))
        x, y = round(middle.x - side / 2), round(middle.y - side / 2)
        return cls(x, y, side, turned_angle(round(angle, 2)), aspect)

    @property
    def numbers(self) -> list[float]:
        """x, y, size, and the angle where it is turned; for messages and records."""
        return [self.x, self.y, self.size, self.angle] if self.angle else [self.x, self.y, self.size]

    @property
    def width(self) -> float:
        """Of what the model sees, px, before it is turned."""
        return self.size * min(1.0, self.aspect)

    @property
    def height(self) -> float:
        """Of what the model sees, px, before it is turned."""
        return self.size * min(1.0, 1 / self.aspect)

    @property
    def left(self) -> float:
        """Of what the model sees, before it is turned."""
        return self.x + (self.size - self.width) / 2

    @property
    def top(self) -> float:
        """Of what the model sees, before it is turned."""
        return self.y + (self.size - self.height) / 2

    @property
    def middle(self) -> Point:
        """The point about which it is turned."""
        return Point(self.x + self.size / 2, self.y + self.size / 2)

    @property
    def corners(self) -> tuple[Point, Point, Point, Point]:
        """Of the turned crop: those that were top left, top right, bottom right, bottom left before it was turned."""
        left, top, right, bottom = self.left, self.top, self.left + self.width, self.top + self.height
        upright = Point(left, top), Point(right, top), Point(right, bottom), Point(left, bottom)
        first, second, third, fourth = (self.turned(corner) for corner in upright)
        return first, second, third, fourth

    @property
    def rect(self) -> Rect:
        """The smallest rectangle of whole pixels that holds all of it."""
        if not self.angle and self.aspect == 1:
            return Rect(self.x, self.y, self.size, self.size)
        across, down = zip(*self.corners)
        left, top = math.floor(min(across) + _TINY), math.floor(min(down) + _TINY)
        return Rect(left, top, math.ceil(max(across) - _TINY) - left, math.ceil(max(down) - _TINY) - top)

    def turned(self, point: Point) -> Point:
        """Where a position of the upright square comes to lie when the square is turned."""
        return turned(point, self.middle, self.angle) if self.angle else point

    def upright(self, point: Point) -> Point:
        """The position of the upright square that comes to lie at ``point``; undoes ``turned``."""
        return turned(point, self.middle, -self.angle) if self.angle else point

    def contains(self, point: Point) -> bool:
        """Whether a position lies inside; the right and the lower border do not count."""
        x, y = self.upright(point)
        return self.left <= x < self.left + self.width and self.top <= y < self.top + self.height

    def clamped(self, point: Point) -> Point:
        """The nearest position inside, half a pixel from the border at least."""
        x, y = self.upright(point)
        inside = Point(
            min(max(x, self.left + 0.5), self.left + self.width - 0.5),
            min(max(y, self.top + 0.5), self.top + self.height - 0.5),
        )
        return point if inside == (x, y) else self.turned(inside)


def turned(point: Point, middle: Point, angle: float) -> Point:
    """A position after a turn about ``middle`` by so many degrees, clockwise as seen on the picture."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = point.x - middle.x, point.y - middle.y
    return Point(middle.x + c * x - s * y, middle.y + s * x + c * y)


def turned_angle(angle: float) -> float:
    """The same direction in degrees, −180 < angle ≤ 180. Raises ValueError when it is no finite number."""
    if not math.isfinite(angle):
        raise ValueError("an angle that is no number")
    angle = math.fmod(angle, 360.0)
    if angle > 180.0:
        angle -= 360.0
    elif angle <= -180.0:
        angle += 360.0
    return angle + 0.0  # no negative zero


def square_around(rect: Rect, smallest: int = 16, aspect: float = 1.0) -> Square:
    """The smallest crop with the same middle that holds ``rect``."""
    unit = Square(0, 0, 1, aspect=aspect)
    size = max(math.ceil(rect.width / unit.width), math.ceil(rect.height / unit.height), smallest)
    x, y = rect.x + (rect.width - size) // 2, rect.y + (rect.height - size) // 2
    return Square(x, y, size, aspect=aspect)


def square_between(first: Point, second: Point, smallest: int = 16) -> Square:
    """The square that is drawn from ``first`` towards ``second``; its longer side follows the pointer."""
    size = max(smallest, round(max(abs(second.x - first.x), abs(second.y - first.y))))
    left = first.x if second.x >= first.x else first.x - size
    top = first.y if second.y >= first.y else first.y - size
    return Square(math.floor(left), math.floor(top), size)


def distance(first: Point, second: Point) -> float:
    """Euclidean, in px."""
    return math.hypot(second.x - first.x, second.y - first.y)
