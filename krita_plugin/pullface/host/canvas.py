"""The canvas that the artist looks at: its widget, its document, and where the image lies on it.

Krita tells plugins neither the widget nor, before 5.2, the transform. The widget is found by the names of Krita's
classes (5.1 to 6.0: KisMainWindow > QMdiArea > QMdiSubWindow > KisView > KisCanvasController > viewport > canvas).
"""

from __future__ import annotations

import math
from typing import Any

from krita import Krita

from ..backend.editing.affine import Affine
from ..qt import Qt, QtCore, QtGui, QtWidgets, alive, class_name, same_object
from .documents import document_key

_CANVASES = {"KisOpenGLCanvas2", "KisQPainterCanvas"}
_POINTS_PER_INCH = 72.0
_FALLBACK_KEYS = {"edit_undo": ["Ctrl+Z"], "edit_redo": ["Ctrl+Shift+Z"]}


class KritaCanvas:
    """One view's canvas widget.

    Attributes:
        widget: the canvas widget; Krita replaces it when the artist switches OpenGL on or off.
        document_key: of the document that the view shows.
    """

    def __init__(self, view_widget: QtWidgets.QWidget, controller: Any, widget: Any, view: Any) -> None:
        document = view.document()
        self.widget = widget
        self.document_key = document_key(document)
        self._view_widget = view_widget
        self._controller = controller
        self._view = view
        self._document = document
        self._exact = hasattr(view, "flakeToImageTransform")  # Krita 5.2 and later
        self._vast_scrolling = _vast_scrolling()

    def usable(self) -> bool:
        """Whether view and widget are still there. To be asked before anything else: Krita crashes on closed views."""
        return bool(alive(self.widget) and alive(self._view_widget) and self._view.visible())

    def scroll_bars(self) -> list[QtWidgets.QScrollBar]:
        """Whose changes tell that the image moved."""
        return [self._controller.horizontalScrollBar(), self._controller.verticalScrollBar()]

    def image_size(self) -> tuple[int, int]:
        """Width and height of the image, px."""
        return self._document.width(), self._document.height()

    def transform(self) -> Affine | None:
        """Image space → logical px of ``widget``; None when the view is gone or shows nothing."""
        if not self.usable():
            return None
        if self._exact:
            back, ok = self._view.flakeToImageTransform().inverted()
            way = back * self._view.flakeToCanvasTransform() if ok else None
        else:
            way = self._from_scroll_bars()
        if way is None or not way.isInvertible():
            return None
        affine = Affine(way.m11(), way.m12(), way.m21(), way.m22(), way.dx(), way.dy())
        return affine if all(map(math.isfinite, affine)) else None

    def _from_scroll_bars(self) -> QtGui.QTransform:
        """What Krita 5.1 does itself: mirror and scale, rotate, then shift by the scroll bars."""
        canvas = self._view.canvas()  # got anew each time: a kept one crashes once its view is closed
        width, height = self.image_size()
        scale = canvas.zoomLevel() * _POINTS_PER_INCH / self._document.xRes()
        way = QtGui.QTransform()
        way.rotate(canvas.rotation())
        way.scale(-scale if canvas.mirror() else scale, scale)
        bounds = way.mapRect(QtCore.QRectF(0, 0, width, height))
        whole, viewport = bounds.toAlignedRect(), self._controller.viewport()
        across, down = viewport.width(), viewport.height()
        margin = 2.0 * self._vast_scrolling - 1.0
        left = -bounds.left() - self._controller.horizontalScrollBar().value()
        top = -bounds.top() - self._controller.verticalScrollBar().value()
        # Krita centres what cannot be scrolled; that only happens when "vast scrolling" is small.
        left += max(0.0, -(whole.width() + margin * across) / 2.0)
        top += max(0.0, -(whole.height() + margin * down) / 2.0)
        return way * QtGui.QTransform.fromTranslate(left, top)


class ActiveCanvas:
    """Finds the canvas of the view that is active now; cheap enough to be asked 20 times a second."""

    def __init__(self) -> None:
        self._window: Any = None
        self._main: Any = None
        self._area: Any = None
        self._canvas: KritaCanvas | None = None
        self._view_widget: Any = None
        self._controller: Any = None

    def current(self) -> KritaCanvas | None:
        """The canvas of the active view; None when there is none.

        While another program has the focus, or a dialog of Krita that belongs to no window, it stays the same.
        """
        self._find_window()
        if not alive(self._area):
            self._lost()
            return None
        sub_window = self._area.currentSubWindow()
        view_widget = sub_window.widget() if alive(sub_window) else None
        if not alive(view_widget) or class_name(view_widget) != "KisView":
            self._lost()
            return None
        if not same_object(view_widget, self._view_widget) or not alive(self._controller):
            self._canvas = None
            self._view_widget, self._controller = view_widget, _controller_of(view_widget)
        if self._controller is None:
            self._lost()
            return None
        if self._canvas is not None and self._canvas.usable():
            return self._canvas
        self._canvas = None
        view = self._window.activeView()
        widget = _canvas_of(self._controller)
        if widget is not None and view is not None and view.visible() and view.document() is not None:
            self._canvas = KritaCanvas(view_widget, self._controller, widget, view)
        return self._canvas

    def key_sequences(self, action: str) -> list[QtGui.QKeySequence]:
        """The keys that the artist chose for one of Krita's actions, e.g. ``edit_undo``."""
        found = Krita.instance().action(action)
        keys = list(found.shortcuts()) if found is not None else []
        return keys or [QtGui.QKeySequence(text) for text in _FALLBACK_KEYS.get(action, [])]

    def _find_window(self) -> None:
        window = Krita.instance().activeWindow()
        main = window.qwindow() if window is not None else None
        if main is None or (alive(self._area) and same_object(main, self._main)):
            return
        self._window, self._main = window, main
        self._area = main.findChild(QtWidgets.QMdiArea)

    def _lost(self) -> None:
        self._canvas = self._view_widget = self._controller = None


def _controller_of(view_widget: QtWidgets.QWidget) -> QtWidgets.QAbstractScrollArea | None:
    areas = view_widget.findChildren(QtWidgets.QAbstractScrollArea)
    return next((area for area in areas if class_name(area) == "KisCanvasController"), None)


def _canvas_of(controller: QtWidgets.QAbstractScrollArea) -> QtWidgets.QWidget | None:
    children = controller.viewport().findChildren(
        QtWidgets.QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly
    )
    # After a switch of OpenGL the old canvas may wait for its deletion beside the new one.
    return next((child for child in reversed(children) if class_name(child) in _CANVASES), None)


def _vast_scrolling() -> float:
    try:
        return float(Krita.instance().readSetting("", "vastScrolling", "0.9") or 0.9)
    except ValueError:
        return 0.9
