"""Pullface's dialog in a running GIMP, as the artist meets it: opened from the menu, used with mouse and keys."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.editors.display import still

from .driver import WINDOW_TITLE, EditorError, Gimp, Probe

ROOT = Path(__file__).resolve().parents[3]
PORTRAIT = ROOT / "examples/portrait.png"

HANDLE, TARGET = (333.7, 538.8), (321.0, 518.9)
"""The left corner of the mouth, and where it smiles."""

SECOND = (408.1, 534.9), (417.9, 513.8)

QUICK = {"pivot_steps": 2, "tuning_steps": 1}
"""Settings of an inversion that is no good and soon done."""

LONG = {"engine": "reference", "steps": 2000, "stop_distance": 0.0, "learning_rate": 1e-5}
"""Options of a drag that lasts until it is stopped."""

_NAMES = """
import gc, sys
window = sys.modules["pullface.dialog.window"]
Gtk = window.Gtk
Point = sys.modules["pullface.backend.editing.geometry"].Point
dialog = next(each for each in gc.get_objects() if type(each) is window.PullDialog and not each._closed)
view, panel, pull = dialog.view, dialog.panel, dialog.pull

def screen(widget, x=None, y=None):
    top, size = widget.get_toplevel(), widget.get_allocation()
    _, left, upper = top.get_window().get_origin()
    across, down = widget.translate_coordinates(top, 0, 0)
    x, y = size.width / 2 if x is None else x, size.height / 2 if y is None else y
    return [left + across + x, upper + down + y]

def place(x, y):
    return screen(view, *view.gestures.affine.map(Point(x, y)))

def buttons(widget):
    found = [widget] if isinstance(widget, Gtk.Button) else []
    if isinstance(widget, Gtk.Container):
        for child in widget.get_children():
            found += buttons(child)
    return found

def button(text):
    for each in buttons(dialog.dialog):
        if text in ((each.get_label() or "").replace("_", ""), each.get_tooltip_text()) and each.is_visible():
            return each
    raise LookupError(text)

# What was shown in each phase: an inversion can be over before it is asked.
seen = set()
pull.observe(lambda topic: seen.add((pull.phase.value, pull.preview is not None)))

def facts():
    message = panel.message_bar.message
    return {
        "phase": pull.phase.value, "step": pull.step, "last": pull.last_step, "distance": pull.distance,
        "busy": pull.busy, "pairs": [[list(pair.handle), list(pair.target)] for pair in pull.pairs],
        "message": message.text if message else "", "hint": message.hint if message else "",
        "kind": message.kind if message else "", "preview": pull.preview is not None, "edit": pull.edit is not None,
        "results": len(pull.results), "applied": [each.applied for each in pull.results],
        "backend": dialog._connection.state, "crop": list(pull.crop) if pull.crop else None,
        "text": panel.controls.text.get_text(), "zoom": view.viewport.zoom, "drawn": view.drawn_in,
        "moving": pull.moving,
    }
"""

_IMAGE = """
import hashlib

def digest(layer):
    buffer = layer.get_buffer()
    found = hashlib.md5(bytes(buffer.get(buffer.get_extent(), 1.0, None, Gegl.AbyssPolicy.NONE))).hexdigest()
    del buffer
    return [found, list(layer.get_offsets())[1:], layer.get_name()]

def tree(layers):
    return [[each.get_name(), tree(each.get_children()) if each.is_group() else []] for each in layers]
