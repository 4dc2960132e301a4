"""From a layer to a session: which part of the layer is kept and what the model sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backend.engine import extract_mask
from backend.engine.depth import Pixels
from backend.errors import PullfaceError
from backend.sessions.faces import choose
from backend.sessions.record import SessionRecord
from backend.sessions.session import Session

if TYPE_CHECKING:
    from backend.sessions.store import SessionStore

SIGHT = 256
"""Resolution at which it is looked whether a turned crop shows anything."""


def open_layer(
    store: SessionStore,
    name: str,
    model: str,
    shape: tuple[int, int],
    layer: Pixels,
    offset: tuple[int, int] = (0, 0),
    crop: str | Sequence[int | float] = "face",
    selection: NDArray[np.uint8] | None = None,
    point: Sequence[float] | None = None,
    face: int | None = None,
    labels: int = 0,
    label_names: Sequence[str] = (),
) -> Session:
    """Makes a session from a layer. Only the crop's window of the layer is copied and kept.

    Args:
        name: of the new session.
        model, shape: the model's name or path, and height and width of its pictures in px.
        layer: RGBA [H, W, 4], see ``backend.engine.depth.Pixels``; kept as deep as it comes.
        offset: image position (x, y) of the layer's top-left pixel.
        crop: "face", "layer", "selection", [x, y, size] or [x, y, size, angle] in image space.
        selection: uint8 [H, W], 255 = selected.
        point: (x, y) in image space, and face: a number; which one of several faces, see ``faces.choose``.
        labels, label_names: of the model, see ``backend.models.ModelInfo``.

    Raises:
        PullfaceError: ``empty_layer``, ``layer_too_small``, ``empty_selection``, ``bad_crop``, ``crop_outside``.
    """
    height, width = layer.shape[:2]
    left, top = offset
    aspect = shape[1] / shape[0]
    choice = choose(layer, offset, crop, selection, point, face, aspect)
    chosen = choice.crop
    x0, y0, x1, y1 = chosen.window((left, top, left + width, top + height))
    window: Pixels = np.ascontiguousarray(layer[y0 - top : y1 - top, x0 - left : x1 - left])
    painted = np.where(window[..., 3] > 0, np.uint8(255), np.uint8(0))
    if chosen.angle:
        # The window is the turned square's bounding box; its corners do not count.
        painted = extract_mask(painted, (x0, y0), chosen, min(chosen.size, SIGHT)) > 0
    if not painted.any():
        raise PullfaceError(
            "empty_layer",
            "The layer is empty inside the crop.",
            "Select the layer that the face is painted on, or move the crop over the face.",
        )
    record = SessionRecord(
        session=name,
        model=model,
        resolution=max(shape),
        height=shape[0],
        width=shape[1],
        labels=labels,
        label_names=list(label_names),
        crop=chosen.numbers(),
        chosen_by=choice.chosen_by,
        faces=[found.facts() for found in choice.faces],
        note=choice.note,
        layer=[left, top, width, height],
        rect=[x0, y0, x1 - x0, y1 - y0],
    )
    return store.create(record, window)
