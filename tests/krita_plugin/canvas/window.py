"""A window as an editor has one: a canvas widget with scroll bars, an undo action, a docker with a field for text."""

from __future__ import annotations

from krita_plugin.pullface.backend.editing.affine import Affine
from krita_plugin.pullface.qt import QAction, QtCore, QtGui, QtWidgets


class CanvasWidget(QtWidgets.QWidget):
    """Notes what comes through to it."""

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.came: list[str] = []

    def event(self, event: QtCore.QEvent) -> bool:
        names = {
            QtCore.QEvent.Type.MouseButtonPress: "press",
            QtCore.QEvent.Type.MouseMove: "move",
            QtCore.QEvent.Type.MouseButtonRelease: "release",
            QtCore.QEvent.Type.Wheel: "wheel",
            QtCore.QEvent.Type.TabletPress: "pen",
            QtCore.QEvent.Type.KeyPress: "key",
        }
        if event.type() in names:
            self.came.append(names[event.type()])
            event.accept()
            return True
        return bool(super().event(event))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802
        QtGui.QPainter(self).fillRect(self.rect(), QtGui.QColor(118, 118, 118))


class FakeCanvas:
    """What ``host/canvas.py: KritaCanvas`` is to the controller."""

    def __init__(self, widget: CanvasWidget, bars: list[QtWidgets.QScrollBar], key: str) -> None:
        self.widget, self.document_key, self._bars = widget, key, bars
        self.way: Affine | None = Affine(1.0, 0.0, 0.0, 1.0, 10.0, 20.0)
        self.there = True

    def usable(self) -> bool:
        return self.there

    def transform(self) -> Affine | None:
        return self.way

    def image_size(self) -> tuple[int, int]:
        return 400, 300

    def scroll_bars(self) -> list[QtWidgets.QScrollBar]:
        return self._bars


class Window(QtWidgets.QMainWindow):
    """The editor's window; ``undone`` counts how often its own undo ran."""

    def __init__(self) -> None:
        super().__init__()
        self.undone = self.cleared = 0
        middle = QtWidgets.QWidget(self)
        rows = QtWidgets.QVBoxLayout(middle)
        rows.setContentsMargins(0, 0, 0, 0)
        self.field, self.button = QtWidgets.QLineEdit(), QtWidgets.QPushButton("Button")
        self.bars = [QtWidgets.QScrollBar(QtCore.Qt.Orientation.Horizontal) for _ in range(2)]
        self.holder = QtWidgets.QWidget()
        for widget in (self.holder, self.field, self.button, *self.bars):
            rows.addWidget(widget, 1 if widget is self.holder else 0)
        self.setCentralWidget(middle)
        self.resize(600, 500)
        for keys, count in (("Ctrl+Z", self.count_undo), ("Del", self.count_clear)):
            action = QAction(keys, self)
            action.setShortcut(QtGui.QKeySequence(keys))
            action.triggered.connect(count)
            self.addAction(action)
        self.show()
        self.activateWindow()
        self.canvas: FakeCanvas | None = self.new_canvas("a document")

    def count_undo(self) -> None:
        self.undone += 1

    def count_clear(self) -> None:
        self.cleared += 1

    def new_canvas(self, key: str) -> FakeCanvas:
        widget = CanvasWidget(self.holder)
        widget.setGeometry(0, 0, 420, 340)
        widget.show()
        widget.setFocus()
        self.canvas = FakeCanvas(widget, self.bars, key)
        return self.canvas

    # As ``host/canvas.py: ActiveCanvas``

    def current(self) -> FakeCanvas | None:
        return self.canvas

    def key_sequences(self, action: str) -> list[QtGui.QKeySequence]:
        return [QtGui.QKeySequence("Ctrl+Z" if action == "edit_undo" else "Ctrl+Shift+Z")]
