"""The changing sentences of an editor's plugin: plain, short, no longer than two lines of a narrow panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def english(text: str, **values: object) -> str:
    """The text as it stands, with its values filled in."""
    return text.format(**values) if values else text


class Wording:
    """The sentences in one language.

    Args:
        tr: translates a text and fills in its values.
        number: writes a number with one digit after the point.
    """

    def __init__(
        self, tr: Callable[..., str] = english, number: Callable[[float], str] = "{:.1f}".format
    ) -> None:
        self.tr = tr
        self.number = number

    def device_name(self, device: str) -> str:
        """What artists call a device such as ``cpu`` or ``cuda:0``; the device itself when unknown."""
        names = {
            "cpu": self.tr("the processor"),
            "cuda": self.tr("the graphics card"),
            "xpu": self.tr("the graphics card"),
            "mps": self.tr("the graphics chip"),
        }
        return names.get(device.partition(":")[0], device)

    def backend_state(self, state: str, device: str) -> tuple[str, str]:
        """(kind of lamp, text) for a connection's state; see ``Connection.state``."""
        if state == "ready":
            if not device:
                return "good", self.tr("Ready")
            return "good", self.tr("Ready on {device}", device=self.device_name(device))
        return {
            "starting": ("wait", self.tr("Starting the backend…")),
            "loading": ("wait", self.tr("Loading the model…")),
            "lost": ("bad", self.tr("Backend stopped")),
        }.get(state, ("off", self.tr("Backend is off")))

    def time_left(self, seconds: float) -> str:
        """How long it will take still, coarse enough not to flicker while the estimate wavers."""
        if seconds < 1:
            return self.tr("almost done")
        if seconds < 8:
            return self.tr("a few seconds left")
        if seconds < 90:
            return self.tr("{seconds} s left", seconds=5 * round(seconds / 5))
        return self.tr("{minutes} min left", minutes=round(seconds / 60))

    def step_text(self, pull: Any) -> str:
        """The shown step and how far its handles are from their targets."""
        if pull.step == 0:
            return self.tr("The picture before the pull")
        if pull.distance is None:
            return self.tr("Step {step}", step=pull.step)
        return self.tr(
            "Step {step}, {distance} px to go", step=pull.step, distance=self.number(pull.distance)
        )

    def progress_text(self, pull: Any, nothing_placed: str, framing: bool = False) -> str:
        """The sentence below the progress bar: what runs, else what to do next.

        Args:
            pull: a ``Pull``.
            nothing_placed: what to do while there are no points.
            framing: whether the crop's frame is edited.
        """
        if framing and not pull.busy:
            return self.tr("Drag the frame, a corner or its round handle; Enter ends it.")
        if pull.busy:
            left = pull.progress.seconds_left
            doing = self.step_text(pull) if pull.phase.name == "DRAGGING" else self.tr(pull.progress.text)
            return doing if left is None else f"{doing}\n{self.time_left(left)}"
        if not len(pull.pairs):
            return nothing_placed
        if pull.last_step > 0:
            return self.step_text(pull)
        return self.tr("Press Drag to pull the features along the arrows.")
