"""The depths in which an artist's pixels come, and what the engine makes of them.

The engine reckons in levels: float32, 0 to 255 from black to white in display sRGB, whatever the depth. Levels of a
float picture may lie below 0 and above 255: its curve goes on there.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[Any]
"""RGBA [h, w, 4], straight alpha, display sRGB: uint8; uint16 with 65535 as white; or float32 with 1.0 as white, the
transfer curve going on beyond 0 and 1."""

DEPTHS: dict[str, float] = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
"""dtype → what stands for white and for opaque."""


def white(dtype: np.dtype[Any]) -> float:
    """What stands for white and for opaque. Raises ValueError for a dtype that no picture has."""
    try:
        return DEPTHS[dtype.name]
    except KeyError as error:
        raise ValueError(f"pixels cannot be {dtype}") from error


def levels(values: Pixels) -> NDArray[np.float32]:
    """Colours as levels; what is no number counts as black."""
    result = values.astype(np.float32)
    if values.dtype != np.uint8:
        result *= np.float32(255 / white(values.dtype))
        if values.dtype.kind == "f":
            np.nan_to_num(result, copy=False, nan=0.0, posinf=1e6, neginf=-1e6)
    return result


def part(values: Pixels) -> NDArray[np.float32]:
    """Alpha or a mask as float32 from 0 to 1."""
    result = values.astype(np.float32)
    result *= np.float32(1 / white(values.dtype))
    if values.dtype.kind == "f":
        np.nan_to_num(result, copy=False, nan=0.0)
        result.clip(0, 1, out=result)
    return result


def opaque(alpha: Pixels) -> bool:
    """Whether alpha is full everywhere."""
    return bool(alpha.min() >= white(alpha.dtype))


def display(rgba: Pixels) -> NDArray[np.uint8]:
    """The picture with 8 bits: what a detector or a preview looks at."""
    if rgba.dtype == np.uint8:
        return np.asarray(rgba, dtype=np.uint8)
    result = np.empty(rgba.shape, dtype=np.uint8)
    for top in range(0, len(rgba), 256):  # a large layer never becomes floats as a whole
        rows = slice(top, top + 256)
        result[rows] = levels(rgba[rows]).clip(0, 255).round()
    return result
