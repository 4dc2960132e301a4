"""The history of finished pulls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..qt import QAction, Qt, QtCore, QtGui, QtWidgets, Signal
from ..translation import title, tr
from .widgets import SmallButton

SIDE = 56
"""Of a thumbnail, logical px."""

_IDENTIFIER = Qt.ItemDataRole.UserRole


class _Thumbnails(QtWidgets.QListWidget):
    """The pictures, side by side, with a sentence where there are none.

    Signals:
        opened: Enter was pressed on a picture, or it was double-clicked. (Qt's own ``itemActivated`` comes with a
            single click on some desktops.)
    """

    opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.squeezed = False
        self.setViewMode(QtWidgets.QListView.ViewMode.IconMode)
        self.setMovement(QtWidgets.QListView.Movement.Static)
        self.setResizeMode(QtWidgets.QListView.ResizeMode.Adjust)
        self.setIconSize(QtCore.QSize(SIDE, SIDE))
        self.setUniformItemSizes(True)
        self.setSpacing(2)
        self.setAccessibleName(tr("Results"))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.itemDoubleClicked.connect(lambda _: self.opened.emit())
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:  # noqa: N802
        """Enter opens."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        else:
            super().keyPressEvent(event)

    def row_height(self) -> int:
        """Of a picture with its title."""
        return SIDE + self.fontMetrics().height() + 10

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802
        """One row of pictures."""
        return QtCore.QSize(120, self.row_height() + 2 * self.frameWidth() + 2)

    def minimumSizeHint(self) -> QtCore.QSize:  # noqa: N802
        """Less than a row: the list scrolls before the docker does."""
        return QtCore.QSize(120, 0 if self.squeezed else self.row_height() // 2)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802
        """Draws the pictures, or the sentence."""
        super().paintEvent(event)
        if self.count() == 0:
            painter = QtGui.QPainter(self.viewport())
            colour = self.palette().color(QtGui.QPalette.ColorGroup.Disabled, QtGui.QPalette.ColorRole.Text)
            painter.setPen(colour)
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            room = self.viewport().rect().adjusted(8, 4, -8, -4)
            painter.drawText(room, flags, tr("Finished pulls are kept here."))


class Results(QtWidgets.QWidget):
    """Finished pulls with thumbnails.

    Signals:
        apply_asked: the identifier of the result to add to the picture again.
        delete_asked: the identifier of the result to delete.
    """

    apply_asked = Signal(str)
    delete_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[tuple[str, str, int]] = []
        self._ready = False
        self.list = _Thumbnails()
        heading = QtWidgets.QLabel(tr("Results"))
        heading.setBuddy(self.list)
        self.apply = SmallButton(tr("Add the result above your layer again"), "apply")
        self.delete = SmallButton(tr("Delete the result from this list"), "delete")

        first = QtWidgets.QHBoxLayout()
        first.setSpacing(2)
        first.addWidget(heading, 1)
        first.addWidget(self.apply)
        first.addWidget(self.delete)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(first)
        layout.addWidget(self.list, 1)

        self._apply_action = QAction(tr("Apply again"), self.list)
        self._delete_action = QAction(tr("Delete"), self.list)
        self._delete_action.setShortcut(QtGui.QKeySequence(QtGui.QKeySequence.StandardKey.Delete))
        self._delete_action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.list.addActions([self._apply_action, self._delete_action])
        for sender in (self._apply_action.triggered, self.apply.clicked, self.list.opened):
            sender.connect(self._ask_apply)
        for sender in (self._delete_action.triggered, self.delete.clicked):
            sender.connect(self._ask_delete)
        self.list.itemSelectionChanged.connect(self._enable)
        self._enable()

    def show_results(self, results: Sequence[Any]) -> None:
        """Shows the results, the newest first; decodes no thumbnail twice."""
        wanted = [(item.identifier, item.title, item.applied) for item in reversed(results)]
        if wanted == self._shown:
            return
        known = {item[0]: index for index, item in enumerate(self._shown)}
        chosen = self.chosen
        taken = {name: self.list.item(index) for name, index in known.items()}
        blocked = self.list.blockSignals(True)
        for index in reversed(range(self.list.count())):
            self.list.takeItem(index)
        for result in reversed(results):
            item = taken.get(result.identifier) or self._made(result)
            self._label(item, result)
            self.list.addItem(item)
            item.setSelected(result.identifier == chosen)
        self.list.blockSignals(blocked)
        self._shown = wanted
        if wanted and self.list.count() > len(known):
            self.list.scrollToTop()
        self._enable()

    def enable(self, ready: bool) -> None:
        """Whether a result can be applied now: not while something runs."""
        if ready != self._ready:
            self._ready = ready
            self._enable()

    def squeeze(self, on: bool) -> None:
        """Whether the list may vanish where there is no room: while a message needs it."""
        self.list.squeezed = on
        self.list.updateGeometry()

    @property
    def chosen(self) -> str | None:
        """The selected result's identifier."""
        items = self.list.selectedItems()
        return items[0].data(_IDENTIFIER) if items else None

    def _made(self, result: Any) -> QtWidgets.QListWidgetItem:
        pixmap = QtGui.QPixmap()
        pixmap.loadFromData(bytes(result.thumbnail), "PNG")
        side = round(SIDE * self.devicePixelRatioF())
        if not pixmap.isNull():
            pixmap = pixmap.scaled(
                side,
                side,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        item = QtWidgets.QListWidgetItem(QtGui.QIcon(pixmap), "")
        item.setData(_IDENTIFIER, result.identifier)
        return item

    def _label(self, item: QtWidgets.QListWidgetItem, result: Any) -> None:
        name = title(result.title)
        item.setText(f"{name} ✓" if result.applied else name)
        created = QtCore.QDateTime.fromSecsSinceEpoch(int(result.created))
        when = QtCore.QLocale().toString(created, QtCore.QLocale.FormatType.ShortFormat)
        used = tr("applied {count}×", count=result.applied) if result.applied else tr("not applied yet")
        item.setToolTip("\n".join((name, f"{when}, {used}", tr("Double-click to add it above your layer."))))

    def _enable(self) -> None:
        chosen = self.chosen is not None
        for thing in (self.apply, self._apply_action):
            thing.setEnabled(chosen and self._ready)
        for thing in (self.delete, self._delete_action):
            thing.setEnabled(chosen)

    def _ask_apply(self) -> None:
        if self.chosen is not None and self._ready:
            self.apply_asked.emit(self.chosen)

    def _ask_delete(self) -> None:
        if self.chosen is not None:
            self.delete_asked.emit(self.chosen)
