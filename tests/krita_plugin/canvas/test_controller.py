"""The overlay on a canvas, with Qt's own events, on no screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from krita_plugin.pullface.backend.editing.affine import Affine
from krita_plugin.pullface.backend.editing.geometry import Point, Square
from krita_plugin.pullface.backend.editing.pairs import PairList
from krita_plugin.pullface.canvas.controller import CanvasController
from krita_plugin.pullface.qt import QT_MAJOR, Qt, QtCore, QtGui, QtWidgets, alive
from tests.editing.fake_pull import FakePull

from .window import Window

QtTest = pytest.importorskip(f"PyQt{QT_MAJOR}.QtTest")
NONE = Qt.KeyboardModifier.NoModifier


class Stage:
    def __init__(self) -> None:
        self.window = Window()
        self.controller = CanvasController(self.window, self.window)
        self.asked: list[Any] = []
        self.controller.drag_requested.connect(lambda: self.asked.append("drag"))
        self.controller.stop_requested.connect(lambda: self.asked.append("stop"))
        self.controller.crop_drawn.connect(self.asked.append)
        self.controller.mode_changed.connect(lambda on: self.asked.append(on))
        self.pull = FakePull(PairList())
        self.controller.set_pull(self.pull, "a document")
        self.controller.set_mode(True)
        self.asked.clear()
        settle()

    @property
    def overlay(self) -> Any:
        return self.controller.overlay

    @property
    def canvas(self) -> Any:
        assert self.window.canvas is not None
        return self.window.canvas

    @property
    def pairs(self) -> list[tuple[Point, Point]]:
        return [(pair.handle, pair.target) for pair in self.pull.pairs]

    def mouse(self, kind: str, x: float, y: float, button: Any = Qt.MouseButton.LeftButton) -> None:
        """A press or a release at a position of the image."""
        place = self.canvas.way.map(Point(x, y))
        there = QtCore.QPoint(round(place.x), round(place.y))
        getattr(QtTest.QTest, kind)(self.overlay, button, NONE, there)

    def move(self, x: float, y: float, buttons: Any = Qt.MouseButton.LeftButton) -> None:
        place = QtCore.QPointF(*self.canvas.way.map(Point(x, y)))
        event = QtGui.QMouseEvent(
            QtCore.QEvent.Type.MouseMove, place, QtCore.QPointF(self.overlay.mapToGlobal(place.toPoint())),
            Qt.MouseButton.NoButton, buttons, NONE,
        )  # fmt: skip
        QtWidgets.QApplication.sendEvent(self.overlay, event)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mousePress", *start)
        self.move(*end)
        self.mouse("mouseRelease", *end)

    def key(self, name: str, on: Any = None) -> None:
        sequence = QtGui.QKeySequence(name)
        if QT_MAJOR == 6:
            code, modifiers = sequence[0].key(), sequence[0].keyboardModifiers()
        else:
            every = int(Qt.KeyboardModifier.KeyboardModifierMask)
            code, modifiers = sequence[0] & ~every, Qt.KeyboardModifiers(sequence[0] & every)
        QtTest.QTest.keyClick((on or self.window).windowHandle() or on, code, modifiers)


@pytest.fixture
def stage(application: Any) -> Iterator[Stage]:
    made = Stage()
    yield made
    made.controller.close()
    made.window.close()
    made.window.deleteLater()
    settle()


def middle(x: float, y: float) -> Point:
    """What a mouse means that is on this pixel of a canvas at 100 %."""
    return Point(x + 0.5, y + 0.5)


def settle() -> None:
    for _ in range(3):
        QtWidgets.QApplication.processEvents()
        QtWidgets.QApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def wait_until(true: Callable[[], Any], seconds: float = 2.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        settle()
        time.sleep(0.005)


def test_a_drag_makes_a_pair_and_nothing_reaches_the_canvas(stage: Stage) -> None:
    stage.drag((100, 80), (160, 120))
    assert stage.pairs == [(middle(100, 80), middle(160, 120))]
    assert stage.canvas.widget.came == []


def test_the_canvas_keeps_wheel_middle_and_right_button(stage: Stage) -> None:
    for button in (Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton):
        stage.mouse("mousePress", 100, 80, button)
        stage.mouse("mouseRelease", 100, 80, button)
        assert stage.canvas.widget.came == ["press", "release"]
        stage.canvas.widget.came.clear()
    wheel = QtGui.QWheelEvent(
        QtCore.QPointF(100, 100), QtCore.QPointF(100, 100), QtCore.QPoint(), QtCore.QPoint(0, 120),
        Qt.MouseButton.NoButton, NONE, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    stage.overlay.event(wheel)
    assert not wheel.isAccepted()
    assert stage.pairs == []


def test_while_a_key_is_held_presses_are_the_editors(stage: Stage) -> None:
    handle = stage.window.windowHandle()
    QtTest.QTest.keyPress(handle, Qt.Key.Key_Space)
    stage.drag((100, 80), (160, 120))
    assert stage.canvas.widget.came[:2] == ["key", "press"]
    QtTest.QTest.keyRelease(handle, Qt.Key.Key_Space)
    assert stage.pairs == []
    stage.drag((100, 80), (160, 120))
    assert len(stage.pairs) == 1


def test_a_key_that_was_held_when_the_keyboard_went_elsewhere_is_forgotten(stage: Stage) -> None:
    QtTest.QTest.keyPress(stage.window.windowHandle(), Qt.Key.Key_Space)
    stage.window.field.setFocus()
    settle()
    stage.drag((100, 80), (160, 120))
    assert len(stage.pairs) == 1


def test_undo_is_ours_first_and_then_the_editors(stage: Stage) -> None:
    stage.drag((100, 80), (160, 120))
    stage.key("Ctrl+Z")
    assert stage.pairs == []
    assert stage.window.undone == 0
    stage.key("Ctrl+Shift+Z")
    assert len(stage.pairs) == 1
    stage.key("Ctrl+Z")
    stage.key("Ctrl+Z")
    assert stage.window.undone == 1


def test_undo_is_ours_from_a_button_but_not_from_a_field_of_text(stage: Stage) -> None:
    stage.drag((100, 80), (160, 120))
    stage.window.field.setFocus()
    QtTest.QTest.keyClicks(stage.window.windowHandle() and stage.window.field, "a")
    stage.key("Ctrl+Z")
    stage.key("Del")
    assert len(stage.pairs) == 1
    stage.window.button.setFocus()
    stage.key("Del")
    assert len(stage.pairs) == 1
    assert stage.window.cleared == 1  # no field of text had it: the editor's own
    stage.key("Ctrl+Z")
    assert stage.pairs == []
    assert stage.window.undone == 0


def test_delete_never_reaches_the_editor_from_the_canvas(stage: Stage) -> None:
    stage.drag((100, 80), (160, 120))
    for name in ("Del", "Backspace", "Del"):
        stage.key(name)
    assert stage.pairs == []
    assert stage.window.cleared == 0
    stage.controller.set_mode(False)
    stage.key("Del")
    assert stage.window.cleared == 1


def test_enter_pulls_and_escape_stops(stage: Stage) -> None:
    stage.key("Return")
    stage.key("Escape")
    stage.pull.set(can_stop=True)
    stage.key("Escape")
    assert stage.asked == ["drag", "stop"]
    assert stage.canvas.widget.came == ["key"]  # the first Escape


def test_the_mode_puts_everything_on_the_canvas_and_takes_it_off(stage: Stage) -> None:
    overlay = stage.overlay
    assert overlay.geometry() == stage.canvas.widget.rect()
    stage.controller.set_mode(False)
    settle()
    assert not alive(overlay)
    assert stage.asked == [False]
    place = QtCore.QPoint(100, 100)
    QtTest.QTest.mousePress(stage.canvas.widget, Qt.MouseButton.LeftButton, NONE, place)
    assert stage.canvas.widget.came == ["press"]
    stage.controller.set_mode(True)
    assert stage.overlay.isVisible()


def test_the_overlay_is_below_the_canvas_other_children(stage: Stage) -> None:
    palette = QtWidgets.QWidget(stage.canvas.widget)
    palette.show()
    stage.controller.set_mode(False)
    stage.controller.set_mode(True)
    children = [child for child in stage.canvas.widget.children() if isinstance(child, QtWidgets.QWidget)]
    assert children.index(stage.overlay) < children.index(palette)


def test_it_follows_to_another_canvas_of_the_document(stage: Stage) -> None:
    stage.drag((100, 80), (160, 120))
    first = stage.overlay
    stage.window.new_canvas("a document")
    wait_until(lambda: stage.overlay is not None and stage.overlay is not first)
    assert stage.overlay.parentWidget() is stage.canvas.widget
    stage.drag((160, 120), (200, 120))
    assert stage.pairs == [(middle(100, 80), middle(200, 120))]


def test_a_canvas_that_is_deleted_with_its_overlay_is_no_harm(stage: Stage) -> None:
    stage.mouse("mousePress", 100, 80)
    old = stage.canvas
    old.widget.deleteLater()
    old.there = False
    stage.window.canvas = None
    settle()
    assert not alive(old.widget)
    stage.pull.tell("preview")
    stage.controller.look()
    assert stage.overlay is None
    assert stage.pairs == []  # what was begun is taken back
    stage.window.new_canvas("a document")
    wait_until(lambda: stage.overlay is not None)


def test_other_documents_show_nothing(stage: Stage) -> None:
    stage.window.new_canvas("another document")
    wait_until(lambda: stage.overlay is None)
    QtTest.QTest.mousePress(stage.canvas.widget, Qt.MouseButton.LeftButton, NONE, QtCore.QPoint(50, 50))
    assert stage.canvas.widget.came == ["press"]


def test_it_is_drawn_anew_when_the_image_moves(stage: Stage) -> None:
    stage.overlay.measure = True
    settle()
    stage.overlay.paint_times.clear()
    stage.canvas.way = Affine(2.0, 0.0, 0.0, 2.0, 0.0, 0.0)
    wait_until(lambda: stage.overlay.paint_times)
    stage.overlay.paint_times.clear()
    stage.window.bars[0].setValue(7)
    settle()
    assert stage.overlay.paint_times


def test_it_is_not_drawn_anew_when_nothing_happens(stage: Stage) -> None:
    stage.overlay.measure = True
    settle()
    stage.overlay.paint_times.clear()
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        settle()
    assert stage.overlay.paint_times == []


def test_the_canvas_is_resized(stage: Stage) -> None:
    stage.canvas.widget.resize(300, 200)
    wait_until(lambda: stage.overlay.size() == stage.canvas.widget.size())


def test_the_cursor_tells_what_a_press_would_do(stage: Stage) -> None:
    def shape() -> Any:
        return stage.overlay.cursor().shape()

    shapes = Qt.CursorShape
    assert shape() == shapes.CrossCursor
    stage.drag((100, 80), (160, 120))
    assert shape() == shapes.OpenHandCursor  # over the target now
    stage.mouse("mousePress", 160, 120)
    assert shape() == shapes.ClosedHandCursor
    stage.mouse("mouseRelease", 160, 120)
    stage.move(300, 200, Qt.MouseButton.NoButton)
    assert shape() == shapes.CrossCursor
    QtTest.QTest.keyPress(stage.window.windowHandle(), Qt.Key.Key_Space)
    assert not stage.overlay.testAttribute(Qt.WidgetAttribute.WA_SetCursor)  # Krita's hand
    QtTest.QTest.keyRelease(stage.window.windowHandle(), Qt.Key.Key_Space)
    stage.pull.set(can_edit_pairs=False)
    assert shape() == shapes.ArrowCursor


def test_slow_screens_get_fewer_previews_and_always_the_last(stage: Stage) -> None:
    shown: list[int] = []
    stage.controller._redraw = lambda: shown.append(stage.pull.preview)  # type: ignore[method-assign]
    stage.overlay.cost = 0.04
    for number in range(20):
        stage.pull.preview = number
        stage.pull.tell("preview")
        time.sleep(0.005)
        QtCore.QCoreApplication.processEvents()
    wait_until(lambda: shown[-1] == 19)
    assert 2 <= len(shown) <= 6
    stage.pull.preview = None


def test_a_crop_is_drawn_outside_pull_mode(stage: Stage) -> None:
    stage.controller.set_mode(False)
    stage.asked.clear()
    stage.controller.edit_frame()
    assert stage.overlay.isVisible()
    stage.drag((100, 80), (200, 120))
    assert stage.asked == [Square(100, 80, 100)]
    stage.controller.edit_frame(False)
    assert stage.overlay is None


def test_editing_the_frame_ends_when_something_runs(stage: Stage) -> None:
    shown: list[bool] = []
    stage.controller.framing_changed.connect(shown.append)
    stage.controller.edit_frame()
    stage.pull.set(can_edit_pairs=False)
    assert not stage.controller.framing
    assert shown == [True, False]


def test_another_pull_is_shown_and_the_old_one_is_let_go(stage: Stage) -> None:
    other = FakePull(PairList())
    stage.controller.set_pull(other, "a document")
    assert stage.pull.observers == []
    stage.drag((100, 80), (160, 120))
    assert stage.pairs == []
    assert len(other.pairs) == 1
    stage.controller.set_pull(None)
    assert stage.overlay is None
    assert other.observers == []


def test_mouse_events_that_follow_a_pens_are_not_believed(stage: Stage) -> None:
    send_pen(stage, "TabletPress", 100, 80)
    stage.mouse("mousePress", 100, 80)
    send_pen(stage, "TabletMove", 150, 90)
    send_pen(stage, "TabletRelease", 150, 90)
    stage.mouse("mousePress", 300, 200)
    stage.mouse("mouseRelease", 300, 200)
    assert stage.pairs == [(Point(100, 80), Point(150, 90))]
    assert stage.canvas.widget.came == []


def test_a_pen_press_that_is_not_ours_goes_to_the_canvas(stage: Stage) -> None:
    QtTest.QTest.keyPress(stage.window.windowHandle(), Qt.Key.Key_Space)
    send_pen(stage, "TabletPress", 100, 80)
    assert "pen" in stage.canvas.widget.came
    assert stage.pairs == []


def send_pen(stage: Stage, kind: str, x: float, y: float) -> None:
    place = QtCore.QPointF(*stage.canvas.way.map(Point(x, y)))
    there = QtCore.QPointF(stage.overlay.mapToGlobal(place.toPoint()))
    what = getattr(QtCore.QEvent.Type, kind)
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    button, buttons = (none if kind == "TabletMove" else left), (none if kind == "TabletRelease" else left)
    if QT_MAJOR == 6:
        device = QtGui.QPointingDevice.primaryPointingDevice()
        event = QtGui.QTabletEvent(what, device, place, there, 0.5, 0, 0, 0.0, 0.0, 0, NONE, button, buttons)
    else:
        tablet = QtGui.QTabletEvent
        event = tablet(
            what, place, there, tablet.TabletDevice.Stylus, tablet.PointerType.Pen, 0.5, 0, 0, 0.0, 0.0, 0,
            NONE, 7, button, buttons,
        )  # fmt: skip
    QtWidgets.QApplication.sendEvent(stage.overlay, event)
