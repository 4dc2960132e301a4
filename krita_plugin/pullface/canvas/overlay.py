"""The widget that lies on Krita's canvas: passes mouse and pen to the gestures and draws the scene.

It is a child of the canvas widget and never takes the keyboard. What it does not accept goes on to the canvas, so that
Krita's own panning, zooming, rotating and its popup palette work as ever. It stays below the canvas' other children.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..backend.editing.framing import Framing
from ..backend.editing.geometry import Point
from ..backend.editing.gestures import Button, Gestures
from ..qt import Qt, QtCore, QtGui, QtWidgets, alive, event_position, is_eraser, single_shot
from .painting import Painting, Scene
from .pictures import Picture

_PEN_ECHO = 0.3
"""Some systems send mouse events beside the pen's own, a little later; for so many seconds they are not believed."""


class Overlay(QtWidgets.QWidget):
    """One canvas' overlay.

    Attributes:
        before_input: called before an event is understood, to bring the gestures' transform up to date.
        cost: how long the latest drawing kept the event loop, s: painting, and bringing the window to the screen.
        paint_times: the processor's time for each paint event, ms; for measuring, empty unless ``measure`` is set.
        measure: whether to fill ``paint_times``.
    """

    def __init__(
        self,
        canvas: QtWidgets.QWidget,
        gestures: Gestures,
        scene: Callable[[], Scene | None],
        keys_held: Callable[[], bool],
    ) -> None:
        super().__init__(canvas)
        self.before_input: Callable[[], None] = lambda: None
        self.cost = 0.0
        self.paint_times: list[float] = []
        self.measure = False
        self._gestures = gestures
        self._scene = scene
        self._keys_held = keys_held
        self._painting = Painting()
        self._pen_seen = 0.0
        self._pen_down = False
        self._working = False
        self._painted_at: float | None = None
        self.setObjectName("pullface_overlay")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_TabletTracking)
        self.setMouseTracking(True)
        self.fit()
        self.show()
        self.lower()

    def fit(self) -> None:
        """Covers the whole canvas."""
        canvas = self.parentWidget()
        if canvas is not None and self.geometry() != canvas.rect():
            self.setGeometry(canvas.rect())

    def choose_cursor(self) -> None:
        """The cursor that tells what a press would do; Krita's own where the press is Krita's."""
        gestures = self._gestures
        if self._keys_held():
            self.unsetCursor()
        elif gestures.framing.on:
            self.setCursor(_frame_cursor(gestures.framing))
        elif gestures.held is not None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif gestures.hover is not None:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif gestures.pull is not None and gestures.pull.can_edit_pairs:
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            self.setCursor(Qt.CursorShape.ArrowCursor)

    def moved(self, *_: int) -> None:
        """A scroll bar of the canvas changed: the image lies elsewhere now."""
        self.fit()
        self.update()

    # Qt

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802
        began = time.thread_time()
        if self._painted_at is None:
            self._painted_at = time.perf_counter()
            single_shot(0, self._shown)
        scene = self._scene()
        if scene is None:
            return
        painter = QtGui.QPainter(self)
        try:
            self._painting.draw(painter, scene, self.devicePixelRatioF())
        except Exception:
            self.hide()  # one message about it, not thirty a second
            raise
        finally:
            painter.end()  # a painter that outlives the event would crash Qt
        if scene.picture is not None and not self._working:
            self._work(scene.picture)
        if self.measure:
            self.paint_times.append((time.thread_time() - began) * 1e3)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        event.setAccepted(self._is_echo() or self._press(event))

    mouseDoubleClickEvent = mousePressEvent  # noqa: N815

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        event.setAccepted(self._is_echo() or self._move(event))

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        event.setAccepted(self._is_echo() or self._release(event))

    def tabletEvent(self, event: QtGui.QTabletEvent) -> None:  # noqa: N802
        kind = event.type()
        if kind == QtCore.QEvent.Type.TabletPress:
            ours = self._press(event, pen=True)
            self._pen_down = ours
        elif kind == QtCore.QEvent.Type.TabletMove:
            ours = self._move(event, pen=True)
        else:
            ours = self._release(event, pen=True)
            self._pen_down = False
        if ours:
            self._pen_seen = time.monotonic()
        event.setAccepted(ours)

    def leaveEvent(self, event: QtCore.QEvent) -> None:  # noqa: N802
        self._gestures.leave()

    # Inside

    def _work(self, picture: Picture) -> None:
        """Prepares a large picture between other events, and draws it anew when it is ready."""
        if not alive(self) or not self.isVisible():
            self._working = False
            return
        before, self._working = self._working, picture.work()
        if self._working:
            single_shot(0, lambda: self._work(picture))
        elif before:
            self.update()

    def _shown(self) -> None:
        """The event loop turns again after something was drawn."""
        if self._painted_at is not None:
            self.cost, self._painted_at = time.perf_counter() - self._painted_at, None

    def _is_echo(self) -> bool:
        return self._pen_down or time.monotonic() - self._pen_seen < _PEN_ECHO

    def _place(self, event: Any, pen: bool) -> Point:
        """Where it happened. A mouse tells whole pixels: it means their middle; a pen tells the very place."""
        position, half = event_position(event), 0.0 if pen else 0.5 / self.devicePixelRatioF()
        return Point(position.x() + half, position.y() + half)

    def _press(self, event: Any, pen: bool = False) -> bool:
        if self._keys_held() and not self._gestures.busy:
            return False
        self.before_input()
        ours = self._gestures.press(self._place(event, pen), _button(event), pen, pen and is_eraser(event))
        self.choose_cursor()
        return ours

    def _move(self, event: Any, pen: bool = False) -> bool:
        busy = self._gestures.busy
        if not busy and (self._keys_held() or event.buttons()):
            return False  # Krita is panning, zooming, rotating
        self.before_input()
        ours = self._gestures.move(self._place(event, pen), pen, _shift(event))
        self.choose_cursor()
        return ours or not busy

    def _release(self, event: Any, pen: bool = False) -> bool:
        if not self._gestures.busy or (not pen and event.button() != Qt.MouseButton.LeftButton):
            return self._gestures.busy
        ours = self._gestures.release(self._place(event, pen), pen, _shift(event))
        self.choose_cursor()
        return ours


def _shift(event: Any) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)


def _frame_cursor(framing: Framing) -> Qt.CursorShape:
    spot, shapes = framing.held or framing.hover, Qt.CursorShape
    if spot is None:
        return shapes.CrossCursor
    return {
        "inside": shapes.SizeAllCursor,
        "corner": shapes.SizeFDiagCursor if spot.number % 2 == 0 else shapes.SizeBDiagCursor,
        "turn": shapes.ClosedHandCursor if framing.busy else shapes.OpenHandCursor,
        "face": shapes.PointingHandCursor,
    }[spot.part]


def _button(event: Any) -> Button:
    button = event.button()
    if button == Qt.MouseButton.LeftButton:
        return "left"
    return "right" if button == Qt.MouseButton.RightButton else "other"
