"""A pull from its points to the finished group in one call, for scripts and for GIMP's status bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gi.repository import Gimp, GLib

from ..backend.editing.host import AreaOptions, EditingError
from ..backend.editing.messages import Message
from ..backend.editing.pairs import Pair
from ..backend.editing.pull import Pull
from ..host.source import GimpSource
from ..link import later, new_link
from .arguments import DragArguments, Pairs, checked


class Pulled(NamedTuple):
    """What a pull has made.

    Attributes:
        group: the new layer group.
        distance: mean px from the handles to their targets at its end.
        note: a sentence for the artist; empty when there is nothing to say.
    """

    group: Gimp.GroupLayer
    distance: float
    note: str


def pull_to_its_end(source: GimpSource, arguments: DragArguments) -> Pulled:
    """Inverts the layer unless that is done, drags from its step 0, and puts the result above it.

    Shows progress in the status bar. Blocks; the main loop turns.

    Raises:
        EditingError: what went wrong, in a sentence.
    """
    return _pull(source, lambda pull: _prepare(pull, arguments))


def pull_as_before(source: GimpSource, pairs: Pairs) -> Pulled:
    """The same with the model, the crop, the movable area and the drag's options of the layer's last pull."""
    return _pull(source, lambda pull: _set_pairs(pull, checked(pairs).pairs))


def _pull(source: GimpSource, prepare: Callable[[Pull], None]) -> Pulled:
    way = new_link()
    pull = Pull(source, way.connection, later, source.load_record())
    told = _Told(pull)
    end = pull.observe(told.changed)
    try:
        prepare(pull)
        way.start()
        pull.drag()
        _until(lambda: not pull.busy)
        _raise_error(pull.message)
        if not pull.can_apply:
            raise EditingError(
                "nothing_pulled",
                told.notes or "The pull changed nothing.",
                "Move the targets, and try again.",
            )
        pull.apply()
        _until(lambda: not pull.busy)
        _raise_error(pull.message)
        if source.group is None:
            raise EditingError("write_failed", "GIMP did not take the new layer.", "Try again.")
        pull.save_record()
        return Pulled(source.group, pull.distance or 0.0, told.notes)
    finally:
        end()
        pull.close()
        way.close()
        Gimp.progress_end()


def _prepare(pull: Pull, arguments: DragArguments) -> None:
    """Sets what was asked for on a pull that may remember an earlier one."""
    pull.set_model(arguments.model)
    pull.set_area(AreaOptions(arguments.movable))
    pull.drag_options, pull.inversion_settings = arguments.drag, arguments.inversion
    if (arguments.crop, arguments.square) != (pull.crop_choice, pull.drawn_crop) and not (
        arguments.crop == pull.crop_choice == "face"
    ):
        pull.set_crop(arguments.crop, arguments.square)
    _set_pairs(pull, arguments.pairs)


def _set_pairs(pull: Pull, pairs: Pairs) -> None:
    face = pull.face
    if face is not None and not all(face.contains(handle) for handle, _ in pairs):
        pull.face = None  # another one of several is meant this time
    pull.pairs.restore([Pair(handle, target, handle) for handle, target in pairs], 0)


def _raise_error(message: Message | None) -> None:
    if message is not None and message.kind == "error":
        raise EditingError("failed", message.text, message.hint, message.details)


def _until(condition: Callable[[], bool]) -> None:
    context = GLib.MainContext.default()
    while not condition():
        context.iteration(True)


class _Told:
    """A pull's progress in the status bar, and its notes. Cancel there ends this process; the backend then lets go."""

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._text = "Pullface"
        self._notes: list[str] = []
        self._note(pull.message)
        Gimp.progress_init(self._text)

    @property
    def notes(self) -> str:
        """The sentences of all notes so far; empty when there was nothing to say."""
        return " ".join(self._notes)

    def changed(self, topic: str) -> None:
        """To be told of the pull's changes."""
        if topic == "message":
            self._note(self._pull.message)
        elif topic == "state":
            self._show()

    def _note(self, message: Message | None) -> None:
        if message is not None and message.kind == "note":
            text = f"{message.text} {message.hint}".strip()
            if text not in self._notes:
                self._notes.append(text)

    def _show(self) -> None:
        progress = self._pull.progress
        if progress.text and progress.text != self._text:
            self._text = progress.text
            Gimp.progress_set_text(self._text)
        if progress.fraction is not None:
            Gimp.progress_update(min(1.0, max(0.0, progress.fraction)))
        elif self._pull.busy:
            Gimp.progress_pulse()
