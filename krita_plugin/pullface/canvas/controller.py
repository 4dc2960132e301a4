"""Keeps the overlay on the right canvas and tells the rest of the plugin what the artist did there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..backend.editing.affine import Affine
from ..backend.editing.areas import Capsule, widened
from ..backend.editing.framing import crop_of, other_faces
from ..backend.editing.geometry import Point, Rect, Square
from ..backend.editing.gestures import Gestures
from ..qt import QtCore, QtGui, QtWidgets, Signal, alive
from .keys import Keys
from .overlay import Overlay
from .painting import MARGIN, Scene
from .pictures import Pictures

LOOK_EVERY = 50
"""ms between two looks at which canvas is active and where the image lies on it: neither is always told."""

_PREVIEW_SHARE = 0.25
"""How much of the time may go into showing previews where the screen is slow; the rest is for the artist's hand."""

_SELECTION_EVERY = 8
"""How many looks between two at whether something is selected."""


class Canvas(Protocol):
    """A view's canvas (``host/canvas.py: KritaCanvas``)."""

    widget: QtWidgets.QWidget
    document_key: str

    def usable(self) -> bool:
        """Whether it is still there."""

    def transform(self) -> Affine | None:
        """Image space → logical px of the widget."""

    def image_size(self) -> tuple[int, int]:
        """Width and height of the image, px."""

    def scroll_bars(self) -> Sequence[QtWidgets.QScrollBar]:
        """Whose changes tell that the image moved."""


class Canvases(Protocol):
    """Where canvases come from (``host/canvas.py: ActiveCanvas``)."""

    def current(self) -> Canvas | None:
        """The active view's; the same object as long as it is the same canvas."""

    def key_sequences(self, action: str) -> list[QtGui.QKeySequence]:
        """The editor's keys for ``edit_undo`` and ``edit_redo``."""


