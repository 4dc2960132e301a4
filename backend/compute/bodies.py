"""Parts of the bodies that the worker sends, and settings from bodies that it gets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.engine import InversionSettings
from backend.errors import PullfaceError
from backend.sessions.dragging import SavedStep
from backend.sessions.session import Session
from backend.wire.messages import Buffer


def inversion_settings(given: dict[str, Any]) -> InversionSettings:
    """The default settings of the method with those that the client gave. Raises ``bad_options``."""
    defaults = vars(InversionSettings.of_method(given.get("method", "quick")))
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise PullfaceError(
            "bad_options",
            f"There is no inversion setting called “{unknown[0]}”.",
            f"Allowed: {', '.join(defaults)}.",
        )
    return InversionSettings(**{**defaults, **given})


def description(session: Session) -> dict[str, Any]:
    """What every reply that opens a session says about it."""
    record = session.record
    return {
        "session": record.session,
        "crop": record.crop,
        "chosen_by": record.chosen_by,
        "faces": record.faces,
        "note": record.note,
        "layer": record.layer,
        "model": record.model,
        "resolution": record.resolution,
        "height": record.shape[0],
        "width": record.shape[1],
        "labels": record.labels,
        "label_names": record.label_names,
    }


def pixels(buffer: Buffer, described: dict[str, Any]) -> NDArray[Any]:
    """The array in a buffer that a checked body describes."""
    dtype = np.dtype(described.get("dtype", "uint8")).newbyteorder("<")
    return np.frombuffer(buffer, dtype=dtype).reshape(described["shape"])


def array(picture: NDArray[Any]) -> dict[str, Any]:
    """How a body describes the buffer of a picture."""
    return {"shape": list(picture.shape), "dtype": str(picture.dtype)}


def step_facts(step: SavedStep | None) -> dict[str, Any]:
    """What events and the reply say about a step."""
    assert step is not None
    return {
        "step": step.number,
        "distance": step.distance,
        "distance_model": step.distance_model,
        "handles": step.handles,
        "targets": step.targets,
    }
