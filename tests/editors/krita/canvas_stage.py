# ruff: noqa: F821
# Runs inside Krita, sent there by test_canvas.py after FakePull: a controller of the canvas with a pull that no backend
# is behind. The names that it does not define are those of the probe.
import time
from types import SimpleNamespace

from pullface.backend.editing import framing
from pullface.backend.editing.geometry import Point, Rect, Square
from pullface.backend.editing.host import Edit
from pullface.backend.editing.pairs import PairList
from pullface.canvas.controller import CanvasController
from pullface.host.canvas import ActiveCanvas
from pullface.host.documents import document_key
from pullface.qt import QT_MAJOR, Qt, QtCore, QtGui, QtWidgets

SEEN = []
if "CONTROLLER" in globals():
    CONTROLLER.close()
CANVASES = ActiveCanvas()
CONTROLLER = CanvasController(CANVASES, QtWidgets.QApplication.instance())
CONTROLLER.drag_requested.connect(lambda: SEEN.append("drag"))
CONTROLLER.stop_requested.connect(lambda: SEEN.append("stop"))
CONTROLLER.crop_drawn.connect(lambda square: SEEN.append(square.numbers))
PULL = FakePull(PairList())


def begin():
    """Pull mode on the active document."""
    CONTROLLER.set_pull(PULL, document_key(document()))
    CONTROLLER.set_mode(True)
    return attached()


def attached():
    overlay = CONTROLLER.overlay
    return bool(overlay is not None and overlay.isVisible())


def drain():
    """Takes in all events that have come, however busy the machine is."""
    QtGui.QCursor.pos()  # asks X, whose answer comes behind every event that it has sent
    for _ in range(5):
        QtWidgets.QApplication.processEvents()
        time.sleep(0.01)


def pairs():
    return [[list(pair.handle), list(pair.target)] for pair in PULL.pairs]


def clear():
    PULL.pairs.restore([], 0)


def look(zoom, rotation, mirror):
    canvas = view().canvas()
    canvas.setMirror(mirror)
    canvas.setRotation(rotation)
    canvas.setZoomLevel(zoom)


def scroll(x, y):
    """Brings a position of the image near the middle of the canvas."""
    overlay = CONTROLLER.overlay
    for _ in range(3):
        place = CONTROLLER._canvas.transform().map(Point(x, y))
        across, down = CONTROLLER._canvas.scroll_bars()
        across.setValue(across.value() + round(place.x - overlay.width() / 2))
        down.setValue(down.value() + round(place.y - overlay.height() / 2))


def transform():
    return list(CONTROLLER._canvas.transform())


def on_screen(x, y):
    """Where a position of the image is on the screen, device px."""
    overlay = CONTROLLER.overlay
    place = CONTROLLER._canvas.transform().map(Point(x, y))
    corner = overlay.mapToGlobal(QtCore.QPoint(0, 0))
    ratio = overlay.devicePixelRatioF()
    return [(corner.x() + place.x) * ratio, (corner.y() + place.y) * ratio]


def on_place(x, y):
    """The same while there is no overlay."""
    canvas = CANVASES.current()
    place = canvas.transform().map(Point(x, y))
    corner = canvas.widget.mapToGlobal(QtCore.QPoint(0, 0))
    return [corner.x() + place.x, corner.y() + place.y]


def canvas_rect():
    overlay = CONTROLLER.overlay
    corner = overlay.mapToGlobal(QtCore.QPoint(0, 0))
    return [corner.x(), corner.y(), overlay.width(), overlay.height()]


def tool(name):
    app.action(name).trigger()


def layer_pixels():
    layer = document().rootNode().childNodes()[-1]
    box = layer.bounds()
    return bytes(layer.pixelData(box.x(), box.y(), box.width(), box.height()))


def palette():
    """Krita's popup palette, when it is shown."""
    return any(
        widget.metaObject().className() == "KisPopupPalette" and widget.isVisible()
        for widget in CONTROLLER.overlay.parentWidget().children()
        if widget.isWidgetType()
    )


