"""The handle→target pairs on the canvas and their undo."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from .geometry import Point

End = Literal["handle", "target"]
"""The two ends of a pair."""

MAX_PAIRS = 64
_MAX_UNDO = 200


@dataclass(frozen=True)
class Pair:
    """One pair, image space.

    Attributes:
        handle: where the feature is now; during a pull it follows the tracked position.
        target: where it shall go.
        start: where the artist had put the handle, for the trail that is drawn.
        identifier: stays while a drag moves the handle; another one once the artist moves it.
    """

    handle: Point
    target: Point
    start: Point
    identifier: int = field(default_factory=itertools.count(1).__next__, compare=False)


class _State(NamedTuple):
    pairs: tuple[Pair, ...]
    step: int


class PairList(Sequence[Pair]):
    """The pairs of one pull, with undo and redo.

    A state of the undo is the pairs and the step of the pull that they belong to, so that undoing a whole drag shows
    the step from which it began.

    Attributes:
        recording: whether edits can be undone; not while a drag moves the handles.
        changed: called after every change.
        went_to: called with the step when undo or redo came to another one.
    """

    def __init__(self) -> None:
        self._state = _State((), 0)
        self._undo: list[_State] = []
        self._redo: list[_State] = []
        self._before_gesture: _State | None = None
        self.recording = True
        self.changed: Callable[[], None] = lambda: None
        self.went_to: Callable[[int], None] = lambda step: None

    def __len__(self) -> int:
        return len(self._state.pairs)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._state.pairs[index]

    @property
    def step(self) -> int:
        """The step of the pull at which the handles are where they are."""
        return self._state.step

    # Editing

    def add(self, handle: Point, target: Point | None = None) -> int:
        """Adds a pair; without a target it begins where the handle is. Returns its index, −1 if it is too many."""
        if len(self) >= MAX_PAIRS:
            return -1
        self._edit((*self._state.pairs, Pair(handle, target or handle, handle)))
        return len(self) - 1

    def move(self, index: int, end: End, position: Point) -> None:
        """Moves one end of a pair. A moved handle starts anew there."""
        pair = self[index]
        if end == "target":
            moved = replace(pair, target=position)
        else:
            moved = Pair(position, pair.target, position)
        self._edit((*self._state.pairs[:index], moved, *self._state.pairs[index + 1 :]))

    def remove(self, index: int) -> None:
        """Deletes a pair."""
        self._edit((*self._state.pairs[:index], *self._state.pairs[index + 1 :]))

    def clear(self) -> None:
        """Deletes all pairs."""
        if len(self):
            self._edit(())

    def begin_gesture(self) -> None:
        """Everything until ``end_gesture`` is one step of undo: press, drag, release."""
        if self._before_gesture is None:
            self._before_gesture = self._state

    def end_gesture(self) -> None:
        """Ends what ``begin_gesture`` began; harmless without it."""
        before, self._before_gesture = self._before_gesture, None
        if before is not None and before != self._state:
            self._remember(before)

    def cancel_gesture(self) -> None:
        """Goes back to the state before ``begin_gesture``; harmless without it. What a drag tracked stays."""
        before, self._before_gesture = self._before_gesture, None
        if before is None or before == self._state:
            return
        if not self.recording and len(before.pairs) == len(self):
            pairs = [replace(now, target=then.target) for now, then in zip(self._state.pairs, before.pairs)]
            before = _State(tuple(pairs), self._state.step)
        self._state = before
        self.changed()

    # The pull

    def track(self, handles: Iterable[Sequence[float]], step: int) -> None:
        """Moves the handles to where they are at ``step``; not an edit, so not a step of undo."""
        positions = [Point(float(x), float(y)) for x, y in handles]
        pairs = self._state.pairs
        if len(positions) == len(pairs):
            pairs = tuple(replace(pair, handle=place) for pair, place in zip(pairs, positions))
        self._state = _State(pairs, step)
        self.changed()

    def look_at(self, handles: Mapping[int, Point], step: int) -> None:
        """Goes to another step of the pull: handles by their pair's identifier; the others stay."""
        pairs = [
            replace(pair, handle=handles[pair.identifier]) if pair.identifier in handles else pair
            for pair in self._state.pairs
        ]
        self._state = _State(tuple(pairs), step)
        self.changed()

    def remember(self) -> None:
        """Makes the present state one that undo comes back to: called when a drag begins."""
        self._remember(self._state)

    def rebase(self) -> None:
        """Another session begins: every state belongs to its step 0, and the handles start where they are."""

        def rebased(state: _State) -> _State:
            return _State(tuple(replace(pair, start=pair.handle) for pair in state.pairs), 0)

        self._state = rebased(self._state)
        self._undo = [rebased(state) for state in self._undo]
        self._redo = [rebased(state) for state in self._redo]
        self.changed()

    def restore(self, pairs: Iterable[Pair], step: int) -> None:
        """Sets everything and forgets the undo: a document was opened, or another pull begins."""
        self._state = _State(tuple(pairs), step)
        self.forget_undo()
        self.changed()

    # Undo

    @property
    def can_undo(self) -> bool:
        """Whether ``undo`` would do anything."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether ``redo`` would do anything."""
        return bool(self._redo)

    def undo(self) -> bool:
        """Goes back one edit or one drag. Returns whether there was one."""
        return self._travel(self._undo, self._redo)

    def redo(self) -> bool:
        """Goes forward again. Returns whether there was anything undone."""
        return self._travel(self._redo, self._undo)

    def forget_undo(self) -> None:
        """Empties undo and redo: after a result was applied, the editor's own undo comes first."""
        self._undo.clear()
        self._redo.clear()
        self._before_gesture = None

    def _edit(self, pairs: tuple[Pair, ...]) -> None:
        before = self._state
        self._state = _State(pairs, before.step)
        if self._before_gesture is None and before != self._state:
            self._remember(before)
        self.changed()

    def _remember(self, state: _State) -> None:
        if not self.recording:
            return
        if not self._undo or self._undo[-1] != state:
            self._undo.append(state)
            del self._undo[:-_MAX_UNDO]
        self._redo.clear()

    def _travel(self, source: list[_State], other: list[_State]) -> bool:
        self.end_gesture()
        if not source:
            return False
        other.append(self._state)
        before, self._state = self._state, source.pop()
        if before.step != self._state.step:
            self.went_to(self._state.step)
        self.changed()
        return True
