"""The head of the panel: which model, what the backend does, *Test connection*, and the menu."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gi

from .widgets import GAP, Choice, Lamp, button, line_label
from .wording import backend_state

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

_FROM_FILE = "\N{BULLET}file"  # no model can be called so


class Header(Gtk.Box):
    """Shows what it is told, and calls what the window sets.

    Attributes:
        model_chosen: with a model's name or the absolute path of its file.
        test_asked, reconnect_asked, logs_asked, clear_asked, forget_asked: what the artist wants.
    """

    def __init__(self) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=GAP)
        self.model_chosen: Callable[[str], None] = lambda name: None
        self.test_asked: Callable[[], None] = lambda: None
        self.reconnect_asked: Callable[[], None] = lambda: None
        self.logs_asked: Callable[[], None] = lambda: None
        self.clear_asked: Callable[[], None] = lambda: None
        self.forget_asked: Callable[[], None] = lambda: None
        self._models: list[dict[str, Any]] = []
        self._chosen = ""

        self.model = Choice("Model", (), self._choose)
        self.model.set_tooltip_text("The model that knows what such faces look like")
        label = Gtk.Label(label="Model", xalign=0.0)
        self._clear = _entry("Remove all points", lambda: self.clear_asked())
        self._forget = _entry("Forget this pull…", lambda: self.forget_asked())
        self._reconnect = _entry("Connect to the backend again", lambda: self.reconnect_asked())
        logs = _entry("Show the log files", lambda: self.logs_asked())
        menu = Gtk.Menu()
        for item in (self._clear, self._forget, Gtk.SeparatorMenuItem(), self._reconnect, logs):
            menu.append(item)
        menu.show_all()
        more = Gtk.MenuButton(popup=menu, tooltip_text="More")
        more.set_image(Gtk.Image.new_from_icon_name("open-menu-symbolic", Gtk.IconSize.BUTTON))
        more.get_accessible().set_name("More")

        first = Gtk.Box(spacing=GAP)
        first.pack_start(label, False, False, 0)
        first.pack_start(self.model, True, True, 0)
        first.pack_start(more, False, False, 0)
        self.lamp = Lamp()
        self.state = line_label()
        self.test = button(
            "_Test connection", "Says what backend is reached, or what is wrong", lambda: self.test_asked()
        )
        second = Gtk.Box(spacing=GAP)
        second.pack_start(self.lamp, False, False, 0)
        second.pack_start(self.state, True, True, 0)
        second.pack_start(self.test, False, False, 0)
        self.pack_start(first, False, False, 0)
        self.pack_start(second, False, False, 0)
        self.show_models([], "")
        self.show_backend("off", "")

    def show_backend(self, state: str, device: str) -> None:
        """Shows a connection's state."""
        kind, text = backend_state(state, device)
        self.lamp.show_kind(kind)
        self.state.set_text(text)
        self.state.set_tooltip_text(text)
        self._reconnect.set_sensitive(state in ("ready", "loading", "lost"))

    def show_models(self, models: list[dict[str, Any]], chosen: str) -> None:
        """Shows what there is to choose from, as ``models.list`` tells it, and the choice; empty is the default."""
        self._models, self._chosen = models, chosen
        names = [str(model["name"]) for model in models]
        entries = [(name, name) for name in names] or [("", "Default model")]
        if chosen and chosen not in names:
            entries.append((chosen, Path(chosen).name))
        self.model.show_entries([*entries, ("\N{BULLET}line", ""), (_FROM_FILE, "Model from a file…")])
        self._show_chosen()

    def show_pull(self, idle: bool, can_clear: bool) -> None:
        """Enables what must not happen while something runs, and what needs points that may be removed."""
        self.model.set_sensitive(idle)
        self._clear.set_sensitive(can_clear)
        self._forget.set_sensitive(idle)

    def _show_chosen(self) -> None:
        self.model.show_choice(self._chosen or self._default())

    def _default(self) -> str:
        """The name of the model that is taken without a choice: the backend marks it, else it is the first."""
        models = self._models or [{"name": ""}]
        return str(next((model for model in models if model.get("default")), models[0])["name"])

    def _choose(self, identifier: str) -> None:
        if identifier != _FROM_FILE:
            self.model_chosen(identifier)
            return
        self._show_chosen()
        chooser = Gtk.FileChooserNative.new(
            "Model from a file", self.get_toplevel(), Gtk.FileChooserAction.OPEN, "_Open", "_Cancel"
        )
        for name, patterns in (
            ("Models", ("*.safetensors", "*.pkl", "*.pt", "*.pth")),
            ("All files", ("*",)),
        ):
            wanted = Gtk.FileFilter()
            wanted.set_name(name)
            for pattern in patterns:
                wanted.add_pattern(pattern)
            chooser.add_filter(wanted)
        if chooser.run() == Gtk.ResponseType.ACCEPT and chooser.get_filename():
            self.model_chosen(chooser.get_filename())
        chooser.destroy()


def _entry(text: str, chosen: Callable[[], None]) -> Gtk.MenuItem:
    made = Gtk.MenuItem(label=text)
    made.connect("activate", lambda _: chosen())
    return made
