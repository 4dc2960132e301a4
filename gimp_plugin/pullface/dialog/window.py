"""The window: the picture, the panel, and what ties them to a pull, to GIMP and to the backend."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import gi

from .. import __version__
from ..backend.editing.geometry import Square, square_around
from ..backend.editing.host import EditingError
from ..backend.editing.messages import Message, message_of
from ..backend.editing.pull import Pull
from ..backend.editing.tasks import Job, Runner
from ..backend.wire.errors import RemoteError
from ..host.source import GimpSource
from ..link import later, new_link
from .panel import Panel
from .settings import DEFAULT_STRENGTH, Settings
from .view import ZOOM_STEP, PictureView
from .widgets import GAP, line_label, small_button, suggest
from .wording import connection_text

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")
from gi.repository import Gdk, Gimp, GimpUi, Gio, GLib, Gtk  # noqa: E402

LOOK_MILLISECONDS = 500
"""How often it is looked at whether the layer is still there."""

STOP_SECONDS = 5.0
"""How long a running pull may take to stop when the dialog is closed."""

_STYLE = b"""
.pullface-view { background: #404040; }
"""


class PullDialog:
    """One dialog for one layer.

    Args:
        image: GIMP's, open.
        drawable: a layer in it that can be pulled.

    Raises:
        EditingError: the layer cannot be pulled.
    """

    def __init__(self, image: Gimp.Image, drawable: Gimp.Layer) -> None:
        GimpUi.init("pullface")
        self._source = GimpSource(image, drawable)
        record = self._source.load_record()
        bounds = self._source.bounds()
        self._settings = Settings.load(_folder())
        self._link = new_link()
        self._connection = self._link.connection
        self.pull = Pull(self._source, self._connection, self._later, record)
        self._strength = self._settings.strength
        if not record:
            self.pull.set_model(self._settings.model)
            self.pull.set_area(self._settings.area)
        self._apply_strength()
        self._closing = False
        self._closed = False
        self._digest = ""
        self._area = self.pull.area
        self._look_again = False
        self._loop = GLib.MainLoop()
        self._reader = Runner(self._later, self._read_ended)
        self._tester = Runner(self._later, self._test_ended)

        about = f"Pullface {__version__}, GIMP {Gimp.version()}"
        size = image.get_width(), image.get_height()
        self.view = PictureView(self.pull, size, bounds)
        self.panel = Panel(self.pull, self._connection, about)
        self.dialog = GimpUi.Dialog(title=f"Pullface – {self._source.name}", role="pullface")
        self._lay_out()
        self._connect()
        self.pull.observe(self._pull_changed)
        self._timer = GLib.timeout_add(LOOK_MILLISECONDS, self._look)

    def run_until_closed(self) -> None:
        """Shows it, and returns when it is closed."""
        self.dialog.show_all()
        self.view.grab_focus()
        GimpUi.window_set_transient(self.dialog)
        self._show_state()
        self._link.start()
        self._look_at_picture()
        self.pull.look_for_faces()
        if self.pull.step:
            self.pull.show(self.pull.step)
        self._loop.run()

    # Picture

    def _look_at_picture(self) -> None:
        """Reads layer and selection, which the artist may have changed in GIMP."""
        self._look_again = self._reader.busy
        if not self._closed and not self._reader.busy and self._source.exists():
            self._reader.run(self._read())

    def _read(self) -> Job:
        bounds = self._source.bounds()
        picture = yield from self._source.read(bounds, eight_bits=True)
        if picture.digest != self._digest:
            self._digest = picture.digest
            self.view.show_layer(picture)
        pull, selected = self.pull, self._source.selection_bounds()
        self.view.selected_area = selected is not None and pull.area.movable != "crop"
        mask = None
        if self.view.selected_area:
            mask = yield from self._source.movable(pull.area, (), square_around(bounds), bounds)
        self.view.show_tint(mask)

    def _read_ended(self, error: BaseException | None) -> None:
        if error is not None and not self._closed:
            self.panel.tell(message_of(error, "reading the layer"))
        if self._look_again:
            self._look_at_picture()

    # Orders

    def _apply_strength(self) -> None:
        default = abs(self._strength - DEFAULT_STRENGTH) < 0.005
        self.pull.drag_options = {} if default else {"strength": round(self._strength, 2)}

    def _set_strength(self, strength: float) -> None:
        self._strength = strength
        self._apply_strength()

    def _set_crop(self, choice: str) -> None:
        if choice == "drawn" and self.pull.drawn_crop is None:
            self.panel.options.show_pull(self.pull)  # it counts as chosen when it is drawn
            self._set_framing(True)
            return
        self.pull.set_crop(choice)

    def _set_framing(self, on: bool) -> None:
        self.view.edit_frame(on and self.pull.can_edit_pairs)
        self._show_framing()
        self.view.grab_focus()

    def _show_framing(self) -> None:
        self.panel.show_framing(self.view.gestures.framing.on)

    def _draw_crop(self, square: Square) -> None:
        self.pull.set_crop("drawn", square)

    def _forget(self) -> None:
        question = Gtk.MessageDialog(
            transient_for=self.dialog,
            modal=True,
            message_type=Gtk.MessageType.QUESTION,
            text="Forget points, steps and results of this layer?",
            secondary_text="Layers that you applied stay.",
        )
        question.add_button("_Cancel", Gtk.ResponseType.CANCEL)
        question.add_button("_Forget", Gtk.ResponseType.OK)
        question.set_default_response(Gtk.ResponseType.CANCEL)
        answer = question.run()
        question.destroy()
        if answer == Gtk.ResponseType.OK:
            self.pull.forget()

    def _reconnect(self) -> None:
        self._connection.close()
        self._link.start()

    def _test(self) -> None:
        if not self._tester.busy:
            self.panel.tell(None)
            self._link.start()
            self._tester.run(self._test_job())

    def _test_job(self) -> Job:
        yield from self._connection.until_connected()
        connection = self._connection
        while True:
            status = yield connection.send("status")
            if status.body["device"] or status.body["state"] == "lost":
                break
            yield 0.5  # it starts, and the lamp says so
        if status.body["state"] == "lost":
            raise RemoteError(
                "worker_lost",
                "The Pullface backend keeps stopping.",
                "Copy the details, and look into its log.",
            )
        models = yield connection.send("models.list")
        text, hint = connection_text(
            connection.version, str(status.body["device"]), list(models.body["models"])
        )
        details = f"state {status.body['state']}, logs in {connection.log_folder}"
        self.panel.tell(Message("note", text, hint, details))

    def _test_ended(self, error: BaseException | None) -> None:
        if error is not None and not self._closed:
            self.panel.tell(message_of(error, "testing the connection"))

    def _show_logs(self) -> None:
        Path(self._connection.log_folder).mkdir(parents=True, exist_ok=True)
        try:
            Gio.AppInfo.launch_default_for_uri(Path(self._connection.log_folder).as_uri(), None)
        except GLib.Error as error:
            self.panel.tell(
                Message(
                    "note",
                    "The folder with the log files could not be opened.",
                    self._connection.log_folder,
                    error.message,
                )
            )

    # What goes on

    def _later(self, seconds: float, function: Any) -> None:
        later(seconds, lambda: None if self._closed else function())

    def _look(self) -> bool:
        self.pull.look_after_source()
        return True

    def _pull_changed(self, topic: str) -> None:
        if topic == "options" and self.pull.area != self._area:
            self._area = self.pull.area
            self._look_at_picture()

    def _show_state(self) -> None:
        pull = self.pull
        self._apply.set_sensitive(pull.can_apply and not self._closing)
        suggest(self._apply, pull.can_apply)
        editable = pull.can_edit_pairs
        self._undo.set_sensitive(editable and pull.pairs.can_undo)
        self._redo.set_sensitive(editable and pull.pairs.can_redo)
        self._delete.set_sensitive(editable and len(pull.pairs) > 0)
        if self._closing and not pull.busy:
            self._end()

    def _show_zoom(self) -> None:
        self._zoom.set_text(f"{100 * self.view.viewport.zoom:.0f} %")

    # Closing

    def _respond(self, _: Any, response: int) -> None:
        if response == Gtk.ResponseType.APPLY:
            self.pull.apply()
        elif not self._closing:
            self._close()

    def _close(self) -> None:
        """What runs is stopped first, so that its last step is kept with the layer."""
        self._closing = True
        if not self.pull.busy:
            self._end()
            return
        self.dialog.set_sensitive(False)
        self.pull.stop()
        later(STOP_SECONDS, self._end)

    def _end(self) -> None:
        if self._closed:
            return
        width, height = self.dialog.get_size()
        Settings(self.pull.model, self.pull.area, self._strength, (width, height)).save(_folder())
        with contextlib.suppress(EditingError):  # the picture was closed in GIMP
            self.pull.save_record()
        self._closed = True
        GLib.source_remove(self._timer)
        self.view.close()
        self.panel.close()
        self._reader.cancel()
        self._tester.cancel()
        self.pull.close()
        self._link.close()
        self.dialog.destroy()
        self._loop.quit()

    # Making

    def _connect(self) -> None:
        view, panel, gestures = self.view, self.panel, self.view.gestures
        view.zoomed = self._show_zoom
        view.touched = self._show_state
        gestures.drag_requested = self.pull.drag
        gestures.stop_requested = self.pull.stop
        gestures.framing.drawn = self._draw_crop
        gestures.framing.face_chosen = self.pull.choose_face
        gestures.framing_ended = self._show_framing
        gestures.frame_reset = lambda: self.pull.set_crop("face")
        panel.changed = self._show_state
        panel.header.test_asked = self._test
        panel.header.reconnect_asked = self._reconnect
        panel.header.logs_asked = self._show_logs
        panel.header.forget_asked = self._forget
        panel.options.strength_changed = self._set_strength
        panel.options.crop_chosen = self._set_crop
        panel.options.framing_toggled = self._set_framing
        panel.options.show_strength(self._strength)
        self.dialog.connect("response", self._respond)
        self.dialog.connect("delete-event", lambda *_: True)  # the response has closed it, or will
        self.dialog.connect("key-press-event", self._key_pressed)
        self.dialog.connect("key-release-event", lambda _, event: self.view.release_key(event))
        self.dialog.connect("focus-in-event", self._focused)

    def _key_pressed(self, _: Any, event: Gdk.EventKey) -> bool:
        focus = self.dialog.get_focus()
        if isinstance(focus, Gtk.Editable) and focus.get_editable():
            return False
        return self.view.press_key(event)

    def _focused(self, *_: Any) -> bool:
        self._look_at_picture()
        return False

    def _lay_out(self) -> None:
        dialog = self.dialog
        provider = Gtk.CssProvider()
        provider.load_from_data(_STYLE)
        self.view.get_style_context().add_class("pullface-view")
        self.view.get_style_context().add_provider(provider, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
        dialog.add_button("_Close", Gtk.ResponseType.CLOSE)
        self._apply = dialog.add_button("_Apply", Gtk.ResponseType.APPLY)
        self._apply.set_tooltip_text("Add the shown step as new layers above your layer")

        pairs = self.pull.pairs
        view = self.view
        self._undo = small_button("edit-undo-symbolic", "Undo (Ctrl+Z)", pairs.undo)
        self._redo = small_button("edit-redo-symbolic", "Redo (Ctrl+Shift+Z)", pairs.redo)
        self._delete = small_button("edit-delete-symbolic", "Remove all points", pairs.clear)
        self._zoom = line_label("100 %")
        self._zoom.set_width_chars(6)
        self._zoom.set_xalign(0.5)
        bar = Gtk.Box(spacing=2)
        for button in (self._undo, self._redo, self._delete):
            bar.pack_start(button, False, False, 0)
        for widget in reversed(
            (
                small_button("zoom-out-symbolic", "Zoom out (−)", lambda: view.zoom_by(1 / ZOOM_STEP)),
                self._zoom,
                small_button("zoom-in-symbolic", "Zoom in (+)", lambda: view.zoom_by(ZOOM_STEP)),
                small_button("zoom-original-symbolic", "The picture's own pixels (1)", view.show_pixels),
                small_button("zoom-fit-best-symbolic", "The whole layer", view.fit),
            )
        ):
            bar.pack_end(widget, False, False, 0)
        frame = Gtk.Frame()
        frame.add(view)
        left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=GAP)
        left.pack_start(frame, True, True, 0)
        left.pack_start(bar, False, False, 0)
        both = Gtk.Box(spacing=2 * GAP, border_width=2 * GAP)
        both.pack_start(left, True, True, 0)
        both.pack_start(self.panel, False, False, 0)
        dialog.get_content_area().pack_start(both, True, True, 0)
        dialog.set_default_size(*_fitting(dialog, self._settings.size))


def _folder() -> Path:
    return Path(os.fsdecode(Gimp.directory()))


def _fitting(dialog: Gtk.Window, size: tuple[int, int]) -> tuple[int, int]:
    """The size, or what there is room for on the screen with a title bar above it."""
    display = dialog.get_display()
    room = (display.get_primary_monitor() or display.get_monitor(0)).get_workarea()
    return min(size[0], room.width), min(size[1], room.height - 40)