def take(square):
    """As a pull takes over the crop that was drawn."""
    PULL.drawn_crop = PULL.crop = square
    PULL.tell("options")


CONTROLLER.crop_drawn.connect(take)


def turn_handle():
    """Where the handle is that turns the crop, on the screen, device px."""
    overlay = CONTROLLER.overlay
    place = framing.turn_handle(CONTROLLER._canvas.transform(), PULL.crop)
    corner = overlay.mapToGlobal(QtCore.QPoint(0, 0))
    ratio = overlay.devicePixelRatioF()
    return [(corner.x() + place.x) * ratio, (corner.y() + place.y) * ratio]


def mdi():
    return window().qwindow().findChild(QtWidgets.QMdiArea)


def show_preview(square, size, rgb):
    PULL.preview = SimpleNamespace(square=Square(*square), width=size, height=size, rgb=rgb)
    PULL.tell("preview")


def show_edit(rect, rgba):
    PULL.edit = Edit(Rect(*rect), rgba)
    PULL.tell("preview")


STREAM = {"done": False, "count": 0, "gaps": []}


def stream(size, each_second, seconds):
    """Previews from a timer, as a backend would send them; a second timer notes how long the event loop was busy."""
    pictures = [bytes([40 + 20 * step, 90, 200 - 20 * step]) * (size * size) for step in range(8)]
    end, last = time.perf_counter() + seconds, [time.perf_counter()]
    CONTROLLER.overlay.measure = True
    CONTROLLER.overlay.paint_times.clear()
    ticks, clock = QtCore.QTimer(app), QtCore.QTimer(app)
    clock.setTimerType(Qt.TimerType.PreciseTimer)
    ticks.setTimerType(Qt.TimerType.PreciseTimer)

    def tick():
        if time.perf_counter() > end:
            ticks.stop()
            clock.stop()
            STREAM["done"] = True
            return
        STREAM["count"] += 1
        show_preview([300, 150, 600], size, pictures[STREAM["count"] % 8])

    def note():
        now = time.perf_counter()
        STREAM["gaps"].append((now - last[0]) * 1e3)
        last[0] = now

    ticks.timeout.connect(tick)
    clock.timeout.connect(note)
    ticks.start(round(1000 / each_second))
    clock.start(1)


def pen(press, moves, eraser=False):
    """A pen's events, sent to the overlay: a screen without a pen cannot make them."""
    overlay = CONTROLLER.overlay
    places = [press, *moves, (moves or [press])[-1]]
    kinds = ["TabletPress", *["TabletMove"] * len(moves), "TabletRelease"]
    accepted = []
    for kind, place in zip(kinds, places):
        here = QtCore.QPointF(*CONTROLLER._canvas.transform().map(Point(*place)))
        there = QtCore.QPointF(overlay.mapToGlobal(QtCore.QPoint(0, 0))) + here
        event = tablet_event(kind, here, there, eraser)
        QtWidgets.QApplication.sendEvent(overlay, event)
        accepted.append(event.isAccepted())
    return accepted


def tablet_event(kind, here, there, eraser):
    kind = getattr(QtCore.QEvent.Type, kind)
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    pressed = none if kind == QtCore.QEvent.Type.TabletRelease else left
    button = none if kind == QtCore.QEvent.Type.TabletMove else left
    keys = Qt.KeyboardModifier.NoModifier
    if QT_MAJOR == 6:
        device = QtGui.QPointingDevice.primaryPointingDevice()
        return QtGui.QTabletEvent(kind, device, here, there, 0.5, 0, 0, 0.0, 0.0, 0, keys, button, pressed)
    kinds, devices = QtGui.QTabletEvent.PointerType, QtGui.QTabletEvent.TabletDevice
    tip = kinds.Eraser if eraser else kinds.Pen
    return QtGui.QTabletEvent(
        kind, here, there, devices.Stylus, tip, 0.5, 0, 0, 0.0, 0.0, 0, keys, 7, button, pressed
    )
