"""The changing sentences of the dialog: plain and short. Knows no toolkit."""

from __future__ import annotations

from typing import Any

_DEVICES = {
    "cpu": "the processor",
    "cuda": "the graphics card",
    "xpu": "the graphics card",
    "mps": "the graphics chip",
}
_STATES = {
    "starting": ("wait", "Starting the backend…"),
    "loading": ("wait", "Loading the model…"),
    "lost": ("bad", "Backend stopped"),
}


def device_name(device: str) -> str:
    """What artists call a device such as ``cpu`` or ``cuda:0``; the device itself when unknown."""
    return _DEVICES.get(device.partition(":")[0], device)


def backend_state(state: str, device: str) -> tuple[str, str]:
    """(kind of the lamp, text) for a connection's state; see ``Connection.state``."""
    if state == "ready":
        return "good", f"Ready on {device_name(device)}" if device else "Ready"
    return _STATES.get(state, ("off", "Backend is off"))


def connection_text(version: str, device: str, models: list[dict[str, Any]]) -> tuple[str, str]:
    """What *Test connection* tells: a sentence and what else is known."""
    where = f" on {device_name(device)}" if device else ""
    names = [str(model["name"]) for model in models]
    known = f"Models: {', '.join(names)}." if names else "It has no model yet."
    return f"The Pullface backend {version} answers{where}.", known


def time_left(seconds: float) -> str:
    """How long it will take still, coarse enough not to flicker while the estimate wavers."""
    if seconds < 1:
        return "almost done"
    if seconds < 8:
        return "a few seconds left"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s left"
    return f"{round(seconds / 60)} min left"


def step_text(pull: Any) -> str:
    """The shown step and how far its handles are from their targets."""
    if pull.step == 0:
        return "The picture before the pull"
    if pull.distance is None:
        return f"Step {pull.step}"
    return f"Step {pull.step}, {pull.distance:.1f} px to go"


def progress_text(pull: Any, framing: bool = False) -> str:
    """What runs, else what to do next."""
    if framing and not pull.busy:
        return "Drag the frame, a corner or its round handle; Enter ends it."
    if pull.busy:
        left = pull.progress.seconds_left
        doing = step_text(pull) if pull.phase.name == "DRAGGING" else pull.progress.text
        return doing if left is None else f"{doing}, {time_left(left)}"
    if not len(pull.pairs):
        return "Drag on the picture from a feature to where it shall go."
    if pull.last_step > 0:
        return step_text(pull)
    return "Press Drag to pull the features along the arrows."
