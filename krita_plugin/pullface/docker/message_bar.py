"""What went wrong, what to do, and the details to copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..qt import Qt, QtGui, QtWidgets, Signal, single_shot
from ..translation import tr
from .widgets import Picture, SmallButton

_COLOURS = {"error": "#dc5046", "note": None}
_SIDE_BAR = 3
_THANKS_MILLISECONDS = 1500


class MessageBar(QtWidgets.QFrame):
    """One message at a time; hidden without one.

    Args:
        details: makes the text for *Copy details* of the message that is shown.

    Signals:
        dismissed: the artist has read it.
    """

    dismissed = Signal()

    def __init__(self, details: Callable[[Any], str]) -> None:
        super().__init__()
        self._details = details
        self._message: Any = None
        self.setFrameShape(QtWidgets.QFrame.Shape.StyledPanel)
        self._icon = Picture("note")
        self.text = _wrapped()
        self.hint = _wrapped()
        self.copy = QtWidgets.QPushButton(tr("Copy details"))
        self.copy.setAutoDefault(False)
        self.copy.setToolTip(tr("Copies what you need for asking for help"))
        self.copy.clicked.connect(self._copy)
        self.close_button = SmallButton(tr("Close"), "close")
        self.close_button.clicked.connect(self.dismissed)

        texts = QtWidgets.QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(self.text)
        texts.addWidget(self.hint)
        texts.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(_SIDE_BAR + 5, 4, 2, 4)
        layout.setSpacing(5)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(texts, 1)
        layout.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    @property
    def message(self) -> Any:
        """What is shown; None when nothing is."""
        return self._message

    def show_message(self, message: Any) -> None:
        """Shows a message, or none."""
        if message == self._message:
            return
        self._message = message
        if message is not None:
            self._icon.show_picture("error" if message.kind == "error" else "note", _COLOURS[message.kind])
            text = tr(message.pattern, **dict(message.values)) if message.pattern else tr(message.text)
            self.text.setText(text)
            self.hint.setText(tr(message.hint))
            self.hint.setVisible(bool(message.hint))
            self.copy.setVisible(bool(message.details) or message.kind == "error")
            self.copy.setText(tr("Copy details"))
            self.setAccessibleName(f"{text} {tr(message.hint)}".strip())
        self.setVisible(message is not None)
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802
        """A coloured edge, which dark and light palettes both bear."""
        super().paintEvent(event)
        if self._message is None:
            return
        colour = _COLOURS[self._message.kind]
        edge = QtGui.QColor(colour) if colour else self.palette().color(QtGui.QPalette.ColorRole.Highlight)
        QtGui.QPainter(self).fillRect(0, 0, _SIDE_BAR, self.height(), edge)

    def _copy(self) -> None:
        QtWidgets.QApplication.clipboard().setText(self._details(self._message))
        self.copy.setMinimumWidth(self.copy.width())
        self.copy.setText(tr("Copied"))
        single_shot(_THANKS_MILLISECONDS, self._end_thanks)

    def _end_thanks(self) -> None:
        try:
            self.copy.setText(tr("Copy details"))
        except RuntimeError:
            return  # the docker was closed meanwhile


def _wrapped() -> QtWidgets.QLabel:
    label = QtWidgets.QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setMinimumWidth(1)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
