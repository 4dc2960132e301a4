"""The whole content of the docker: one pull and the connection to the backend."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..qt import Qt, QtCore, QtWidgets, Signal, alive
from ..translation import tr
from .controls import Controls
from .header import Header
from .message_bar import MessageBar
from .options import Options
from .results import Results
from .widgets import Paragraph, Picture, Section

COUNT_MILLISECONDS = 250
"""How often step and time left are written while a pull runs: each time costs a redraw of the whole window."""


class PullPanel(QtWidgets.QWidget):
    """Shows one ``Pull`` and the ``Connection``, and calls their methods.

    It updates what a topic tells it to update and nothing else: previews come thirty times a second.

    Args:
        about: a text about editor and plugin, for *Copy details*.
        parent: Qt parent.

    Signals:
        mode_toggled: whether the canvas shall edit points.
        framing_toggled: whether the canvas shall edit the crop's frame.
    """

    mode_toggled = Signal(bool)
    framing_toggled = Signal(bool)

    def __init__(self, about: str = "", parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._about = about
        self._pull: Any = None
        self._connection: Any = None
        self._end_pull: Callable[[], None] = lambda: None
        self._end_connection: Callable[[], None] = lambda: None
        self._read_connection_message: Any = None

        self._shown_phase: Any = None
        self._soon = QtCore.QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(COUNT_MILLISECONDS)
        self._soon.timeout.connect(self._show_state)

        self.header = Header()
        self.controls = Controls()
        self.options = Options()
        self.section = Section(tr("Options"), self.options)
        self.results = Results()
        self.message_bar = MessageBar(self._details)
        self.notice = Paragraph(7)
        # Two widgets that take turns: a stack would be as high as the higher one.
        self._empty = QtWidgets.QWidget()
        self._work = QtWidgets.QWidget()
        self._lay_out()
        self._connect()
        self.set_notice(tr("Open a picture and select the layer with the face."))
        self.set_pull(None)

    # What it shows

    def set_pull(self, pull: Any) -> None:
        """Shows another pull; None shows the notice instead."""
        self._end_pull()
        self._end_pull = lambda: None
        self._pull = pull
        self._empty.setVisible(pull is None)
        self._work.setVisible(pull is not None)
        if pull is not None:
            self._end_pull = pull.observe(self._on_topic)
            self.results.show_results(pull.results)
        self._show_models()
        self._show_state()
        self._show_message()

    def set_connection(self, connection: Any) -> None:
        """Shows another connection, or none."""
        self._end_connection()
        self._end_connection = lambda: None
        self._connection = connection
        if connection is not None:
            self._end_connection = connection.observe(self._on_connection)
        self._on_connection("connection")

    def set_mode(self, on: bool) -> None:
        """Shows whether the canvas edits points; emits nothing."""
        self.controls.show_mode(on)
        if self._pull is not None:
            self.controls.show_progress(self._pull)

    def set_framing(self, on: bool) -> None:
        """Shows whether the canvas edits the crop's frame; emits nothing."""
        self.options.show_framing(on)
        self.controls.framing = on
        if self._pull is not None:
            self.controls.show_progress(self._pull)

    def set_notice(self, message: str) -> None:
        """The sentence that stands there while there is no pull."""
        self.notice.show_text(message)

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802
        """Narrow, and as high as everything with the options folded away."""
        return QtCore.QSize(240, 400)

    def minimumSizeHint(self) -> QtCore.QSize:  # noqa: N802
        """Lower than its content, which then scrolls: a docker must not make Krita's window grow."""
        return QtCore.QSize(180, 260)

    # Topics

    def _on_topic(self, topic: str) -> None:
        if self._is_gone():
            return
        pull = self._pull
        if topic in ("state", "pairs"):
            if pull.busy and pull.phase is self._shown_phase:
                if not self._soon.isActive():
                    self._soon.start()
            else:
                self._show_state()
        elif topic == "message":
            self._show_message()
            if pull.message is not None and pull.message.kind == "error":
                self.controls.scrubber.give_up()
                self.controls.show_progress(pull)
        elif topic == "results":
            self.results.show_results(pull.results)
        elif topic == "options":
            self._show_models()

    def _on_connection(self, topic: str) -> None:
        if self._is_gone():
            return
        connection = self._connection
        if connection is None:
            self.header.show_backend("off", "", "")
        else:
            self.header.show_backend(connection.state, connection.device, connection.log_folder)
        self._show_models()
        self._show_message()

    def _is_gone(self) -> bool:
        """Whether Krita has deleted the docker, as it does with its window; then it stops listening."""
        if alive(self):
            return False
        self._end_pull()
        self._end_connection()
        return True

    def _show_models(self) -> None:
        models = self._connection.models if self._connection is not None else []
        self.header.show_models(models, self._pull.model if self._pull is not None else "")
        if self._pull is not None:
            self.options.show_pull(self._pull)  # a model tells what there is to choose from

    def _show_state(self) -> None:
        self._soon.stop()
        pull = self._pull
        self._shown_phase = pull.phase if pull is not None else None
        if pull is None:
            self.header.show_pull(False, False)
            return
        self.header.show_pull(not pull.busy, bool(len(pull.pairs)) and pull.can_edit_pairs)
        self.options.setEnabled(not pull.busy)
        self.controls.show_pull(pull)
        self.results.enable(not pull.busy)

    def _show_message(self) -> None:
        message = self._pull.message if self._pull is not None else None
        if message is None and self._connection is not None:
            message = self._connection.message
            if message is not None and message == self._read_connection_message:
                message = None
        if message != self.message_bar.message:
            self.results.squeeze(message is not None)
            self.message_bar.show_message(message)

    # What the artist does

    def _ask(self, name: str) -> None:
        if self._pull is not None:
            getattr(self._pull, name)()

    def _dismiss(self) -> None:
        if self._pull is not None and self._pull.message is not None:
            self._pull.dismiss()
        elif self._connection is not None:
            self._read_connection_message = self._connection.message
        self._show_message()

    def _set_area(self, movable: str, grow: int, feather: int) -> None:
        if self._pull is not None:
            self._pull.set_area(replace(self._pull.area, movable=movable, grow=grow, feather=feather))

    def _set_crop(self, choice: str) -> None:
        if self._pull is None:
            return
        if choice == "drawn" and self._pull.drawn_crop is None:
            self.options.show_pull(self._pull)  # it counts as chosen when it is drawn
            self.framing_toggled.emit(True)
            return
        self._pull.set_crop(choice)

    def _set_label(self, number: int) -> None:
        if self._pull is not None:
            self._pull.set_label(number if number >= 0 else None)

    def _start_backend(self) -> None:
        if self._connection is not None:
            self._read_connection_message = None
            self._connection.start()

    def _reconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._start_backend()

    def _forget(self) -> None:
        if self._pull is None:
            return
        buttons = QtWidgets.QMessageBox.StandardButton
        answer = QtWidgets.QMessageBox.question(
            self,
            "Pullface",
            tr("Forget points, steps and results of this layer? Layers that you applied stay."),
            buttons.Yes | buttons.Cancel,
            buttons.Cancel,
        )
        if answer == buttons.Yes and self._pull is not None:
            self._pull.forget()

    def _details(self, message: Any) -> str:
        connection = self._connection
        backend = (
            "none"
            if connection is None
            else f"{connection.state}, {connection.device or 'no device'}, logs in {connection.log_folder}"
            f"{', by ' + connection.transport if connection.transport else ''}"
        )
        parts = [message.text, message.hint, message.details, self._about, f"Backend: {backend}"]
        parts.append(f"Python {platform.python_version()}, Qt {QtCore.QT_VERSION_STR}, {platform.platform()}")
        return "\n".join(part for part in parts if part)

    # Making

    def _connect(self) -> None:
        header, controls, options, results = self.header, self.controls, self.options, self.results
        header.model_chosen.connect(lambda name: self._pull is not None and self._pull.set_model(name))
        header.start_asked.connect(self._start_backend)
        header.reconnect_asked.connect(self._reconnect)
        header.clear_asked.connect(lambda: self._pull is not None and self._pull.pairs.clear())
        header.forget_asked.connect(self._forget)
        controls.mode_toggled.connect(self._mode_toggled)
        controls.asked.connect(self._ask)
        controls.step_asked.connect(lambda step: self._pull is not None and self._pull.show(step))
        controls.animation_asked.connect(lambda frames: self._pull is not None and self._pull.animate(frames))
        options.area_changed.connect(self._set_area)
        options.crop_chosen.connect(self._set_crop)
        options.framing_toggled.connect(self.framing_toggled)
        options.label_chosen.connect(self._set_label)
        options.next_face_asked.connect(lambda: self._pull is not None and self._pull.next_face())
        results.apply_asked.connect(lambda name: self._pull is not None and self._pull.apply_result(name))
        results.delete_asked.connect(lambda name: self._pull is not None and self._pull.delete_result(name))
        self.message_bar.dismissed.connect(self._dismiss)

    def _mode_toggled(self, on: bool) -> None:
        if self._pull is not None:
            self.controls.show_progress(self._pull)
        self.mode_toggled.emit(on)

    def _lay_out(self) -> None:
        self.notice.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        layout = QtWidgets.QVBoxLayout(self._empty)
        layout.addStretch(1)
        layout.addWidget(Picture("pullface", 48), 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self.notice)
        layout.addStretch(2)

        layout = QtWidgets.QVBoxLayout(self._work)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.controls)
        layout.addWidget(self.section)
        layout.addWidget(self.results, 1)

        inner = QtWidgets.QWidget()
        layout = QtWidgets.QVBoxLayout(inner)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self.header)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self._work, 1)
        scroll = QtWidgets.QScrollArea()
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidgetResizable(True)
        scroll.setWidget(inner)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)

        # The message stands below what scrolls: it is always seen, and nothing moves when it comes.
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addWidget(self.message_bar)
