"""The few things that the bindings do differently."""

from __future__ import annotations

import os
from typing import Any

import pytest

from krita_plugin.pullface.qt import (
    QT_MAJOR,
    QAction,
    QActionGroup,
    QShortcut,
    Qt,
    QtCore,
    QtGui,
    QtWidgets,
    alive,
    event_global_position,
    event_position,
    key_sequence,
    read_notifier,
    same_object,
    sip,
)

HERE, THERE = QtCore.QPointF(3.25, 4.5), QtCore.QPointF(103.25, 204.5)
NONE, LEFT = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def _application(application: Any) -> None:
    pass


def test_the_binding_that_was_loaded_first_is_taken() -> None:
    assert QtCore.__name__ == f"PyQt{QT_MAJOR}.QtCore"
    assert all(
        issubclass(each, QtCore.QObject) for each in (QAction, QActionGroup, QShortcut, QtWidgets.QWidget)
    )


def test_positions_keep_their_fractions() -> None:
    mouse = QtGui.QMouseEvent(QtCore.QEvent.Type.MouseButtonPress, HERE, THERE, LEFT, LEFT, NONE)
    wheel = QtGui.QWheelEvent(
        HERE, THERE, QtCore.QPoint(), QtCore.QPoint(0, 120), Qt.MouseButton.NoButton, NONE,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    enter = QtGui.QEnterEvent(HERE, HERE, THERE)
    for event in (mouse, wheel, enter):
        assert event_position(event) == HERE
        assert event_global_position(event) == THERE


@pytest.mark.parametrize(
    ("key", "modifiers", "text"),
    [
        (Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier, "Ctrl+Z"),
        (
            Qt.Key.Key_Z,
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
            "Ctrl+Shift+Z",
        ),
        (Qt.Key.Key_1, Qt.KeyboardModifier.KeypadModifier, "1"),
    ],
)
def test_keys_are_compared_with_shortcuts(key: Any, modifiers: Any, text: str) -> None:
    event = QtGui.QKeyEvent(QtCore.QEvent.Type.KeyPress, key, modifiers)
    assert key_sequence(event) == QtGui.QKeySequence(text)


def test_deleted_objects_are_known() -> None:
    parent = QtCore.QObject()
    child = QtCore.QObject(parent)
    assert alive(child)
    assert same_object(child, child)
    assert not same_object(child, parent)
    sip.delete(parent)
    assert not alive(child)
    assert not same_object(child, child)
    assert not alive(None)


def test_a_notifier_tells_when_there_is_something_to_read() -> None:
    reading, writing = os.pipe()
    seen: list[bytes] = []
    owner = QtCore.QObject()
    notifier = read_notifier(reading, lambda: seen.append(os.read(reading, 10)), owner)
    os.write(writing, b"x")
    for _ in range(100):
        QtWidgets.QApplication.processEvents()
        if seen:
            break
    notifier.setEnabled(False)
    sip.delete(owner)
    os.close(reading)
    os.close(writing)
    assert seen == [b"x"]
