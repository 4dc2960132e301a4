"""From a layer to a session: which part of the layer is kept and what the model sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backend.engine import choose_crop
from backend.errors import PullfaceError
from backend.sessions.record import SessionRecord
from backend.sessions.session import Session

if TYPE_CHECKING:
    from backend.sessions.store import SessionStore


def open_layer(
    store: SessionStore,
    name: str,
    model: str,
    resolution: int,
    layer: NDArray[np.uint8],
    offset: tuple[int, int] = (0, 0),
    crop: str | Sequence[int] = "layer",
    selection: NDArray[np.uint8] | None = None,
) -> Session:
    """Makes a session from a layer. Only the crop's window of the layer is copied and kept.

    Args:
        name: of the new session.
        model, resolution: the model's name or path and the side of its picture in px.
        layer: RGBA uint8 [H, W, 4], straight alpha.
        offset: image position (x, y) of the layer's top-left pixel.
        crop: "layer", "selection" or [x, y, size] in image space.
        selection: uint8 [H, W], 255 = selected.

    Raises:
        PullfaceError: ``empty_layer``, ``layer_too_small``, ``empty_selection``, ``bad_crop``, ``crop_outside``.
    """
    height, width = layer.shape[:2]
    left, top = offset
    chosen = choose_crop(layer, offset, crop, selection)
    x0, y0, x1, y1 = chosen.window((left, top, left + width, top + height))
    window = np.ascontiguousarray(layer[y0 - top : y1 - top, x0 - left : x1 - left])
    if not window[..., 3].any():
        raise PullfaceError(
            "empty_layer",
            "The layer is empty inside the crop.",
            "Select the layer that the face is painted on, or move the crop over the face.",
        )
    record = SessionRecord(
        session=name,
        model=model,
        resolution=resolution,
        crop=[chosen.x, chosen.y, chosen.size],
        layer=[left, top, width, height],
        rect=[x0, y0, x1 - x0, y1 - y0],
    )
    return store.create(record, window)
