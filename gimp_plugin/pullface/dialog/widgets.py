"""Small parts of the panel that Gtk does not have in this form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import GLib, Gtk, Pango  # noqa: E402

GAP = 6
"""px between things that belong together."""

_LAMP = {"good": "#4ab36a", "wait": "#e0a030", "bad": "#dc5046", "off": "#8a8a8a"}


def button(text: str, tip: str, pressed: Callable[[], None]) -> Gtk.Button:
    """A button with a caption; ``_`` marks its key."""
    made = Gtk.Button.new_with_mnemonic(text)
    made.set_tooltip_text(tip)
    made.set_focus_on_click(False)  # the keys stay with the picture
    made.connect("clicked", lambda _: pressed())
    return made


def small_button(icon: str, tip: str, pressed: Callable[[], None]) -> Gtk.Button:
    """A flat button that is only an icon of the theme's."""
    made = Gtk.Button.new_from_icon_name(icon, Gtk.IconSize.BUTTON)
    made.set_relief(Gtk.ReliefStyle.NONE)
    made.set_focus_on_click(False)
    made.set_tooltip_text(tip)
    made.get_accessible().set_name(tip)
    made.connect("clicked", lambda _: pressed())
    return made


def line_label(text: str = "") -> Gtk.Label:
    """One line that is shortened where there is no room."""
    return Gtk.Label(label=text, xalign=0.0, ellipsize=Pango.EllipsizeMode.END)


def wrapped_label(width: int) -> Gtk.Label:
    """A few lines that never make the panel wider than ``width`` characters."""
    made = Gtk.Label(xalign=0.0, yalign=0.0, wrap=True, selectable=True)
    made.set_line_wrap_mode(Pango.WrapMode.WORD_CHAR)
    made.set_max_width_chars(width)
    made.set_can_focus(False)
    return made


def suggest(widget: Gtk.Widget, on: bool) -> None:
    """Shows a button as the next thing to do, or as any other."""
    style = widget.get_style_context()
    if on:
        style.add_class("suggested-action")
    else:
        style.remove_class("suggested-action")


class Lamp(Gtk.Label):
    """A dot in one of four colours; hollow when off, so that it does not need colour vision."""

    def show_kind(self, kind: str) -> None:
        """Shows another colour: good, wait, bad or off."""
        dot = "○" if kind == "off" else "●"
        self.set_markup(f'<span foreground="{_LAMP[kind]}">{dot}</span>')


class Choice(Gtk.ComboBox):
    """A list to choose from, which tells the artist's choices only.

    Args:
        name: for screen readers.
        entries: (identifier, text) of each; an empty text is a line between them.
        chosen: called with the identifier that the artist chose.
    """

    def __init__(self, name: str, entries: Sequence[tuple[str, str]], chosen: Callable[[str], None]) -> None:
        super().__init__(model=Gtk.ListStore(str, str), id_column=0)
        renderer = Gtk.CellRendererText(ellipsize=Pango.EllipsizeMode.END)
        self.pack_start(renderer, True)
        self.add_attribute(renderer, "text", 1)
        self.set_row_separator_func(lambda model, row, *_: not model[row][1])
        self.get_accessible().set_name(name)
        self.set_focus_on_click(False)
        self._showing = False
        self._chosen = chosen
        self.show_entries(entries)
        self.connect("changed", self._changed)
        self.connect("scroll-event", _left_alone)

    def show_entries(self, entries: Sequence[tuple[str, str]]) -> None:
        """Offers other entries."""
        self._showing = True
        shown = self.get_active_id()
        self.get_model().clear()
        for entry in entries:
            self.get_model().append(entry)
        self.set_active_id(shown)
        self._showing = False

    def show_choice(self, identifier: str) -> None:
        """Shows what is chosen, without telling anybody."""
        self._showing = True
        self.set_active_id(identifier)
        self._showing = False

    def _changed(self, _: Any) -> None:
        if not self._showing and self.get_active_id() is not None:
            self._chosen(self.get_active_id())


class Pixels(Gtk.SpinButton):
    """A number of px, which tells the artist's changes only."""

    def __init__(self, name: str, lowest: int, highest: int, tip: str, changed: Callable[[], None]) -> None:
        super().__init__(adjustment=Gtk.Adjustment(0, lowest, highest, 1, 10, 0), numeric=True)
        self.set_tooltip_text(tip)
        self.get_accessible().set_name(name)
        self._showing = False
        self.connect("value-changed", lambda _: None if self._showing else changed())
        self.connect("scroll-event", _left_alone)

    def show_number(self, value: int) -> None:
        """Shows another number, without telling anybody."""
        if value != self.get_value_as_int():
            self._showing = True
            self.set_value(value)
            self._showing = False


def _left_alone(widget: Gtk.Widget, *_: Any) -> bool:
    """The wheel changes nothing by accident."""
    widget.stop_emission_by_name("scroll-event")
    return False


def escaped(text: str) -> str:
    """A text as Pango's markup."""
    return str(GLib.markup_escape_text(text))