"""


class Stage:
    """One GIMP with its window.

    Args:
        gimp: running, with the plug-in.

    Attributes:
        dialog: the plug-in's process with the dialog, while it is open.
    """

    def __init__(self, gimp: Gimp) -> None:
        self.gimp = gimp
        self._dialog: Probe | None = None
        gimp.run(_IMAGE)

    # -- the picture

    def open_portrait(self, file: Path | None = None) -> Any:
        """Shows a copy of the example portrait, or another file. Returns a digest of its lowest layer."""
        if file is None:
            file = self.gimp.home / "portrait.png"
            shutil.copy(PORTRAIT, file)
        self.gimp.run(
            """
            image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(arguments[0]))
            layer = image.get_layers()[-1]
            layer.set_name("portrait")
            image.clean_all()
            image.set_selected_layers([layer])
            display = Gimp.Display.new(image)
            """,
            str(file),
        )
        self.gimp.display.settle()
        return self.digest()

    def digest(self) -> Any:
        """Of every byte of the source layer, its place and its name."""
        return self.gimp.run("digest(layer)")

    def layers(self) -> Any:
        """Names of the layers, from the top, each with those inside it."""
        return self.gimp.run("tree(image.get_layers())")

    # -- the dialog

    @property
    def dialog(self) -> Probe:
        assert self._dialog is not None, "the dialog is not open"
        return self._dialog

    def open(self, **settings: Any) -> dict[str, Any]:
        """Opens the dialog from the menu, as its last entry. Returns the facts.

        Args:
            settings: of the inversion; the quick ones by default.
        """
        before = {probe.pid for probe in self.gimp.plugins()}
        self.choose_from_the_menu()
        deadline = time.monotonic() + 120
        while self._dialog is None or self._dialog.pid in before:
            assert time.monotonic() < deadline, "the dialog did not open"
            time.sleep(0.2)
            for probe in self.gimp.plugins():
                if probe.pid not in before:
                    with contextlib.suppress(EditorError):
                        probe.run(_NAMES)
                        self._dialog = probe
        self.dialog.run("pull.inversion_settings = arguments[0]", settings or QUICK)
        self.dialog.wait_until("view._ground._layer is not None and view.get_mapped()", 60)
        self.focus()
        self.gimp.display.settle()
        return self.facts()

    def choose_from_the_menu(self, place: int = 1) -> None:
        """Chooses an entry of *Filters*.

        Args:
            place: from the bottom: 1 the dialog, 2 the pull along a path.
        """
        display = self.gimp.display
        self.focus_gimp()
        display.key("Escape")  # whatever else is open
        before, deadline = display.top_windows(), time.monotonic() + 60
        display.key("alt+r")
        while not display.top_windows() - before:
            assert time.monotonic() < deadline, f"no menu opens; see {self.gimp.screenshot('no menu')}"
            time.sleep(0.1)
        display.settle()
        display.key(*["Up"] * place, "Return")

    def cancel(self, idle: Path) -> None:
        """Clicks *Cancel* in the status bar, where it is the rightmost of what comes with a plug-in's progress.

        Args:
            idle: what the screen looked like before.
        """
        before, now = (
            np.asarray(Image.open(file).convert("L"), dtype=int)[-40:]
            for file in (idle, self.gimp.screenshot("status bar"))
        )
        came = now - before > 80  # the letters are light
        right = int(np.nonzero(came.any(axis=0))[0].max())
        middle = np.nonzero(came[:, right - 40 : right + 1].any(axis=1))[0].mean()
        self.gimp.display.click(right - 20, self.gimp.display.size[1] - 40 + middle)

    def focus_gimp(self) -> None:
        """Gives GIMP's window the keyboard."""
        self.gimp.display.focus(self.gimp.display.window(WINDOW_TITLE))

    def focus(self) -> None:
        """Gives the dialog the keyboard."""
        self.gimp.display.focus(self.gimp.display.window("^Pullface – "))

    def close(self) -> None:
        """Presses *Close*, and waits until the plug-in's process has ended."""
        self.press("Close")
        self.wait_for_the_end()

    def wait_for_the_end(self, seconds: float = 60.0) -> None:
        """Waits until the dialog's process has ended."""
        deadline = time.monotonic() + seconds
        while self.dialog.alive:
            assert time.monotonic() < deadline, "the dialog did not end"
            time.sleep(0.1)
        self._dialog = None

    def end(self) -> None:
        """Ends every dialog as *Close* does; of one that has to be killed GIMP would tell in a window."""
        for probe in self.gimp.plugins():
            with contextlib.suppress(EditorError):
                probe.run("GLib.idle_add(dialog._close)\nNone")
        deadline = time.monotonic() + 60
        while self.gimp.plugins() and time.monotonic() < deadline:
            time.sleep(0.1)
        for probe in self.gimp.plugins():
            with contextlib.suppress(ProcessLookupError):
                os.kill(probe.pid, signal.SIGKILL)

    def dismiss(self, title: str) -> None:
        """Waits for a window of GIMP's, and presses Enter there."""
        display = self.gimp.display
        window = display.window(title)
        display.settle()
        display.focus(window)
        display.key("Return")
        deadline = time.monotonic() + 60
        while display.windows(title):
            assert time.monotonic() < deadline, f"the window “{title}” stays"
            time.sleep(0.1)

    def press(self, text: str) -> None:
        """Clicks the button with this caption, or with this tool tip, once it can be pressed and keeps its place."""
        self.dialog.wait_until(f"button({text!r}).is_sensitive() and button({text!r}).get_mapped()", 60)
        self.click(f"button({text!r})")

    def click(self, widget: str) -> None:
        """Clicks the middle of a widget (an expression) once it keeps its place."""
        self.gimp.display.click(*still(lambda: self.dialog.run(f"screen({widget})")))

    def facts(self) -> dict[str, Any]:
        """What the pull says of itself."""
        return dict(self.dialog.run("facts()"))

    def until(self, condition: str, seconds: float = 300.0) -> dict[str, Any]:
        """Waits until an expression on ``f``, the facts, is true. Returns the facts."""
        try:
            self.dialog.wait_until(f"(lambda f: {condition})(facts())", seconds)
        except EditorError as error:
            raise AssertionError(f"not within {seconds} s: {condition}\n{self.facts()}") from error
        return self.facts()

    def rest(self, seconds: float = 600.0) -> dict[str, Any]:
        """Waits until nothing runs."""
        return self.until("not f['busy'] and not f['moving'] and f['phase'] in ('ready', 'idle')", seconds)

    # -- its picture

    def place(self, point: Sequence[float]) -> tuple[float, float]:
        """Where a position of the image is on the screen."""
        x, y = self.dialog.run("place(*arguments)", *point)
        return x, y

    def moved_place(self, point: Sequence[float], before: Sequence[float]) -> Sequence[float]:
        """Waits until a position of the image is no longer where it was on the screen, and rests. Returns its place."""
        deadline = time.monotonic() + 60
        while self.place(point) == before:
            assert time.monotonic() < deadline, f"the picture stays at {before}"
            time.sleep(0.05)
        return still(lambda: self.place(point))

    def draw(self, handle: Sequence[float], target: Sequence[float]) -> None:
        """Draws an arrow with the mouse."""
        before = len(self.facts()["pairs"])
        still(lambda: self.place(handle))
        self.gimp.display.drag(self.place(handle), self.place(target))
        self.until(f"len(f['pairs']) == {before + 1}")

    def pull(self, **options: Any) -> dict[str, Any]:
        """One whole pull with the button. Returns the facts at its end."""
        self.dialog.run("pull.drag_options = arguments[0]", options)
        before = self.facts()["results"]
        self.press("Drag")
        self.until(f"f['results'] > {before} or f['kind'] == 'error'", 600)
        return self.rest()

    def begin_long_pull(self) -> dict[str, Any]:
        """A pull that runs until it is stopped."""
        self.dialog.run("pull.drag_options = arguments[0]", LONG)
        self.press("Drag")
        return self.until("f['phase'] == 'dragging' and f['step'] >= 3")
