"""The history of finished pulls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gi

from ..backend.editing.record import Result
from .widgets import GAP, line_label, small_button

gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk  # noqa: E402

SIDE = 56
"""Of a thumbnail, logical px."""

_IDENTIFIER, _PICTURE, _TITLE, _TIP = range(4)


class Results(Gtk.Box):
    """Finished pulls with thumbnails, the newest first.

    Attributes:
        apply_asked: called with the identifier of the result to add to the picture again.
        delete_asked: called with the identifier of the result to delete.
    """

    def __init__(self) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=2)
        self.apply_asked: Callable[[str], None] = lambda identifier: None
        self.delete_asked: Callable[[str], None] = lambda identifier: None
        self._ready = False
        self._store = Gtk.ListStore(str, GdkPixbuf.Pixbuf, str, str)
        self.list = Gtk.IconView(
            model=self._store,
            pixbuf_column=_PICTURE,
            text_column=_TITLE,
            tooltip_column=_TIP,
            item_width=SIDE + 8,
            item_padding=2,
            margin=2,
            row_spacing=0,
            column_spacing=2,
            activate_on_single_click=False,
        )
        self.list.get_accessible().set_name("Results")
        self.list.connect("selection-changed", lambda _: self._enable())
        self.list.connect("item-activated", lambda *_: self._ask_apply())
        self.list.connect("key-press-event", self._key)
        self.apply = small_button(
            "list-add-symbolic", "Add the result above your layer again", self._ask_apply
        )
        self.delete = small_button(
            "user-trash-symbolic", "Delete the result from this list", self._ask_delete
        )
        scroll = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.IN, min_content_height=36)
        scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        style = Gtk.CssProvider()
        style.load_from_data(b"slider { min-height: 12px; }")  # else the list cannot get low
        scroll.get_vscrollbar().get_style_context().add_provider(
            style, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION
        )
        self._empty = Gtk.Label(label="Finished pulls are kept here.", sensitive=False, no_show_all=True)
        self._stack = Gtk.Overlay()
        scroll.add(self.list)
        self._stack.add(scroll)
        self._stack.add_overlay(self._empty)
        self._stack.set_overlay_pass_through(self._empty, True)
        first = Gtk.Box(spacing=GAP)
        first.pack_start(line_label("Results"), True, True, 0)
        first.pack_start(self.apply, False, False, 0)
        first.pack_start(self.delete, False, False, 0)
        self.pack_start(first, False, False, 0)
        self.pack_start(self._stack, True, True, 0)
        self._enable()

    def show_results(self, results: Sequence[Result]) -> None:
        """Shows the results; keeps what is chosen."""
        chosen = self.chosen
        pictures = {row[_IDENTIFIER]: row[_PICTURE] for row in self._store}
        self._store.clear()
        for result in reversed(results):
            picture = pictures.get(result.identifier) or _picture(result.thumbnail)
            title = f"{result.title} ✓" if result.applied else result.title
            row = self._store.append([result.identifier, picture, title, _tip(result)])
            if result.identifier == chosen:
                self.list.select_path(self._store.get_path(row))
        self._empty.set_visible(not results)
        self._enable()

    def enable(self, ready: bool) -> None:
        """Whether a result can be applied now: not while something runs."""
        self._ready = ready
        self._enable()

    @property
    def chosen(self) -> str | None:
        """The selected result's identifier."""
        items = self.list.get_selected_items()
        return str(self._store[items[0]][_IDENTIFIER]) if items else None

    def _enable(self) -> None:
        chosen = self.chosen is not None
        self.apply.set_sensitive(chosen and self._ready)
        self.delete.set_sensitive(chosen)

    def _key(self, _: Any, event: Any) -> bool:
        if event.keyval in (Gdk.KEY_Delete, Gdk.KEY_KP_Delete) and self.chosen is not None:
            self._ask_delete()
            return True
        return False

    def _ask_apply(self) -> None:
        if self.chosen is not None and self._ready:
            self.apply_asked(self.chosen)

    def _ask_delete(self) -> None:
        if self.chosen is not None:
            self.delete_asked(self.chosen)


def _picture(png: bytes) -> GdkPixbuf.Pixbuf | None:
    """The thumbnail; it comes from a file, and may be anything."""
    loader = GdkPixbuf.PixbufLoader.new_with_type("png")
    try:
        loader.write_bytes(GLib.Bytes.new(png))
        loader.close()
    except GLib.Error:
        return None
    picture = loader.get_pixbuf()
    if picture is None:
        return None
    scale = SIDE / max(picture.get_width(), picture.get_height())
    size = (max(1, round(side * scale)) for side in (picture.get_width(), picture.get_height()))
    return picture.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)


def _tip(result: Result) -> str:
    when = time.strftime("%x %H:%M", time.localtime(result.created))
    used = f"applied {result.applied}×" if result.applied else "not applied yet"
    lines = result.title, f"{when}, {used}", "Double-click to add it above your layer."
    return "\n".join(str(GLib.markup_escape_text(text)) for text in lines)
