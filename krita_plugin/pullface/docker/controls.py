"""What makes a pull: mode, Invert, Drag, Stop, progress, the scrubber over its steps, Apply and Animation."""

from __future__ import annotations

import time
from typing import Any

from ..qt import Qt, QtCore, QtGui, QtWidgets, Signal
from ..translation import tr
from .widgets import Button, Paragraph, SmallButton
from .wording import progress_text

FRAMES = (12, 24, 48)
"""Choices for the length of an animation."""

PATIENCE = 1.0
"""Seconds for which the scrubber stays where the artist put it, until the pull shows that step."""


class Scrubber(QtWidgets.QSlider):
    """A slider that goes to where it is pressed, and tells the artist's moves only.

    Signals:
        scrubbed: the step that the artist went to.
    """

    scrubbed = Signal(int)

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, 0)
        self.setMinimumWidth(40)
        self.setAccessibleName(tr("Step"))
        self.setToolTip(tr("Show an earlier step of the pull"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._showing = False
        self._asked: tuple[int, float] | None = None
        self.valueChanged.connect(self._tell)

    def show_step(self, step: int, last: int) -> None:
        """Shows a step without telling anybody; stays where the artist holds it, or has just put it."""
        self._showing = True
        if last != self.maximum():
            self.setMaximum(last)
        waits = self._waits_for_another(step)
        if step != self.value() and not waits and not self.isSliderDown():
            self.setValue(step)
        self._showing = False

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """Goes to where it is pressed, and is held there."""
        if event.button() == Qt.MouseButton.LeftButton:
            option = QtWidgets.QStyleOptionSlider()
            self.initStyleOption(option)
            parts, style = QtWidgets.QStyle, self.style()
            control = parts.ComplexControl.CC_Slider
            handle = style.subControlRect(control, option, parts.SubControl.SC_SliderHandle, self)
            if not handle.contains(event.pos()):
                groove = style.subControlRect(control, option, parts.SubControl.SC_SliderGroove, self)
                room = groove.width() - handle.width()
                place = event.pos().x() - groove.x() - handle.width() // 2
                self.setValue(
                    parts.sliderValueFromPosition(
                        self.minimum(), self.maximum(), place, room, option.upsideDown
                    )
                )
        super().mousePressEvent(event)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:  # noqa: N802
        """Lets the wheel scroll the docker, unless the slider was chosen before."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def go(self, by: int) -> None:
        """As if the artist had moved it by so many steps."""
        self.setValue(self.value() + by)

    def give_up(self) -> None:
        """The step that was asked for will not come."""
        self._asked = None

    def _tell(self, step: int) -> None:
        if not self._showing:
            self._asked = step, time.monotonic()
            self.scrubbed.emit(step)

    def _waits_for_another(self, step: int) -> bool:
        if self._asked is None:
            return False
        asked, when = self._asked
        if step == asked or time.monotonic() - when > PATIENCE:
            self._asked = None
            return False
        return True


class Controls(QtWidgets.QWidget):
    """The buttons of one pull.

    Signals:
        mode_toggled: whether the canvas shall edit points.
        asked: the name of the pull's method to call: invert, drag, stop, apply.
        step_asked: the step to show.
        animation_asked: how many frames.

    Attributes:
        framing: whether the crop's frame is edited on the canvas.
    """

    mode_toggled = Signal(bool)
    asked = Signal(str)
    step_asked = Signal(int)
    animation_asked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.framing = False
        self.mode = Button(
            tr("Pull"), "pull", tr("Place and move points on the canvas; painting rests meanwhile")
        )
        self.mode.setCheckable(True)
        self.mode.toggled.connect(self._toggle)
        self.invert = Button(
            tr("Invert"),
            "invert",
            tr("Fit the model to your picture now; Drag does it by itself where it is needed"),
        )
        self.drag = Button(tr("Drag"), "drag", tr("Pull every feature along its arrow"))
        self.stop = Button(tr("Stop"), "stop", tr("Stop what is running; the steps so far are kept"))
        self.apply = Button(tr("Apply"), "apply", tr("Add the shown step as new layers above your layer"))
        self.animation = Button(
            tr("Animate"), "animation", tr("Put the whole pull on the timeline as an animated layer")
        )
        self.animation.setMenu(self._frames())
        for name in ("invert", "drag", "stop", "apply"):
            getattr(self, name).clicked.connect(lambda _=False, name=name: self.asked.emit(name))

        self.bar = QtWidgets.QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName(tr("Progress"))
        self.bar.setFixedHeight(10)
        self.text = Paragraph(2)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)

        self.scrubber = Scrubber()
        self.scrubber.scrubbed.connect(self.step_asked)
        self.back = SmallButton(tr("One step back"), "back")
        self.forward = SmallButton(tr("One step forward"), "forward")
        for button, by in ((self.back, -1), (self.forward, 1)):
            button.setAutoRepeat(True)
            button.clicked.connect(lambda _=False, by=by: self.scrubber.go(by))
        self.count = QtWidgets.QLabel("0 / 0")
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.count.setToolTip(tr("The shown step and the last one"))
        self._lay_out()
        self._keep_count_wide(0)

    def show_mode(self, on: bool) -> None:
        """Shows whether the canvas edits points, without telling anybody."""
        blocked = self.mode.blockSignals(True)
        self.mode.setChecked(on)
        self.mode.set_primary(on)
        self.mode.blockSignals(blocked)

    def show_pull(self, pull: Any) -> None:
        """Shows everything."""
        self.invert.setEnabled(pull.can_invert)
        self.drag.setEnabled(pull.can_drag)
        self.stop.setEnabled(pull.can_stop)
        self.apply.setEnabled(pull.can_apply)
        self.animation.setEnabled(pull.can_animate)
        self.drag.set_primary(pull.can_drag and not pull.can_apply)
        self.apply.set_primary(pull.can_apply)
        self.show_progress(pull)

    def show_progress(self, pull: Any) -> None:
        """Shows the running step, time and place: what changes many times a second."""
        self.text.show_text(progress_text(pull, self.mode.isChecked(), self.framing))
        self._show_fraction(pull)
        self._show_step(pull.step, pull.last_step, pull.can_show)

    def changeEvent(self, event: QtCore.QEvent) -> None:  # noqa: N802
        """Another font needs another width."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.FontChange:
            self._keep_count_wide(self.scrubber.maximum())

    def _show_fraction(self, pull: Any) -> None:
        # Never Qt's busy bar: its animation repaints the whole window thirty times a second, even once it has ended.
        fraction = (pull.progress.fraction or 0.0) if pull.busy else 0.0
        value = round(1000 * min(1.0, max(0.0, fraction)))
        if value != self.bar.value():
            self.bar.setValue(value)

    def _show_step(self, step: int, last: int, can_show: bool) -> None:
        self.scrubber.show_step(step, last)
        text = f"{step} / {last}"
        if text != self.count.text():
            self.count.setText(text)
            self._keep_count_wide(last)
        self.scrubber.setEnabled(can_show)
        self.back.setEnabled(can_show and step > 0)
        self.forward.setEnabled(can_show and step < last)

    def _toggle(self, on: bool) -> None:
        self.mode.set_primary(on)
        self.mode_toggled.emit(on)

    def _frames(self) -> QtWidgets.QMenu:
        menu = QtWidgets.QMenu(self)
        for frames in FRAMES:
            action = menu.addAction(tr("{frames} frames", frames=frames))
            action.triggered.connect(lambda _=False, frames=frames: self.animation_asked.emit(frames))
        return menu

    def _lay_out(self) -> None:
        def row(*widgets: QtWidgets.QWidget) -> QtWidgets.QHBoxLayout:
            made = QtWidgets.QHBoxLayout()
            made.setSpacing(4)
            for widget in widgets:
                made.addWidget(widget, 0 if isinstance(widget, (SmallButton, QtWidgets.QLabel)) else 1)
            return made

        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.mode)
        layout.addLayout(row(self.invert, self.drag))
        layout.addLayout(row(self.bar, self.stop))
        layout.addWidget(self.text)
        layout.addLayout(row(self.back, self.scrubber, self.forward, self.count))
        layout.addLayout(row(self.apply, self.animation))
        self.stop.setSizePolicy(QtWidgets.QSizePolicy.Policy.Fixed, QtWidgets.QSizePolicy.Policy.Fixed)

    def _keep_count_wide(self, last: int) -> None:
        digits = "0" * max(3, len(str(last)))
        width = self.fontMetrics().horizontalAdvance(f"{digits} / {digits}")
        if width != self.count.width():
            self.count.setFixedWidth(width)