class CanvasController(QtCore.QObject):
    """Pull mode on the canvas.

    Signals:
        mode_changed: Pull mode was switched on or off.
        drag_requested: the artist pressed Enter. Whether a drag is possible was not asked.
        stop_requested: the artist pressed Escape while something runs that can be stopped.
        crop_drawn: with the ``Square`` that the artist made of the crop's frame.
        face_chosen: with the number of the face whose frame was clicked.
        crop_reset: the crop shall be automatic again.
        framing_changed: editing the crop's frame was switched on or off.
    """

    mode_changed = Signal(bool)
    drag_requested = Signal()
    stop_requested = Signal()
    crop_drawn = Signal(object)
    face_chosen = Signal(int)
    crop_reset = Signal()
    framing_changed = Signal(bool)

    def __init__(self, canvases: Canvases, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self.gestures = Gestures()
        self._canvases = canvases
        self._pictures = Pictures()
        self._keys = Keys(self.gestures, self)
        self._mode = False
        self._document_key = ""
        self._end_observing: Callable[[], None] = lambda: None
        self._canvas: Canvas | None = None
        self._overlay: Overlay | None = None
        self._area: Sequence[Capsule] = ()
        self._selected_area = False
        self._looks = 0
        self._drawn: QtCore.QRect | None = None
        self.gestures.changed = self._redraw
        self.gestures.drag_requested = self.drag_requested.emit
        self.gestures.stop_requested = self.stop_requested.emit
        self.gestures.framing.drawn = self.crop_drawn.emit
        self.gestures.framing.face_chosen = self.face_chosen.emit
        self.gestures.frame_reset = self.crop_reset.emit
        self.gestures.framing_ended = self._framing_ended
        self._keys.changed = self._choose_cursor
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(LOOK_EVERY)
        self._timer.timeout.connect(self.look)
        self._previews = QtCore.QTimer(self)
        self._previews.setSingleShot(True)
        self._previews.timeout.connect(self._show_preview)
        self._preview_shown_at = 0.0

    # What the workspace uses

    @property
    def mode(self) -> bool:
        """Whether Pull mode is on."""
        return self._mode

    @property
    def overlay(self) -> Overlay | None:
        """The overlay, while there is one."""
        return self._overlay if alive(self._overlay) else None

    def set_pull(self, pull: Any, document_key: str = "") -> None:
        """Shows another pull, or none; on views of its document only (``host/documents.py: document_key``)."""
        if pull is not self.gestures.pull:
            self._end_observing()
            self._end_observing = lambda: None
            self._pictures = Pictures()
            self._area = ()
            self.gestures.set_pull(pull)
            if pull is not None:
                self._end_observing = pull.observe(self._pull_changed)
        self._document_key = document_key
        self._start_or_end()

    def set_mode(self, on: bool) -> None:
        """Switches Pull mode: shows the points and takes the canvas' presses for them."""
        if on == self._mode:
            return
        self._mode = on
        if not on:
            self.gestures.cancel()
            self.edit_frame(False)
        self._start_or_end()
        self.mode_changed.emit(on)

    @property
    def framing(self) -> bool:
        """Whether the crop's frame is edited."""
        return self.gestures.framing.on

    def edit_frame(self, on: bool = True) -> None:
        """The canvas' presses draw and change the crop's frame, whether Pull mode is on or not."""
        if on == self.framing:
            return
        self.gestures.edit_frame(on)
        self._framing_ended()

    def close(self) -> None:
        """Takes everything off the canvas for good."""
        self._mode = False
        self.gestures.edit_frame(False)
        self.set_pull(None)

    # Following the active view

    def look(self) -> None:
        """Puts the overlay where it belongs now; called by a timer, and at once when something moved."""
        canvas = self._canvases.current()
        if canvas is None or canvas.document_key != self._document_key or not canvas.usable():
            self._detach()
            return
        if canvas is not self._canvas or not alive(self._overlay):
            self._detach()
            self._attach(canvas)
        assert self._overlay is not None
        self._overlay.fit()
        if self._looks % _SELECTION_EVERY == 0 and self.gestures.pull is not None:
            self._look_at_selection()
        self._looks += 1
        before = self.gestures.affine, self.gestures.image
        self._locate()
        if before != (self.gestures.affine, self.gestures.image):
            self._drawn = None
            self._overlay.update()

    def _locate(self) -> None:
        canvas = self._canvas
        if canvas is None or not canvas.usable():
            self.gestures.affine = None
        else:
            self.gestures.affine, self.gestures.image = canvas.transform(), canvas.image_size()

    def _start_or_end(self) -> None:
        if (self._mode and self.gestures.pull is not None) or self.framing:
            self._looks = 0
            self.look()
            self._timer.start()
            self._redraw()
            self._choose_cursor()
        else:
            self._timer.stop()
            self._detach()

    def _attach(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._overlay = Overlay(canvas.widget, self.gestures, self._scene, lambda: bool(self._keys.held))
        self._overlay.before_input = self._locate
        for bar in canvas.scroll_bars():
            bar.valueChanged.connect(self._overlay.moved)
            bar.rangeChanged.connect(self._overlay.moved)
        self._keys.start(
            canvas.widget,
            self._canvases.key_sequences("edit_undo"),
            self._canvases.key_sequences("edit_redo"),
        )
        self._looks = 0

    def _detach(self) -> None:
        overlay, self._overlay, self._canvas = self._overlay, None, None
        self._keys.stop()
        self.gestures.cancel()
        self.gestures.affine = None
        if alive(overlay):
            overlay.hide()
            overlay.deleteLater()

    # What is drawn

    def _scene(self) -> Scene | None:
        self._locate()
        gestures, pull = self.gestures, self.gestures.pull
        if gestures.affine is None:
            return None
        scene = Scene(gestures.affine, gestures.image)
        if self.framing:
            scene.show_framing(gestures.framing)
        if pull is None or not self._mode:
            return scene
        exact = self._pictures.edit(pull)
        scene.picture = exact or self._pictures.preview(pull)
        scene.exact = exact is not None
        scene.show_pairs(pull, gestures)
        scene.crop = crop_of(pull)
        if not self.framing:
            scene.faces = other_faces(pull, scene.crop)
        scene.area = self._movable_area(pull, scene.crop)
        return scene

    def _movable_area(self, pull: Any, crop: Square | None) -> Sequence[Capsule]:
        """The automatic one; empty when it comes from a selection, which Krita itself shows, or is the whole crop."""
        if pull.area.movable != "automatic" or self._selected_area or crop is None:
            return ()
        if pull.can_edit_pairs or not self._area:  # in the midst of a pull it stays as it was when that began
            ends = [(pair.handle, pair.target) for pair in pull.pairs]
            self._area = widened(ends, crop, pull.area.grow)
        return self._area

    def _look_at_selection(self) -> None:
        pull = self.gestures.pull
        selected = bool(pull.source.exists() and pull.source.selection_bounds() is not None)
        if selected != self._selected_area:
            self._selected_area = selected
            self._redraw()

    def _redraw(self) -> None:
        """Has the overlay drawn anew where something is or was: all that lies below is drawn with it."""
        if alive(self._overlay):
            before, self._drawn = self._drawn, self._extent()
            if before is None or self._drawn is None:
                self._overlay.update()
            else:
                self._overlay.update(before.united(self._drawn))

    def _extent(self) -> QtCore.QRect | None:
        """What the overlay draws on, widget px; None for all of it."""
        affine, pull = self.gestures.affine, self.gestures.pull
        if affine is None or pull is None or self.framing:
            return None
        rects = [shown.rect for shown in (crop_of(pull), pull.edit, *pull.faces) if shown is not None]
        if pull.preview is not None:
            rects.append(pull.preview.square.rect)
        places = [Point(x, y) for each in rects for x in (each.x, each.x + each.width) for y in _ends(each)]
        places += [place for pair in pull.pairs for place in (pair.start, pair.handle, pair.target)]
        if not places:
            return QtCore.QRect()
        across, down = zip(*(affine.map(place) for place in places))
        left, top = math.floor(min(across)) - MARGIN, math.floor(min(down)) - MARGIN
        right, bottom = math.ceil(max(across)) + MARGIN, math.ceil(max(down)) + MARGIN
        return QtCore.QRect(left, top, right - left, bottom - top)

    def _pull_changed(self, topic: str) -> None:
        if topic in ("state", "pairs"):
            if self.framing and not self.gestures.pull.can_edit_pairs:
                self.edit_frame(False)  # what runs has its crop
            self.gestures.refresh()
            self._choose_cursor()
        following = not self.gestures.pull.can_edit_pairs and self.gestures.held is None
        if topic == "preview" or (topic in ("state", "pairs") and following):
            self._preview_came()
        elif topic in ("state", "pairs", "options"):
            self._redraw()

    def _preview_came(self) -> None:
        if self._previews.isActive() or not alive(self._overlay):
            return
        pause = min(0.5, self._overlay.cost / _PREVIEW_SHARE)
        wait = self._preview_shown_at + pause - time.monotonic()
        if wait > 0.0:
            self._previews.start(math.ceil(wait * 1000.0))
        else:
            self._show_preview()

    def _show_preview(self) -> None:
        self._preview_shown_at = time.monotonic()
        self._redraw()

    def _choose_cursor(self) -> None:
        if alive(self._overlay):
            self._overlay.choose_cursor()

    def _framing_ended(self) -> None:
        self._start_or_end()
        self.framing_changed.emit(self.framing)


def _ends(rect: Rect) -> tuple[int, int]:
    return rect.y, rect.y + rect.height
