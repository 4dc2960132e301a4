"""Small widgets that Qt lacks: buttons with our icons, labels that shorten their text, fields that let the wheel pass.

None of them does anything when it is given what it already shows.
"""

from __future__ import annotations

from ..qt import Qt, QtCore, QtGui, QtWidgets, Signal
from .icons import palette_icon, picture

_SMALL = 12
_LAMP = {"off": "#8a8a8a", "wait": "#d9a02b", "good": "#4fae58", "bad": "#dc5046"}


def _paint_icon(button: QtWidgets.QAbstractButton, name: str) -> None:
    button.setIcon(palette_icon(name, button.palette()))


def _repainted(event: QtCore.QEvent) -> bool:
    kinds = QtCore.QEvent.Type
    return event.type() in (kinds.PaletteChange, kinds.StyleChange)


def _readable(highlight: QtGui.QColor) -> QtGui.QColor:
    """A highlight that stays readable when the style makes buttons lighter than their colour."""
    return highlight.darker(125) if highlight.lightness() > 120 else highlight


class Button(QtWidgets.QPushButton):
    """A button with an icon in the palette's colours.

    Args:
        text: its caption.
        icon: a drawing's name.
        tip: tool tip and description for screen readers.
    """

    def __init__(self, text: str, icon: str, tip: str) -> None:
        super().__init__(text)
        self._icon_name = icon
        self._primary = False
        self._painting = False
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)
        self.setAutoDefault(False)
        self.setMinimumWidth(40)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        _paint_icon(self, icon)

    @property
    def primary(self) -> bool:
        """Whether it is shown as the next thing to do."""
        return self._primary

    def set_primary(self, on: bool) -> None:
        """Shows it as the next thing to do, in the palette's highlight."""
        if on != self._primary:
            self._primary = on
            self._paint()

    def changeEvent(self, event: QtCore.QEvent) -> None:  # noqa: N802
        """Follows the palette."""
        super().changeEvent(event)
        if _repainted(event) and not self._painting:
            self._paint()

    def _paint(self) -> None:
        self._painting = True  # setPalette sends a PaletteChange at once
        palette = QtGui.QPalette()
        if self._primary:
            base = self.parentWidget().palette() if self.parentWidget() else palette
            roles, group = QtGui.QPalette.ColorRole, QtGui.QPalette.ColorGroup
            for part in (group.Active, group.Inactive):
                palette.setColor(part, roles.Button, _readable(base.color(part, roles.Highlight)))
                palette.setColor(part, roles.ButtonText, base.color(part, roles.HighlightedText))
        self.setPalette(palette)
        _paint_icon(self, self._icon_name)
        self._painting = False


class SmallButton(QtWidgets.QToolButton):
    """A flat button that is only an icon.

    Args:
        name: what it does, for tool tip and screen readers.
        icon: a drawing's name.
        caption: a text beside the icon; without it the icon stands alone.
    """

    def __init__(self, name: str, icon: str, caption: str = "") -> None:
        super().__init__()
        self._icon_name = icon
        self.setAutoRaise(True)
        self.setIconSize(QtCore.QSize(16, 16))
        self.setToolTip(name)
        self.setAccessibleName(caption or name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if caption:
            self.setText(caption)
            self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        _paint_icon(self, icon)

    def changeEvent(self, event: QtCore.QEvent) -> None:  # noqa: N802
        """Follows the palette."""
        super().changeEvent(event)
        if _repainted(event):
            _paint_icon(self, self._icon_name)


class LineLabel(QtWidgets.QLabel):
    """One line that is shortened where there is no room; then the tool tip holds it whole. Never changes its size."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Shows another text."""
        if text != self.text():
            self.setText(text)
            self._tell_whole()

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802
        """One line, whatever the text."""
        return QtCore.QSize(40, self.fontMetrics().height())

    def minimumSizeHint(self) -> QtCore.QSize:  # noqa: N802
        """The same."""
        return self.sizeHint()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802
        """Another width may shorten it."""
        super().resizeEvent(event)
        self._tell_whole()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802
        """Draws the shortened text as the style draws labels."""
        painter = QtGui.QPainter(self)
        self.style().drawItemText(
            painter,
            self.contentsRect(),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
            self.palette(),
            self.isEnabled(),
            self._shortened(),
            self.foregroundRole(),
        )

    def _shortened(self) -> str:
        return self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, self.contentsRect().width()
        )

    def _tell_whole(self) -> None:
        self.setToolTip(self.text() if self._shortened() != self.text() else "")


