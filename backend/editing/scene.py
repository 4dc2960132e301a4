"""What is drawn over the picture in every editor: points and their arrows, the crop, the movable area. Draws nothing.

Sizes are logical px of the screen whatever the zoom; only places come from the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .affine import Affine
from .areas import Capsule
from .framing import STEM, Framing, Spot, turn_handle
from .geometry import Point, Square
from .gestures import Gestures, Grip
from .pairs import Pair
from .pull import Pull

Colour = tuple[int, int, int, int]
"""RGBA, 0 to 255."""

HANDLE: Colour = (240, 78, 88, 255)
TARGET: Colour = (52, 132, 255, 255)
OUTSIDE: Colour = (255, 176, 32, 255)
"""Of points that the model does not see."""

LIGHT: Colour = (255, 255, 255, 255)
DARK: Colour = (16, 18, 24, 255)
SHADE: Colour = (16, 18, 24, 170)
QUIET: Colour = (255, 255, 255, 150)
"""For frames that are not the one."""

RADIUS = 6.0
"""Of handles and targets."""

TICK = 9.0
"""Length of the mark that tells where a turned crop has its upper edge."""


@dataclass
class Scene:
    """What is to be seen.

    Attributes:
        affine: image space → screen.
        image: width and height of the picture, px.
        pairs: to draw.
        crop: that the model sees or will see.
        area: the automatic movable area; empty for none.
        faces: other faces that were found, with their numbers from 0.
        framing: whether the crop's frame is edited; then ``frame`` is that, None before one is drawn, ``spot`` what
            the pointer is on, and ``drawing`` whether it is being changed.
        hover, held, selected: of the gestures.
        editable: whether the pairs can be changed now; else they are drawn quieter.
    """

    affine: Affine
    image: tuple[int, int]
    pairs: Sequence[Pair] = ()
    crop: Square | None = None
    area: Sequence[Capsule] = ()
    faces: Sequence[tuple[int, Square]] = ()
    framing: bool = False
    frame: Square | None = None
    spot: Spot | None = None
    drawing: bool = False
    hover: Grip | None = None
    held: Grip | None = None
    selected: int | None = None
    editable: bool = True

    def show_framing(self, framing: Framing) -> None:
        """Takes over the frame that is being edited."""
        self.framing, self.frame, self.faces = True, framing.frame, framing.other_faces
        self.spot, self.drawing = framing.held or framing.hover, framing.busy

    def show_pairs(self, pull: Pull, gestures: Gestures) -> None:
        """Takes over the points, and what the artist does with them."""
        self.pairs, self.editable = pull.pairs, pull.can_edit_pairs
        self.hover, self.held, self.selected = gestures.hover, gestures.held, gestures.selected

    def sees(self, point: Point) -> bool:
        """Whether a point of the picture lies where the model sees it."""
        return self.crop is None or self.crop.contains(point)

    def touches(self, index: int) -> bool:
        """Whether a pair is selected or under the pointer."""
        return index == self.selected or (self.hover is not None and self.hover.pair == index)

    def radius(self, grip: Grip) -> float:
        """Of a handle or a target."""
        return RADIUS + (2.0 if grip in (self.hover, self.held) else 0.0)


class Arrow(NamedTuple):
    """From a handle to its target.

    Attributes:
        end: of its shaft, which begins at the handle.
        head: the corners of its head, the tip first; None where there is no room for one.
    """

    end: Point
    head: tuple[Point, Point, Point] | None


def arrow(handle: Point, target: Point, scale: float = 1.0) -> Arrow | None:
    """The arrow between two points of the screen; None where they overlap.

    Args:
        handle, target: device px.
        scale: device px for a logical px.
    """
    length = math.dist(handle, target)
    if length <= RADIUS * scale:
        return None
    along = Point((target.x - handle.x) / length, (target.y - handle.y) / length)
    gap = (RADIUS + 1.5) * scale
    tip = _moved(target, along, -min(gap, length))
    head = min(9.0 * scale, max(0.0, length - gap - RADIUS * scale))
    if head < 3.0 * scale:
        return Arrow(tip, None)
    base, across = _moved(tip, along, -head), Point(-along.y, along.x)
    return Arrow(base, (tip, _moved(base, across, head * 0.55), _moved(base, across, -head * 0.55)))


def number_place(handle: Point, target: Point, scale: float = 1.0) -> Point:
    """Where a pair's number stands: beside the handle, upwards, so that neither arrow nor trail runs through it."""
    length = math.dist(handle, target)
    beside = Point(0.7, -0.7)
    if length > RADIUS * scale:
        beside = Point((target.y - handle.y) / length, -(target.x - handle.x) / length)
        if beside.y > 0 or (beside.y == 0 and beside.x > 0):
            beside = Point(-beside.x, -beside.y)
    return _moved(handle, beside, (RADIUS + 13.0) * scale)


def stem(affine: Affine, square: Square, length: float) -> tuple[Point, Point]:
    """The ends of the line from the middle of a square's upper edge, which shows where up is.

    Args:
        affine: image space → device px.
        square: image space.
        length: device px; ``STEM`` for one that reaches to the handle that turns the square.
    """
    left, right = (affine.map(corner) for corner in square.corners[:2])
    top, end = Point((left.x + right.x) / 2, (left.y + right.y) / 2), turn_handle(affine, square)
    return top, _moved(top, Point(end.x - top.x, end.y - top.y), length / STEM)


def size_text(square: Square) -> str:
    """Width, height and angle, to be written below a frame."""
    turned = f"  {square.angle:g}°" if square.angle else ""
    return f"{round(square.width)} × {round(square.height)}{turned}"


def _moved(point: Point, along: Point, by: float) -> Point:
    return Point(point.x + along.x * by, point.y + along.y * by)
