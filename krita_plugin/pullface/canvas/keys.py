"""Keys while points are edited: undo, redo and Delete act on points, and keys that Krita's canvas waits for are known.

Krita sees keys before its canvas' children do, so the whole application is listened to, and only while it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from ..backend.editing.gestures import Gestures, Key
from ..qt import Qt, QtCore, QtGui, QtWidgets, alive, key_sequence

_Type = QtCore.QEvent.Type
_MODIFIERS = {
    int(key)
    for key in (
        Qt.Key.Key_Shift,
        Qt.Key.Key_Control,
        Qt.Key.Key_Alt,
        Qt.Key.Key_Meta,
        Qt.Key.Key_AltGr,
        Qt.Key.Key_CapsLock,
        Qt.Key.Key_NumLock,
        Qt.Key.Key_ScrollLock,
    )
}
_PLAIN: dict[int, Key] = {
    int(Qt.Key.Key_Delete): "delete",
    int(Qt.Key.Key_Backspace): "delete",
    int(Qt.Key.Key_Return): "drag",
    int(Qt.Key.Key_Enter): "drag",
    int(Qt.Key.Key_Escape): "escape",
}
_FORGET = (_Type.WindowDeactivate, _Type.ApplicationStateChange, _Type.FocusOut)


class Keys(QtCore.QObject):
    """Listens to the application between ``start`` and ``stop``.

    Attributes:
        held: keys that are held down while the canvas has the keyboard, modifiers not counted.
        changed: called when ``held`` became empty or not.
    """

    def __init__(self, gestures: Gestures, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self.held: set[int] = set()
        self.changed: Callable[[], None] = lambda: None
        self._gestures = gestures
        self._canvas: QtWidgets.QWidget | None = None
        self._sequences: dict[Key, list[QtGui.QKeySequence]] = {}
        self._eaten: set[int] = set()
        self._listening = False

    def start(
        self,
        canvas: QtWidgets.QWidget,
        undo: Sequence[QtGui.QKeySequence],
        redo: Sequence[QtGui.QKeySequence],
    ) -> None:
        """Listens for one canvas; ``undo`` and ``redo`` are the editor's own keys for them."""
        self._canvas = canvas
        self._sequences = {"undo": list(undo), "redo": list(redo)}
        self._forget()
        if not self._listening:
            QtWidgets.QApplication.instance().installEventFilter(self)
            self._listening = True

    def stop(self) -> None:
        """Listens no more."""
        if self._listening:
            application = QtWidgets.QApplication.instance()
            if application is not None:
                application.removeEventFilter(self)
            self._listening = False
        self._canvas = None
        self._forget()

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:  # noqa: N802
        kind = event.type()
        if kind == _Type.ShortcutOverride:
            key = self._meaning(event)
            if key is None or not self._gestures.understands(key):
                return False
            event.accept()  # now it comes as a key press, not as the editor's shortcut
            return True
        if kind == _Type.KeyPress:
            return self._press(event)
        if kind == _Type.KeyRelease:
            return self._release(event)
        if kind in _FORGET:
            self._forget()
        return False

    def _press(self, event: QtGui.QKeyEvent) -> bool:
        key = self._meaning(event)
        if key is not None and self._gestures.key(key, event.isAutoRepeat()):
            self._eaten.add(_code(event))
            return True
        if not event.isAutoRepeat() and event.key() not in _MODIFIERS and self._on_canvas():
            self._hold(self.held | {_code(event)})
        return False

    def _release(self, event: QtGui.QKeyEvent) -> bool:
        code = _code(event)
        if code in self._eaten:
            if not event.isAutoRepeat():
                self._eaten.discard(code)
            return True
        if not event.isAutoRepeat():
            self._hold(self.held - {code})
        return False

    def _hold(self, held: set[int]) -> None:
        before, self.held = self.held, held
        if bool(before) != bool(held):
            self.changed()

    def _forget(self) -> None:
        self._eaten.clear()
        self._hold(set())

    def _meaning(self, event: QtGui.QKeyEvent) -> Key | None:
        """What a key means here and now; None when it is not ours."""
        if not alive(self._canvas) or self.held:
            return None
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if modifiers == Qt.KeyboardModifier.NoModifier and event.key() in _PLAIN:
            return _PLAIN[event.key()] if self._on_canvas() else None
        if event.key() in _MODIFIERS:
            return None
        sequence = key_sequence(event)
        for key, sequences in self._sequences.items():
            if sequence in sequences:
                return key if self._on_canvas() or self._beside_canvas() else None
        return None

    def _on_canvas(self) -> bool:
        """Whether a key that is pressed now goes to the canvas."""
        application = QtWidgets.QApplication
        if application.activePopupWidget() is not None or application.activeModalWidget() is not None:
            return False
        focus, canvas = application.focusWidget(), self._canvas
        if canvas is None:
            return False
        if focus is None:
            return application.activeWindow() is canvas.window()
        return focus is canvas or focus.isAncestorOf(canvas)

    def _beside_canvas(self) -> bool:
        """Whether it goes to a docker of the same window where it does not edit text."""
        application = QtWidgets.QApplication
        if application.activePopupWidget() is not None or application.activeModalWidget() is not None:
            return False
        focus, canvas = application.focusWidget(), self._canvas
        if canvas is None or focus is None or focus.window() is not canvas.window():
            return False
        return not focus.testAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)


def _code(event: QtGui.QKeyEvent) -> int:
    """Tells keys apart. Not by what they type: that changes when Shift is released before the key itself."""
    native = event.nativeVirtualKey() if sys.platform == "darwin" else event.nativeScanCode()
    return int(native) or int(event.key())