class Paragraph(QtWidgets.QLabel):
    """A few lines of text that never change the widget's size.

    Args:
        lines: for which there is room.
    """

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._lines = lines
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setMinimumWidth(1)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Shows another text."""
        if text != self.text():
            self.setText(text)

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        """No: a scroll area would take it as a reason to keep everything at its preferred height."""
        return False

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802
        """So many lines, whatever the text."""
        return QtCore.QSize(80, self._lines * self.fontMetrics().lineSpacing() + 1)

    def minimumSizeHint(self) -> QtCore.QSize:  # noqa: N802
        """The same height."""
        return QtCore.QSize(1, self.sizeHint().height())


class Dot(QtWidgets.QWidget):
    """A small lamp in one of four colours."""

    def __init__(self) -> None:
        super().__init__()
        self._kind = "off"
        self.setFixedSize(_SMALL, _SMALL)

    @property
    def kind(self) -> str:
        """The present colour's name."""
        return self._kind

    def show_kind(self, kind: str) -> None:
        """Shows another colour."""
        if kind != self._kind:
            self._kind = kind
            self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802
        """A filled circle; hollow when off, so that it does not need colour vision."""
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        colour = QtGui.QColor(_LAMP[self._kind])
        painter.setPen(QtGui.QPen(colour, 1.4))
        painter.setBrush(QtGui.QBrush() if self._kind == "off" else QtGui.QBrush(colour))
        painter.drawEllipse(QtCore.QRectF(2.5, 2.5, _SMALL - 5, _SMALL - 5))


class Picture(QtWidgets.QWidget):
    """A drawing in the palette's text colour, or another.

    Args:
        name: of the drawing.
        side: logical px.
        colour: a colour's name; None follows the palette.
    """

    def __init__(self, name: str, side: int = 16, colour: str | None = None) -> None:
        super().__init__()
        self._name = name
        self._side = side
        self._colour = colour
        self.setFixedSize(side, side)

    def show_picture(self, name: str, colour: str | None) -> None:
        """Shows another drawing."""
        if (name, colour) != (self._name, self._colour):
            self._name, self._colour = name, colour
            self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802
        """Draws it at the screen's own pixel ratio."""
        ink = (
            QtGui.QColor(self._colour)
            if self._colour
            else self.palette().color(QtGui.QPalette.ColorRole.WindowText)
        )
        QtGui.QPainter(self).drawPixmap(0, 0, picture(self._name, self._side, self.devicePixelRatioF(), ink))


class Choice(QtWidgets.QComboBox):
    """A list to choose from that gets as narrow as it must, and lets the wheel scroll the docker past it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(3)
        self.setMinimumWidth(50)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:  # noqa: N802
        """Changes nothing by accident."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def show_data(self, data: object) -> None:
        """Chooses the entry that holds ``data``, without telling anybody."""
        index = self.findData(data)
        if index != self.currentIndex():
            blocked = self.blockSignals(True)
            self.setCurrentIndex(index)
            self.blockSignals(blocked)


class Pixels(QtWidgets.QSpinBox):
    """A number of px that lets the wheel scroll the docker past it."""

    def __init__(self, name: str, lowest: int, highest: int, tip: str) -> None:
        super().__init__()
        self.setRange(lowest, highest)
        self.setSuffix(" px")
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(40)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:  # noqa: N802
        """Changes nothing by accident."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def show_value(self, value: int) -> None:
        """Shows another number, without telling anybody."""
        if value != self.value():
            blocked = self.blockSignals(True)
            self.setValue(value)
            self.blockSignals(blocked)


class Section(QtWidgets.QWidget):
    """A heading that shows and hides what stands below it.

    Args:
        title: the heading.
        content: what stands below.
        opened: whether it is shown at first.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, content: QtWidgets.QWidget, opened: bool = False) -> None:
        super().__init__()
        self._content = content
        self._opened = not opened
        self._heading = QtWidgets.QToolButton()
        self._heading.setAutoRaise(True)
        self._heading.setText(title)
        self._heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._heading.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._heading.setSizePolicy(
            QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed
        )
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._heading)
        layout.addWidget(content)
        self._heading.clicked.connect(lambda: self.open(not self._opened))
        self.open(opened)

    @property
    def opened(self) -> bool:
        """Whether the content is shown."""
        return self._opened

    def open(self, on: bool) -> None:
        """Shows or hides the content."""
        if on == self._opened:
            return
        self._opened = on
        arrows = Qt.ArrowType
        self._heading.setArrowType(arrows.DownArrow if on else arrows.RightArrow)
        self._content.setVisible(on)
        self.toggled.emit(on)
