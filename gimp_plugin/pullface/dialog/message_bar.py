"""What went wrong, what to do, and the details to copy."""

from __future__ import annotations

from collections.abc import Callable

import gi

from ..backend.editing.messages import Message
from .widgets import GAP, button, escaped, small_button, wrapped_label

gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402

_ICONS = {"error": "dialog-error", "note": "dialog-information"}


class MessageBar(Gtk.Frame):
    """One message at a time; hidden without one.

    Args:
        details: makes the text for *Copy details* of the message that is shown.

    Attributes:
        message: what is shown; None when nothing is.
        dismissed: called when the artist has read it.
    """

    def __init__(self, details: Callable[[Message], str]) -> None:
        super().__init__()
        self.message: Message | None = None
        self.dismissed: Callable[[], None] = lambda: None
        self._details = details
        self._icon = Gtk.Image(valign=Gtk.Align.START)
        self.text = wrapped_label(30)
        self.hint = wrapped_label(30)
        self.copy = button("_Copy details", "Copies what you need for asking for help", self._copy)
        self.copy.set_halign(Gtk.Align.START)
        close = small_button("window-close-symbolic", "Dismiss", lambda: self.dismissed())
        close.set_valign(Gtk.Align.START)
        texts = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=GAP)
        for widget in (self.text, self.hint, self.copy):
            texts.pack_start(widget, False, False, 0)
        row = Gtk.Box(spacing=GAP, border_width=GAP)
        row.pack_start(self._icon, False, False, 0)
        row.pack_start(texts, True, True, 0)
        row.pack_start(close, False, False, 0)
        self.add(row)
        row.show_all()
        self.set_no_show_all(True)

    def show_message(self, message: Message | None) -> None:
        """Shows a message, or none."""
        if message == self.message:
            return
        self.message = message
        if message is not None:
            self._icon.set_from_icon_name(_ICONS[message.kind], Gtk.IconSize.LARGE_TOOLBAR)
            self.text.set_markup(f"<b>{escaped(message.text)}</b>")
            self.hint.set_text(message.hint)
            self.hint.set_visible(bool(message.hint))
            self.copy.set_visible(bool(message.details) or message.kind == "error")
            self.copy.set_label("_Copy details")
        self.set_visible(message is not None)

    def _copy(self) -> None:
        if self.message is None:
            return
        clipboard = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD)
        clipboard.set_text(self._details(self.message), -1)
        clipboard.store()
        self.copy.set_label("Copied")
