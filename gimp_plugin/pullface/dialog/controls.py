"""What makes a pull: Invert, Drag, Stop, progress, and the scrubber over its steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gi

from .widgets import GAP, button, line_label, small_button, suggest
from .wording import progress_text

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

PATIENCE = 1.0
"""Seconds for which the scrubber stays where the artist put it, until the pull shows that step."""


class Scrubber(Gtk.Scale):
    """A slider over steps, which tells the artist's moves only.

    Args:
        scrubbed: called with the step that the artist went to.
    """

    def __init__(self, scrubbed: Callable[[int], None]) -> None:
        super().__init__(adjustment=Gtk.Adjustment(0, 0, 1, 1, 10, 0), draw_value=False)
        self.set_round_digits(0)
        self.set_tooltip_text("Show an earlier step of the pull")
        self.get_accessible().set_name("Step")
        self._scrubbed = scrubbed
        self._shown = 0
        self._showing = False
        self._asked: tuple[int, float] | None = None
        self.connect("value-changed", self._changed)

    def show_step(self, step: int, last: int) -> None:
        """Shows a step without telling anybody; stays where the artist has just put it."""
        self._showing = True
        self.set_range(0, max(1, last))
        if not self._waits_for_another(step):
            self._shown = step
            self.set_value(step)
        self._showing = False

    def go(self, by: int) -> None:
        """As if the artist had moved it by so many steps."""
        self.set_value(self.get_value() + by)

    def give_up(self) -> None:
        """The step that was asked for will not come."""
        self._asked = None

    def _changed(self, _: Any) -> None:
        step = round(self.get_value())
        if not self._showing and step != self._shown:
            self._shown = step
            self._asked = step, time.monotonic()
            self._scrubbed(step)

    def _waits_for_another(self, step: int) -> bool:
        if self._asked is None:
            return False
        asked, when = self._asked
        if step == asked or time.monotonic() - when > PATIENCE:
            self._asked = None
            return False
        return True


class Controls(Gtk.Box):
    """The buttons of one pull, except *Apply*, which is the dialog's own.

    Attributes:
        asked: called with the name of the pull's method: invert, drag, stop.
        step_asked: called with the step to show.
        framing: whether the crop's frame is edited on the picture.
    """

    def __init__(self) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=GAP)
        self.asked: Callable[[str], None] = lambda name: None
        self.step_asked: Callable[[int], None] = lambda step: None
        self.framing = False
        self.invert = button(
            "_Invert",
            "Fit the model to your picture now; Drag does it by itself where it is needed",
            lambda: self.asked("invert"),
        )
        self.drag = button("_Drag", "Pull every feature along its arrow", lambda: self.asked("drag"))
        self.stop = button(
            "_Stop", "Stop what is running; the steps so far are kept", lambda: self.asked("stop")
        )
        self.bar = Gtk.ProgressBar(valign=Gtk.Align.CENTER)
        self.bar.get_accessible().set_name("Progress")
        self.text = Gtk.Label(xalign=0.0, yalign=0.0, wrap=True)
        self.text.set_max_width_chars(34)
        self.text.set_size_request(-1, _two_lines(self.text))
        self.scrubber = Scrubber(lambda step: self.step_asked(step))
        self.back = small_button("go-previous-symbolic", "One step back", lambda: self.scrubber.go(-1))
        self.forward = small_button("go-next-symbolic", "One step forward", lambda: self.scrubber.go(1))
        self.count = line_label("0 / 0")
        self.count.set_width_chars(9)
        self.count.set_xalign(1.0)
        self.count.set_tooltip_text("The shown step and the last one")

        orders = Gtk.Box(spacing=GAP, homogeneous=True)
        orders.pack_start(self.invert, True, True, 0)
        orders.pack_start(self.drag, True, True, 0)
        progress = Gtk.Box(spacing=GAP)
        progress.pack_start(self.bar, True, True, 0)
        progress.pack_start(self.stop, False, False, 0)
        steps = Gtk.Box(spacing=0)
        steps.pack_start(self.back, False, False, 0)
        steps.pack_start(self.scrubber, True, True, 0)
        steps.pack_start(self.forward, False, False, 0)
        steps.pack_start(self.count, False, False, 0)
        for row in (orders, progress, self.text, steps):
            self.pack_start(row, False, False, 0)

    def show_pull(self, pull: Any) -> None:
        """Shows everything."""
        self.invert.set_sensitive(pull.can_invert)
        self.drag.set_sensitive(pull.can_drag)
        self.stop.set_sensitive(pull.can_stop)
        suggest(self.drag, pull.can_drag and not pull.can_apply)
        self.show_progress(pull)

    def show_progress(self, pull: Any) -> None:
        """Shows the running step, time and place: what changes many times a second."""
        self.text.set_text(progress_text(pull, self.framing))
        fraction = (pull.progress.fraction or 0.0) if pull.busy else 0.0
        self.bar.set_fraction(min(1.0, max(0.0, fraction)))
        step, last, can_show = pull.step, pull.last_step, pull.can_show
        self.scrubber.show_step(step, last)
        self.scrubber.set_sensitive(can_show)
        self.back.set_sensitive(can_show and step > 0)
        self.forward.set_sensitive(can_show and step < last)
        self.count.set_text(f"{step} / {last}")


def _two_lines(label: Gtk.Label) -> int:
    layout = label.create_pango_layout("X\nX")
    return int(layout.get_pixel_size()[1])
