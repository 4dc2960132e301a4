"""Pull mode when canvases come and go: OpenGL, views, documents, windows; and the pen."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from .canvas_kit import pause, press_makes_a_point, staged
from .driver import Krita


@pytest.fixture
def stage(krita: Krita) -> Iterator[Krita]:
    """Krita with a picture of marks on grey, the brush chosen, and Pull mode on."""
    yield from staged(krita)


def test_opengl_is_switched_off_and_on(stage: Krita) -> None:
    first = stage.run("CONTROLLER._canvas.widget.metaObject().className()")
    for _ in range(2):
        stage.run("QtCore.QTimer.singleShot(0, toggle_opengl)")
        stage.wait_until("TOGGLED.pop() if TOGGLED else None")
        stage.wait_until("attached()")
        stage.display.settle()
        stage.display.focus(stage.run("int(window().qwindow().winId())"))
        press_makes_a_point(stage)
    assert stage.run("CONTROLLER._canvas.widget.metaObject().className()") == first


def test_a_second_view_of_the_document_has_the_points_too(stage: Krita) -> None:
    before = stage.run("layer_pixels()")
    stage.run("PULL.pairs.add(Point(400, 300), Point(500, 300))\nsecond = window().addView(document())\nNone")
    stage.wait_until("attached() and len(window().views()) == 2")
    stage.display.settle()
    stage.run("look(0.7, 20, True)")
    stage.display.settle()
    stage.screenshot("second view")
    press_makes_a_point(stage)
    stage.run("mdi().currentSubWindow().close()")  # the second view
    stage.wait_until("attached() and len(window().views()) == 1")
    stage.display.settle()
    press_makes_a_point(stage)
    stage.settle()
    assert stage.run("layer_pixels()") == before


def test_it_stays_while_another_window_has_the_keyboard(stage: Krita) -> None:
    stage.run("other = QtWidgets.QDialog()\nother.setGeometry(0, 0, 150, 100)\nother.show()")
    try:
        stage.display.focus(stage.run("int(other.winId())"))
        stage.wait_until("QApplication.activeWindow() is other")
        pause(stage, 0.3)
        assert stage.run("attached()")
    finally:
        stage.run("other.close()\nother.deleteLater()\nother = None")
    stage.display.focus(stage.run("int(app.windows()[0].qwindow().winId())"))
    stage.wait_until("QApplication.activeWindow() is not None")
    press_makes_a_point(stage)


def test_another_document_shows_nothing_of_it(stage: Krita) -> None:
    stage.run("mine = mdi().currentSubWindow()")
    stage.new_document(500, 400, name="other")
    stage.wait_until("not attached()")
    stage.run("tool('PanTool')")
    left, top, width, height = stage.run(
        "_c = CANVASES.current().widget\n_p = _c.mapToGlobal(QtCore.QPoint(0, 0))\n"
        "[_p.x(), _p.y(), _c.width(), _c.height()]"
    )
    stage.display.click(left + width / 2, top + height / 2)
    pause(stage)
    assert stage.run("pairs()") == []
    # From the moment that the view is active; how long Krita takes to show it is its own.
    waited = stage.run(
        # Of this thread alone: what else the machine does is not meant.
        "mdi().setActiveSubWindow(mine)\n_t = time.thread_time()\n"
        "while not attached() and time.thread_time() < _t + 5: QApplication.processEvents()\n"
        "time.thread_time() - _t"
    )
    print(f"on the canvas after {waited * 1000:.0f} ms")
    assert waited < 1.0
    stage.run("tool('KritaShape/KisToolBrush')")
    press_makes_a_point(stage)


def test_the_document_is_closed_in_the_midst_of_it(stage: Krita) -> None:
    stage.display.move(*stage.run("on_screen(400, 300)"))
    stage.display.press()
    stage.display.move(*stage.run("on_screen(500, 300)"))
    stage.run("_d = document()\n_d.setModified(False)\n_d.close()")
    stage.wait_until("not attached()")
    stage.display.release()
    pause(stage, 0.3)
    assert stage.run("PULL.preview is None and CONTROLLER.gestures.busy is False")
    stage.new_document(300, 200, name="next")
    stage.run("PULL = FakePull(PairList())\nbegin()")
    stage.wait_until("attached()")
    press_makes_a_point(stage, 150, 100)


# Pens


def test_a_pen_does_what_the_mouse_does(stage: Krita) -> None:
    before = stage.run("layer_pixels()")
    stage.run("pen([400, 300], [[430, 310], [520, 360]])")
    ((handle, target),) = stage.run("pairs()")
    assert math.dist(handle, (400, 300)) < 0.01
    assert math.dist(target, (520, 360)) < 0.01
    stage.run("pen([520, 360], [[560, 360], [600, 300]])")
    assert math.dist(stage.run("pairs()")[0][1], (600, 300)) < 0.01
    stage.run("pen([600, 300], [], eraser=True)")
    assert stage.run("pairs()") == []
    stage.settle()
    assert stage.run("layer_pixels()") == before
