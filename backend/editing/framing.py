"""The crop's frame on the canvas: drawn, moved, scaled by its corners, turned by its handle, or taken from a face.

Knows no editor and no toolkit. Positions come in logical px of the canvas widget, as in ``gestures.py``, which uses it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from .affine import Affine
from .geometry import Point, Square

SMALLEST_CROP = 16
"""Side of the smallest crop, image px."""

LARGEST_CROP = 16384
"""Side of the largest crop, image px."""

STEM = 26.0
"""How far the handle that turns stands above the frame's upper edge, logical px."""

SNAP = 15.0
"""Degrees between the angles that a frame snaps to while Shift is held."""

SLACK = 3.0
"""What moves less, logical px, was a click."""

_REACH = 11.0
_PEN_REACH = 15.0

_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))
"""Directions from the middle, in the order of ``Square.corners``."""


class Spot(NamedTuple):
    """What lies below the pointer: a corner (by its place in ``Square.corners``), a face (in ``faces``), …"""

    part: Literal["corner", "turn", "inside", "face"]
    number: int = 0


class Stage(Protocol):
    """What a frame stands on: ``Gestures``."""

    pull: Any
    affine: Affine | None
    image: tuple[int, int]


@dataclass
class _Held:
    spot: Spot | None  # None: a new frame is drawn
    pressed: Point  # widget
    start: Point  # image
    before: Square | None
    moved: bool = False


