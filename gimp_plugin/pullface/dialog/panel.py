"""What stands beside the picture: everything of one pull and the connection that is no picture."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import gi

from ..backend.editing.connection import Connection
from ..backend.editing.host import AreaOptions
from ..backend.editing.messages import Message
from ..backend.editing.pull import Pull
from .controls import Controls
from .header import Header
from .message_bar import MessageBar
from .options import Options
from .results import Results
from .widgets import GAP

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

COUNT_MILLISECONDS = 100
"""How often step and time left are written while a pull runs."""

WIDTH = 300


class Panel(Gtk.Box):
    """Shows one ``Pull`` and the ``Connection``; what the artist asks for goes to the window and to them.

    It updates what a topic tells it to update and nothing else: previews come thirty times a second.

    Args:
        pull, connection: what is shown.
        about: a text about editor and plugin, for *Copy details*.

    Attributes:
        changed: called after the pull's state was shown, for what the window shows of it.
        own: a message of the dialog itself; shown before the others.
    """

    def __init__(self, pull: Pull, connection: Connection, about: str) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=2 * GAP)
        self.changed: Callable[[], None] = lambda: None
        self.own: Message | None = None
        self._pull = pull
        self._connection = connection
        self._about = about
        self._read: Message | None = None
        self._shown_phase: Any = None
        self._soon = 0
        self.header = Header()
        self.controls = Controls()
        self.options = Options()
        self.results = Results()
        self.message_bar = MessageBar(self._details)
        self.message_bar.dismissed = self._dismiss
        self.set_size_request(WIDTH, -1)
        self.set_hexpand(False)  # what stands in it would like to
        for widget in (self.header, Gtk.Separator(), self.controls, Gtk.Separator(), self.options):
            self.pack_start(widget, False, False, 0)
        self.pack_start(self.results, True, True, 0)
        self.pack_start(self.message_bar, False, False, 0)
        self._connect()
        self._end_pull = pull.observe(self._on_topic)
        self._end_connection = connection.observe(lambda _: self._show_connection())
        self.results.show_results(pull.results)
        self._show_connection()
        self._show_state()

    def tell(self, message: Message | None) -> None:
        """Shows a message of the dialog's own, or takes it away."""
        self.own = message
        self._show_message()

    def show_framing(self, on: bool) -> None:
        """Shows whether the crop's frame is edited."""
        self.options.show_framing(on)
        self.controls.framing = on
        self.controls.show_progress(self._pull)

    def close(self) -> None:
        """Listens no more."""
        self._end_pull()
        self._end_connection()
        if self._soon:
            GLib.source_remove(self._soon)
            self._soon = 0

    # Topics

    def _on_topic(self, topic: str) -> None:
        pull = self._pull
        if topic in ("state", "pairs"):
            if pull.busy and pull.phase is self._shown_phase:
                if not self._soon:
                    self._soon = GLib.timeout_add(COUNT_MILLISECONDS, self._show_state)
            else:
                self._show_state()
        elif topic == "message":
            if pull.message is not None:
                self.own = None
            self._show_message()
            if pull.message is not None and pull.message.kind == "error":
                self.controls.scrubber.give_up()
                self.controls.show_progress(pull)
        elif topic == "results":
            self.results.show_results(pull.results)
        elif topic == "options":
            self._show_models()

    def _show_connection(self) -> None:
        self.header.show_backend(self._connection.state, self._connection.device)
        self._show_models()
        self._show_message()

    def _show_models(self) -> None:
        self.header.show_models(self._connection.models, self._pull.model)
        self.options.show_pull(self._pull)  # a model tells what there is to choose from

    def _show_state(self) -> bool:
        if self._soon:
            GLib.source_remove(self._soon)
            self._soon = 0
        pull = self._pull
        self._shown_phase = pull.phase
        self.header.show_pull(not pull.busy, bool(len(pull.pairs)) and pull.can_edit_pairs)
        self.options.set_sensitive(not pull.busy)
        self.controls.show_pull(pull)
        self.results.enable(not pull.busy)
        self.changed()
        return False

    def _show_message(self) -> None:
        message = self.own or self._pull.message
        if message is None and self._connection.message != self._read:
            message = self._connection.message
        if message != self.message_bar.message:
            self.message_bar.show_message(message)
            self.results.show()
            if message is not None and self.get_preferred_height()[0] > self.get_allocated_height() > 1:
                self.results.hide()  # until the message was read: the window shall not grow

    # What the artist does

    def _dismiss(self) -> None:
        if self.own is not None:
            self.own = None
        elif self._pull.message is not None:
            self._pull.dismiss()
        else:
            self._read = self._connection.message
        self._show_message()

    def _details(self, message: Message) -> str:
        connection = self._connection
        known = (
            connection.version,
            connection.state,
            connection.device,
            connection.transport,
            f"logs in {connection.log_folder}",
        )
        backend = ", ".join(fact for fact in known if fact)
        parts = [message.text, message.hint, message.details, self._about, f"Backend: {backend}"]
        parts.append(f"Python {platform.python_version()}, {platform.platform()}")
        return "\n".join(part for part in parts if part)

    def _set_area(self, movable: str, grow: int, feather: int) -> None:
        self._pull.set_area(AreaOptions(movable, grow, feather))

    def _connect(self) -> None:
        pull = self._pull
        self.header.model_chosen = pull.set_model
        self.header.clear_asked = pull.pairs.clear
        self.controls.asked = lambda name: getattr(pull, name)()
        self.controls.step_asked = pull.show
        self.options.area_changed = self._set_area
        self.options.face_chosen = pull.choose_face
        self.options.label_chosen = pull.set_label
        self.results.apply_asked = pull.apply_result
        self.results.delete_asked = pull.delete_result
