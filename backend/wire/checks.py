"""What a field of a body may hold: one small class for each kind of value.

Each check takes a decoded msgpack value and raises ``WireError`` when it does not fit. ``str(check)`` is the
name of the kind in ``docs/protocol.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from .codec import is_integer, is_session, malformed
from .errors import WireError
from .limits import (
    MAX_BUFFER_BYTES,
    MAX_COORDINATE,
    MAX_CROP_SIDE,
    MAX_LAYER_PIXELS,
    MAX_LAYER_SIDE,
    MAX_OPTIONS,
    MAX_PAIRS,
    MAX_TEXT,
    MIN_CROP_SIDE,
    MIN_LAYER_SIDE,
)

CROP_WORDS = ("face", "layer", "selection")

DTYPE_BYTES: dict[str, int] = {"uint8": 1, "uint16": 2, "float32": 4}
"""Bytes of a value."""


class Check(Protocol):
    """A kind of value."""

    def __call__(self, name: str, value: Any) -> None: ...


@dataclass(frozen=True)
class Text:
    """A string of at most ``MAX_TEXT`` bytes."""

    def __call__(self, name: str, value: Any) -> None:
        if not isinstance(value, str) or len(value.encode("utf-8", "replace")) > MAX_TEXT:
            raise malformed(f"{name} is no text")

    def __str__(self) -> str:
        return "text"


@dataclass(frozen=True)
class Integer:
    """An int in [low, high]."""

    low: int = 0
    high: int = 2**31 - 1

    def __call__(self, name: str, value: Any) -> None:
        if not is_integer(value, self.low, self.high):
            raise malformed(f"{name} is no whole number from {self.low} to {self.high}")

    def __str__(self) -> str:
        return "integer"


@dataclass(frozen=True)
class Number:
    """A finite int or float."""

    def __call__(self, name: str, value: Any) -> None:
        if not is_number(value):
            raise malformed(f"{name} is no finite number")

    def __str__(self) -> str:
        return "number"


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def __call__(self, name: str, value: Any) -> None:
        if not isinstance(value, bool):
            raise malformed(f"{name} is neither true nor false")

    def __str__(self) -> str:
        return "flag"


@dataclass(frozen=True)
class SessionName:
    """32 hexadecimal digits in lower case."""

    def __call__(self, name: str, value: Any) -> None:
        if not is_session(value):
            raise malformed(f"{name} is no name of a session")

    def __str__(self) -> str:
        return "session"


@dataclass(frozen=True)
class Version:
    """[major, minor]."""

    def __call__(self, name: str, value: Any) -> None:
        if not _integers(value, 2, 0, 2**31):
            raise malformed(f"{name} is no [major, minor]")

    def __str__(self) -> str:
        return "version"


@dataclass(frozen=True)
class Offset:
    """[x, y] of whole pixels in image space; may be negative."""

    def __call__(self, name: str, value: Any) -> None:
        if not _integers(value, 2, -MAX_COORDINATE, MAX_COORDINATE):
            raise malformed(f"{name} is no [x, y] of whole pixels")

    def __str__(self) -> str:
        return "offset"


@dataclass(frozen=True)
class Point:
    """[x, y] in image space, finite."""

    def __call__(self, name: str, value: Any) -> None:
        check_point(name, value)

    def __str__(self) -> str:
        return "point"


@dataclass(frozen=True)
class Pairs:
    """1 … MAX_PAIRS pairs [[handle x, handle y], [target x, target y]] in image space, finite."""

    def __call__(self, name: str, value: Any) -> None:
        if not isinstance(value, list):
            raise malformed(f"{name} is no list of pairs")
        if not 1 <= len(value) <= MAX_PAIRS:
            raise WireError(
                "bad_points",
                "There are no points to pull." if not value else "There are too many points.",
                f"Set from one to {MAX_PAIRS} pairs of a handle and a target.",
            )
        for pair in value:
            if not isinstance(pair, list) or len(pair) != 2:
                raise malformed(f"{name} holds something that is no pair")
            for point in pair:
                check_point(name, point)

    def __str__(self) -> str:
        return "pairs"


@dataclass(frozen=True)
class Array:
    """{"shape": [...], "dtype": "uint8"}: describes one raw buffer of ``channels`` values a pixel.

    Attributes:
        deep: whether it may also be of dtype uint16 or float32.
    """

    channels: int
    deep: bool = False

    def __call__(self, name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise malformed(f"{name} does not describe a picture")
        shape = value.get("shape")
        rank = 2 if self.channels == 1 else 3
        if not isinstance(shape, list) or not _integers(shape, rank, 0, 2**31):
            raise malformed(f"{name} has no shape of {rank} whole numbers")
        if rank == 3 and shape[2] != self.channels:
            raise malformed(f"{name} does not have {self.channels} channels")
        dtype = value.get("dtype", "uint8")
        if not isinstance(dtype, str) or dtype not in (DTYPE_BYTES if self.deep else ("uint8",)):
            raise malformed(f"{name} is not of a dtype that it may have")
        height, width = shape[0], shape[1]
        if min(height, width) < MIN_LAYER_SIDE:
            raise WireError(
                "layer_too_small",
                f"The layer is only {width} × {height} pixels.",
                f"Choose a layer of at least {MIN_LAYER_SIDE} × {MIN_LAYER_SIDE} pixels.",
            )
        too_large = height * width > MAX_LAYER_PIXELS or self.bytes(value) > MAX_BUFFER_BYTES
        if too_large or max(height, width) > MAX_LAYER_SIDE:
            raise WireError(
                "layer_too_large",
                f"The layer of {width} × {height} pixels is too large.",
                "Crop the layer to the face, or scale the picture down.",
            )

    def bytes(self, value: dict[str, Any]) -> int:
        """The size of the buffer that a checked ``value`` describes."""
        height, width = value["shape"][:2]
        return int(height * width * self.channels) * DTYPE_BYTES[value.get("dtype", "uint8")]

    def __str__(self) -> str:
        return "rgba" if self.channels == 4 else "mask"


@dataclass(frozen=True)
class CropChoice:
    """The word face, layer or selection, or [x, y, size] or [x, y, size, angle] in image space."""

    def __call__(self, name: str, value: Any) -> None:
        if isinstance(value, str):
            if value not in CROP_WORDS:
                raise malformed(f"{name} is neither one of {', '.join(CROP_WORDS)} nor [x, y, size, angle]")
            return
        if not isinstance(value, list) or not _integers(value[:3], 3, -MAX_COORDINATE, MAX_COORDINATE):
            raise malformed(f"{name} is neither one of {', '.join(CROP_WORDS)} nor [x, y, size, angle]")
        if len(value) > 4 or not all(is_number(angle) and -180 < angle <= 180 for angle in value[3:]):
            raise malformed(f"{name} has an angle that is none from -180 to 180 degrees")
        if not MIN_CROP_SIDE <= value[2] <= MAX_CROP_SIDE:
            raise WireError(
                "bad_crop",
                f"The crop's side of {value[2]} pixels cannot be used.",
                f"Choose a crop from {MIN_CROP_SIDE} to {MAX_CROP_SIDE} pixels that contains the face.",
            )

    def __str__(self) -> str:
        return "crop"


@dataclass(frozen=True)
class Options:
    """A flat map of names to finite numbers, flags, texts or null."""

    def __call__(self, name: str, value: Any) -> None:
        if not isinstance(value, dict) or len(value) > MAX_OPTIONS:
            raise malformed(f"{name} is no map of options")
        for key, item in value.items():
            if not isinstance(key, str) or len(key) > 64:
                raise malformed(f"{name} has an option without a name")
            if item is None or isinstance(item, bool) or is_number(item):
                continue
            if isinstance(item, str) and len(item) <= 256:
                continue
            raise WireError(
                "bad_options", f"The value of the option {key} cannot be used.", "Use the option's default."
            )

    def __str__(self) -> str:
        return "options"


@dataclass(frozen=True)
class Anything:
    """A value that only replies and events carry; ``kind`` names it in the document."""

    kind: str

    def __call__(self, name: str, value: Any) -> None:
        return

    def __str__(self) -> str:
        return self.kind


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite int or float and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _integers(value: Any, count: int, low: int, high: int) -> bool:
    return (
        isinstance(value, list) and len(value) == count and all(is_integer(item, low, high) for item in value)
    )


def check_point(name: str, value: Any) -> None:
    """Checks one [x, y] in image space.

    Raises:
        WireError: ``malformed`` for a wrong structure, ``bad_points`` for a coordinate that is not finite or
            huge.
    """
    if not isinstance(value, list) or len(value) != 2:
        raise malformed(f"{name} holds something that is no [x, y]")
    for coordinate in value:
        if not isinstance(coordinate, int | float) or isinstance(coordinate, bool):
            raise malformed(f"{name} holds a coordinate that is no number")
        if not math.isfinite(coordinate) or abs(coordinate) > MAX_COORDINATE:
            raise WireError(
                "bad_points", "A point has no usable position.", "Remove the point and set it again."
            )
