"""Qt, whichever binding the editor brings: PyQt5 (Krita 5) or PyQt6 (Krita 6). The only place that imports either.

Use it as ``from ..qt import Qt, QtCore, QtGui, QtWidgets, Signal`` and write enums scoped
(``Qt.MouseButton.LeftButton``, ``QtCore.QEvent.Type.KeyPress``): both bindings understand those. Names that moved
between the modules or changed their shape stand here once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar

_T = TypeVar("_T")


def _major_version() -> int:
    """The Qt that this process already runs on: importing the other binding beside it could crash the editor.

    Newer Kritas tell it in their built-in module ``pykrita``; older ones are all Qt 5. Outside Krita (the tests) it is
    the binding that was imported first, else the one that is installed.
    """
    tell = getattr(sys.modules.get("pykrita"), "qt_major_version", None)
    if tell is not None:
        return int(tell())
    if "pykrita" in sys.modules or "PyQt5.QtCore" in sys.modules:
        return 5
    if "PyQt6.QtCore" in sys.modules:
        return 6
    try:
        import PyQt5.QtCore  # noqa: F401
    except ImportError:
        return 6
    return 5


QT_MAJOR = _major_version()

if QT_MAJOR == 6:
    from PyQt6 import QtCore, QtGui, QtWidgets, sip
    from PyQt6.QtGui import QAction, QActionGroup, QShortcut
else:
    from PyQt5 import QtCore, QtGui, QtWidgets, sip
    from PyQt5.QtWidgets import QAction, QActionGroup, QShortcut

Qt = QtCore.Qt
Signal = QtCore.pyqtSignal
Slot = QtCore.pyqtSlot

__all__ = [
    "QT_MAJOR",
    "QAction",
    "QActionGroup",
    "QShortcut",
    "Qt",
    "QtCore",
    "QtGui",
    "QtWidgets",
    "Signal",
    "Slot",
    "alive",
    "class_name",
    "event_global_position",
    "event_position",
    "is_eraser",
    "key_sequence",
    "read_notifier",
    "same_object",
    "single_shot",
]


def alive(thing: _T | None) -> TypeGuard[_T]:
    """Whether a Qt object is there: not None, and not deleted on the C++ side."""
    return thing is not None and not sip.isdeleted(thing)


def same_object(first: Any, second: Any) -> bool:
    """Whether two Python wrappers stand for one C++ object; editors hand out new wrappers now and then."""
    if not alive(first) or not alive(second):
        return False
    return first is second or sip.unwrapinstance(first) == sip.unwrapinstance(second)


def class_name(thing: Any) -> str:
    """The C++ class of an object, which Python may only know by a base class."""
    return str(thing.metaObject().className())


def event_position(event: Any) -> QtCore.QPointF:
    """Where a mouse, pen, wheel or enter event happened: logical px of the widget that gets it, with fractions."""
    if QT_MAJOR == 6 or isinstance(event, QtGui.QWheelEvent):
        return event.position()
    if isinstance(event, QtGui.QTabletEvent):
        return event.posF()
    return event.localPos()


def event_global_position(event: Any) -> QtCore.QPointF:
    """The same in logical px of the screen."""
    if QT_MAJOR == 6 or isinstance(event, QtGui.QWheelEvent):
        return event.globalPosition()
    if isinstance(event, QtGui.QTabletEvent):
        return event.globalPosF()
    return event.screenPos()


def is_eraser(event: QtGui.QTabletEvent) -> bool:
    """Whether it is the other end of the pen."""
    kinds = QtGui.QPointingDevice if QT_MAJOR == 6 else QtGui.QTabletEvent
    return bool(event.pointerType() == kinds.PointerType.Eraser)


def key_sequence(event: QtGui.QKeyEvent) -> QtGui.QKeySequence:
    """The key of an event with its modifiers, to compare with shortcuts; the number pad's keys count as the others."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if QT_MAJOR == 6:
        return QtGui.QKeySequence(QtCore.QKeyCombination(modifiers, Qt.Key(event.key())))
    return QtGui.QKeySequence(int(modifiers) | event.key())


def read_notifier(
    descriptor: int, callback: Callable[[], None], parent: QtCore.QObject
) -> QtCore.QSocketNotifier:
    """Calls ``callback`` from the event loop when the descriptor can be read.

    End it with ``setEnabled(False)`` and ``deleteLater()`` before the descriptor is closed.
    """
    notifier = QtCore.QSocketNotifier(descriptor, QtCore.QSocketNotifier.Type.Read, parent)
    notifier.activated.connect(lambda *_: callback())  # the arguments differ between the bindings
    return notifier


def single_shot(milliseconds: int, callback: Callable[[], None]) -> None:
    """Calls ``callback`` once from the event loop, after so many milliseconds."""
    QtCore.QTimer.singleShot(milliseconds, callback)
