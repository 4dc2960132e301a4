"""What a press, a movement and a key mean on the canvas: points placed, dragged, deleted, the crop's frame edited.

Knows no editor and no toolkit. Positions come in logical px of the canvas widget; an ``Affine`` leads to image space.
Every function that takes an event returns whether it is ours; what is not ours goes on to the editor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from .affine import Affine
from .framing import Framing
from .geometry import Point
from .pairs import End, PairList

Button = Literal["left", "right", "other"]
Key = Literal["undo", "redo", "delete", "drag", "escape"]

REACH = 11.0
"""How near a press has to be to a point to take it, logical px."""

PEN_REACH = 15.0
"""The same for a pen, whose tip covers what it aims at."""

SLACK = 3.0
"""A point that is taken stays where it is until the pointer moved so far, logical px: pens tremble."""

TARGET_FIRST = 4.0
"""A target wins over a handle that is not nearer by more than this: most often it is the target that is wanted."""


class Grip(NamedTuple):
    """One end of one pair, the pair by its number from 0."""

    pair: int
    end: End


@dataclass
class _Held:
    """What happens between press and release."""

    grip: Grip
    pressed: Point  # widget
    offset: Point  # from the pointer to the point, widget: what is taken beside its middle does not jump
    moving: bool


def _nothing() -> None:
    pass


class Gestures:
    """The input of one canvas.

    Attributes:
        pull: what is edited (``backend.editing.pull.Pull``), None when there is nothing.
        affine: image space → widget; None while the canvas cannot be shown.
        image: width and height of the image, px; points stay inside.
        hover: the end under the pointer.
        selected: the pair that was touched last; *delete* acts on it.
        framing: the crop's frame, and whether it is edited instead of the points.
        changed: called when something has to be drawn anew that the pairs themselves do not tell.
        drag_requested, stop_requested: called for what the artist asked for.
        framing_ended: called when the artist is done with the frame.
        frame_reset: called when the frame shall be automatic again.
    """

    def __init__(self) -> None:
        self.pull: Any = None
        self.affine: Affine | None = None
        self.image: tuple[int, int] = (0, 0)
        self.hover: Grip | None = None
        self.selected: int | None = None
        self.framing = Framing(self)
        self.changed: Callable[[], None] = _nothing
        self.drag_requested: Callable[[], None] = _nothing
        self.stop_requested: Callable[[], None] = _nothing
        self.framing_ended: Callable[[], None] = _nothing
        self.frame_reset: Callable[[], None] = _nothing
        self._held: _Held | None = None

    # What goes on

    @property
    def busy(self) -> bool:
        """Whether something is held between press and release."""
        return self._held is not None or self.framing.busy

    @property
    def held(self) -> Grip | None:
        """The end that is being moved."""
        return self._held.grip if self._held else None

    def set_pull(self, pull: Any) -> None:
        """Edits another pull, or none; ends what is going on."""
        if pull is not self.pull:
            self.cancel()
            self.pull, self.hover, self.selected = pull, None, None
            self.changed()

    def edit_frame(self, on: bool = True) -> None:
        """Presses edit the crop's frame from now on, or points again."""
        self.cancel()
        if on != self.framing.on:
            self.framing.switch(on)
            self.hover = None
            self.changed()

    def cancel(self) -> None:
        """Takes back what the pointer is doing right now."""
        held, self._held = self._held, None
        if held is not None and self.pull is not None:
            added = len(self._pairs)
            self._pairs.cancel_gesture()
            if len(self._pairs) < added:
                self.selected = None
        self.framing.cancel()
        self._settle()
        self.changed()

    def refresh(self) -> None:
        """After pairs or state of the pull changed from outside: what is gone is let go."""
        if self._held is not None and not self._may_take(self._held.grip):
            self._held = None
            if self.pull is not None:
                self._pairs.end_gesture()
        self._settle()

    # Pointer

    def press(self, position: Point, button: Button, pen: bool = False, eraser: bool = False) -> bool:
        """A button or the pen's tip went down; with its other end, the eraser, it deletes."""
        if self.affine is None or (self.pull is None and not self.framing.on):
            return False
        if self.busy:
            if button == "right":
                self.cancel()
            return True
        if self.framing.on:
            return self._press_frame(position, button, pen)
        grip = self.hit(position, pen)
        if button == "right" or eraser:
            return self._delete_at(grip) or eraser
        if button != "left":
            return False
        if grip is not None:
            place = self.affine.map(self._place(grip))
            offset = Point(place.x - position[0], place.y - position[1])
            self._take(grip, position, offset, moving=False)
            return True
        point = self.affine.back(position)
        if not self.pull.can_edit_pairs or not self._inside(point):
            return True  # nothing, and nothing for the editor's tools either: they might paint
        self._pairs.begin_gesture()
        index = self._pairs.add(self._clamped(point))
        if index < 0:
            self._pairs.cancel_gesture()
            return True
        self._take(Grip(index, "target"), position, Point(0.0, 0.0), moving=False)
        return True

    def move(self, position: Point, pen: bool = False, shift: bool = False) -> bool:
        """The pointer moved, with or without a button held; ``shift``: with that key."""
        if self.affine is None:
            return False
        if self.framing.on:
            before = self.framing.hover, self.framing.shown
            self.framing.move(position, pen, shift)
            if before != (self.framing.hover, self.framing.shown):
                self.changed()
            return self.framing.busy or self.framing.hover is not None
        self.refresh()
        held = self._held
        if held is None:
            return self._hover(self.hit(position, pen))
        if not held.moving and math.dist(position, held.pressed) < SLACK:
            return True
        held.moving = True
        place = self.affine.back(Point(position[0] + held.offset.x, position[1] + held.offset.y))
        self._pairs.move(held.grip.pair, held.grip.end, self._clamped(place))
        return True

    def release(self, position: Point, pen: bool = False, shift: bool = False) -> bool:
        """The button that was pressed, or the pen, went up."""
        if self.framing.busy and self.affine is not None:
            self.framing.release(position, pen, shift)
            self.changed()
            return True
        if self._held is None:
            return False
        self.move(position, pen)
        if self._held is not None:
            self._held = None
            self._pairs.end_gesture()
        self._hover(self.hit(position, pen))
        self.changed()
        return True

    def leave(self) -> None:
        """The pointer left the canvas."""
        if self.framing.hover is not None and not self.framing.busy:
            self.framing.hover = None
            self.changed()
        self._hover(None)

    def hit(self, position: Point, pen: bool = False) -> Grip | None:
        """The end within reach that can be taken now."""
        if self.pull is None or self.affine is None:
            return None
        reach = PEN_REACH if pen else REACH
        best: tuple[float, int, Grip] | None = None
        for index in range(len(self._pairs)):
            for end in ("target", "handle"):
                grip = Grip(index, end)
                if not self._may_take(grip):
                    continue
                away = math.dist(self.affine.map(self._place(grip)), position)
                if away > reach:
                    continue
                rank = away + (TARGET_FIRST if end == "handle" else 0.0) - (index == self.selected)
                if best is None or (rank, -index) < best[:2]:
                    best = rank, -index, grip
        return best[2] if best else None

    # Keys

    def key(self, key: Key, repeated: bool = False) -> bool:
        """A key went down. ``repeated``: it was held and the system repeats it."""
        if key == "escape":
            return self._escape()
        if self.framing.on and not self.busy:
            self._frame_key(key)
            return True
        if self.pull is None:
            return False
        if self.busy:
            return True
        if key == "drag":
            if not repeated:
                self.drag_requested()
            return True
        if key == "delete":
            if self.pull.can_edit_pairs and self.selected is not None:
                self._remove(self.selected)
            return True  # even without a point: the editor's own Delete would clear the layer under the pull
        return self._undo(key)

    def understands(self, key: Key) -> bool:
        """Whether ``key`` would be ours; changes nothing."""
        if key == "escape":
            return self.busy or self.framing.on or bool(self.pull is not None and self.pull.can_stop)
        if self.framing.on:
            return True  # also what does nothing: the editor's own undo or Delete is not meant
        if self.pull is None:
            return False
        if key in ("drag", "delete") or self.busy:
            return True
        return self._pairs.can_undo if key == "undo" else self._pairs.can_redo

    # Inside

    @property
    def _pairs(self) -> PairList:
        return self.pull.pairs

    def _place(self, grip: Grip) -> Point:
        pair = self._pairs[grip.pair]
        return pair.target if grip.end == "target" else pair.handle

    def _may_take(self, grip: Grip) -> bool:
        if self.pull is None or grip.pair >= len(self._pairs):
            return False
        return bool(self.pull.can_edit_pairs or (grip.end == "target" and self.pull.can_move_targets))

    def _take(self, grip: Grip, position: Point, offset: Point, moving: bool) -> None:
        self._pairs.begin_gesture()
        self._held = _Held(grip, Point(*position), offset, moving)
        self.selected, self.hover = grip.pair, grip
        self.changed()

    def _delete_at(self, grip: Grip | None) -> bool:
        if grip is None:
            return False
        if self.pull.can_edit_pairs:
            self._remove(grip.pair)
        return True

    def _remove(self, index: int) -> None:
        self.hover = None
        self._pairs.remove(index)
        # The one before it is next, so that Delete pressed again and again removes all of them.
        self.selected = min(index, len(self._pairs) - 1) if len(self._pairs) else None
        self.changed()

    def _undo(self, key: Key) -> bool:
        pairs = self._pairs
        if not (pairs.can_undo if key == "undo" else pairs.can_redo):
            return False
        if self.pull.can_edit_pairs:  # else: eaten, so that the layer does not change in the midst of a pull
            pairs.undo() if key == "undo" else pairs.redo()
            self._settle()
            self.changed()
        return True

    def _escape(self) -> bool:
        if self.busy:
            self.cancel()
        elif self.framing.on:
            self._end_framing()
        elif self.pull is not None and self.pull.can_stop:
            self.stop_requested()
        else:
            return False
        return True

    def _hover(self, grip: Grip | None) -> bool:
        if grip != self.hover:
            self.hover = grip
            self.changed()
        return grip is not None

    def _settle(self) -> None:
        count = len(self._pairs) if self.pull is not None else 0
        if self.selected is not None and self.selected >= count:
            self.selected = count - 1 if count else None
        if self.hover is not None and (self.hover.pair >= count or not self._may_take(self.hover)):
            self.hover = None

    def _inside(self, point: Point) -> bool:
        return 0 <= point.x < self.image[0] and 0 <= point.y < self.image[1]

    def _clamped(self, point: Point) -> Point:
        width, height = self.image
        return Point(min(max(point.x, 0.5), width - 0.5), min(max(point.y, 0.5), height - 0.5))

    # The crop's frame

    def _press_frame(self, position: Point, button: Button, pen: bool) -> bool:
        if button == "right":
            self._end_framing()
            return True
        if button != "left":
            return False
        self.framing.press(position, pen)
        self.changed()
        return True

    def _frame_key(self, key: Key) -> None:
        if key == "drag":
            self._end_framing()
        elif key == "delete":
            self.frame_reset()
        elif key == "undo":
            self.framing.undo()
        self.changed()

    def _end_framing(self) -> None:
        self.edit_frame(False)
        self.framing_ended()
