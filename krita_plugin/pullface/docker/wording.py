"""The changing sentences of the docker: plain, short, no longer than two lines of a narrow docker."""

from __future__ import annotations

from typing import Any

from ..translation import number, tr


def device_name(device: str) -> str:
    """What artists call a device such as ``cpu`` or ``cuda:0``; the device itself when unknown."""
    names = {
        "cpu": tr("the processor"),
        "cuda": tr("the graphics card"),
        "xpu": tr("the graphics card"),
        "mps": tr("the graphics chip"),
    }
    return names.get(device.partition(":")[0], device)


def backend_state(state: str, device: str) -> tuple[str, str]:
    """(colour of the lamp, text) for a connection's state; see ``Connection.state``."""
    if state == "ready":
        return "good", tr("Ready on {device}", device=device_name(device)) if device else tr("Ready")
    return {
        "starting": ("wait", tr("Starting the backend…")),
        "loading": ("wait", tr("Loading the model…")),
        "lost": ("bad", tr("Backend stopped")),
    }.get(state, ("off", tr("Backend is off")))


def time_left(seconds: float) -> str:
    """How long it will take still, coarse enough not to flicker while the estimate wavers."""
    if seconds < 1:
        return tr("almost done")
    if seconds < 8:
        return tr("a few seconds left")
    if seconds < 90:
        return tr("{seconds} s left", seconds=5 * round(seconds / 5))
    return tr("{minutes} min left", minutes=round(seconds / 60))


def step_text(pull: Any) -> str:
    """The shown step and how far its handles are from their targets."""
    if pull.step == 0:
        return tr("The picture before the pull")
    if pull.distance is None:
        return tr("Step {step}", step=pull.step)
    return tr("Step {step}, {distance} px to go", step=pull.step, distance=number(pull.distance))


def progress_text(pull: Any, mode: bool, framing: bool = False) -> str:
    """The sentence below the progress bar: what runs, else what to do next."""
    if framing and not pull.busy:
        return tr("Drag the frame, a corner or its round handle; Enter ends it.")
    if pull.busy:
        left = pull.progress.seconds_left
        doing = step_text(pull) if pull.phase.name == "DRAGGING" else tr(pull.progress.text)
        return doing if left is None else f"{doing}\n{time_left(left)}"
    if not len(pull.pairs):
        if not mode:
            return tr("Press Pull, then draw arrows on the canvas.")
        return tr("Drag on the canvas from a feature to where it shall go.")
    if pull.last_step > 0:
        return step_text(pull)
    return tr("Press Drag to pull the features along the arrows.")