class Framing:
    """Editing of the crop's frame.

    Attributes:
        on: whether presses act on the frame instead of on points.
        shown: the frame while the pointer changes it.
        hover: what lies below the pointer.
        drawn: called with the frame that the artist has made.
        face_chosen: called with the number of the face whose frame was clicked.
    """

    def __init__(self, stage: Stage) -> None:
        self.on = False
        self.shown: Square | None = None
        self.hover: Spot | None = None
        self.drawn: Callable[[Square], None] = lambda square: None
        self.face_chosen: Callable[[int], None] = lambda number: None
        self._stage = stage
        self._held: _Held | None = None
        self._before: list[Square] = []

    @property
    def busy(self) -> bool:
        """Whether something is held between press and release."""
        return self._held is not None

    @property
    def held(self) -> Spot | None:
        """What is held."""
        return self._held.spot if self._held is not None else None

    @property
    def frame(self) -> Square | None:
        """The frame as it is now."""
        if self.shown is not None or (self._held is not None and self._held.spot is None):
            return self.shown
        pull = self._stage.pull
        return crop_of(pull) if pull is not None else None

    @property
    def other_faces(self) -> list[tuple[int, Square]]:
        """The faces that can be chosen by a click, with their numbers."""
        pull = self._stage.pull
        return other_faces(pull, self.frame) if pull is not None else []

    @property
    def can_undo(self) -> bool:
        """Whether there is a frame from before."""
        return bool(self._before)

    def switch(self, on: bool) -> None:
        """Begins or ends editing."""
        self.cancel()
        self.on, self.hover = on, None
        self._before.clear()

    def cancel(self) -> None:
        """Takes back what the pointer is doing right now."""
        self._held = self.shown = None

    def undo(self) -> None:
        """Goes back to the frame from before."""
        if self._before:
            self.drawn(self._before.pop())

    # Pointer

    def press(self, position: Point, pen: bool = False) -> None:
        """The left button or the pen's tip went down."""
        affine = self._stage.affine
        assert affine is not None
        point = affine.back(position)
        spot = self.hit(position, pen)
        start = self._border(point) if spot is None else point
        self._held = _Held(spot, Point(*position), start, self.frame)
        self.shown = None if spot is None or spot.part == "face" else self._held.before

    def move(self, position: Point, pen: bool = False, snap: bool = False) -> None:
        """The pointer moved; ``snap``: angles shall be round ones."""
        affine, held = self._stage.affine, self._held
        assert affine is not None
        if held is None:
            self.hover = self.hit(position, pen)
            return
        if not held.moved and math.dist(position, held.pressed) < SLACK:
            return
        if not held.moved and held.spot is not None and held.spot.part == "face":
            held.spot, held.start = None, self._border(held.start)  # no click: a new frame
        held.moved = True
        self.shown = self._changed(held, affine.back(position), snap)

    def release(self, position: Point, pen: bool = False, snap: bool = False) -> None:
        """What was pressed went up."""
        self.move(position, pen, snap)
        held, square = self._held, self.shown
        self._held = self.shown = None
        assert held is not None
        if held.spot is not None and held.spot.part == "face":
            self._remember(held.before)
            self.face_chosen(held.spot.number)
        elif held.moved and square is not None and square != held.before:
            self._remember(held.before)
            self.drawn(square)
        self.hover = self.hit(position, pen)

    def hit(self, position: Point, pen: bool = False) -> Spot | None:
        """What can be taken there; None where a new frame would begin."""
        affine, frame = self._stage.affine, self.frame
        if affine is None:
            return None
        reach = _PEN_REACH if pen else _REACH
        if frame is not None:
            if math.dist(turn_handle(affine, frame), position) <= reach:
                return Spot("turn")
            away = [math.dist(affine.map(corner), position) for corner in frame.corners]
            if min(away) <= reach:
                return Spot("corner", away.index(min(away)))
        point = affine.back(position)
        if frame is not None and frame.contains(point):
            return Spot("inside")
        for number, face in self.other_faces:
            if face.contains(point):
                return Spot("face", number)
        return None

    # Inside

    def _remember(self, square: Square | None) -> None:
        if square is not None:
            self._before.append(square)

    def _changed(self, held: _Held, point: Point, snap: bool) -> Square | None:
        before = held.before
        if held.spot is None:
            return self._between(held.start, point)
        assert before is not None
        if held.spot.part == "inside":
            return self._moved(before, point.x - held.start.x, point.y - held.start.y)
        if held.spot.part == "corner":
            return self._scaled(before, held.spot.number, held.start, point)
        return self._turned(before, held.start, point, snap)

    def _moved(self, square: Square, across: float, down: float) -> Square:
        """Its middle stays inside the image."""
        width, height = self._stage.image
        x = min(max(square.middle.x + across, 0.0), width) - square.size / 2
        y = min(max(square.middle.y + down, 0.0), height) - square.size / 2
        return square._replace(x=round(x), y=round(y))

    def _scaled(self, square: Square, corner: int, start: Point, point: Point) -> Square:
        """The opposite corner stays where it is, and the longer side follows the pointer."""
        taken, fixed = square.corners[corner], square.corners[(corner + 2) % 4]
        aim = Point(taken.x + point.x - start.x, taken.y + point.y - start.y)
        right, down = _CORNERS[corner]
        radians = math.radians(square.angle)
        c, s = math.cos(radians), math.sin(radians)
        along, across = (right * c, right * s), (-down * s, down * c)
        x, y = aim.x - fixed.x, aim.y - fixed.y
        unit = Square(0, 0, 1, aspect=square.aspect)
        wide = (x * along[0] + y * along[1]) / unit.width
        high = (x * across[0] + y * across[1]) / unit.height
        size = round(min(max(wide, high, SMALLEST_CROP), LARGEST_CROP))
        wide, high = size * unit.width / 2, size * unit.height / 2
        middle = Point(
            fixed.x + along[0] * wide + across[0] * high,
            fixed.y + along[1] * wide + across[1] * high,
        )
        return Square.about(middle, size, square.angle, square.aspect)

    def _turned(self, square: Square, start: Point, point: Point, snap: bool) -> Square:
        middle = square.middle
        first = math.atan2(start.y - middle.y, start.x - middle.x)
        now = math.atan2(point.y - middle.y, point.x - middle.x)
        angle = square.angle + math.degrees(now - first)
        angle = SNAP * round(angle / SNAP) if snap else round(angle, 1)
        # The place stays as it is, to the pixel: turned back, it is the same crop again.
        return square._replace(angle=Square.about(middle, square.size, angle).angle)

    def _border(self, point: Point) -> Point:
        width, height = self._stage.image
        return Point(min(max(point.x, 0.0), width), min(max(point.y, 0.0), height))

    def _between(self, corner: Point, point: Point) -> Square | None:
        """The crop from ``corner`` towards ``point``, inside the image; None while it is too small."""
        width, height = self._stage.image
        left, top = round(corner.x), round(corner.y)
        across, down = point.x - corner.x, point.y - corner.y
        room = width - left if across >= 0 else left, height - top if down >= 0 else top
        pull = self._stage.pull
        unit = Square(0, 0, 1, aspect=pull.aspect if pull is not None else 1.0)
        drawn = round(max(abs(across) / unit.width, abs(down) / unit.height))
        size = int(min(drawn, room[0] / unit.width, room[1] / unit.height))
        if size < SMALLEST_CROP:
            return None
        wide, high = size * unit.width / 2, size * unit.height / 2
        x = left + (wide if across >= 0 else -wide)
        y = top + (high if down >= 0 else -high)
        return Square.about(Point(x, y), size, aspect=unit.aspect)


def turn_handle(affine: Affine, square: Square) -> Point:
    """Where the handle stands that turns a frame, widget px: above the middle of its upper edge."""
    left, right = square.corners[:2]
    top = affine.map(Point((left.x + right.x) / 2, (left.y + right.y) / 2))
    middle = affine.map(square.middle)
    length = math.dist(top, middle) or 1.0
    return Point(
        top.x + (top.x - middle.x) / length * STEM,
        top.y + (top.y - middle.y) / length * STEM,
    )


def crop_of(pull: Any) -> Square | None:
    """The crop that the model sees, else the one that it will see; None when the backend is to choose."""
    crop: Square | None = pull.crop or (pull.drawn_crop if pull.crop_choice == "drawn" else None)
    return crop


def other_faces(pull: Any, frame: Square | None) -> list[tuple[int, Square]]:
    """The found faces that the frame does not lie on, with their numbers."""
    faces: Sequence[Square] = pull.faces
    return [
        (number, face)
        for number, face in enumerate(faces)
        if frame is None or math.dist(face.middle, frame.middle) > frame.size / 6
    ]
