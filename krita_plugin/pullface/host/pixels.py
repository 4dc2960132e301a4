"""Bytes of pixels without numpy: formats, byte orders, pace. Knows no Krita and no document."""

from __future__ import annotations

import struct
import time
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from ..backend.editing.geometry import Rect
from ..backend.editing.host import Bytes
from ..qt import QtGui

_CHANNELS = {"A": 1, "GRAYA": 2, "RGBA": 4, "XYZA": 4, "LABA": 4, "YCbCrA": 4, "CMYKA": 5}
_CHANNEL_BYTES = {"U8": 1, "U16": 2, "F16": 2, "F32": 4}

_MOST = 65504.0
"""The largest 16-bit float."""


class PixelFormat(NamedTuple):
    """A colour space by Krita's names, e.g. ``RGBA``, ``U8``, ``sRGB-elle-V2-srgbtrc.icc``."""

    model: str
    depth: str
    profile: str

    @property
    def pixel_size(self) -> int:
        """Bytes of one pixel.

        Raises:
            KeyError: a model or a depth that Krita did not have when this was written.
        """
        return _CHANNELS[self.model] * _CHANNEL_BYTES[self.depth]


SRGB = PixelFormat("RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc")
"""Krita's own 8-bit sRGB; its bytes are B, G, R, A."""


FLOAT_SRGB = PixelFormat("RGBA", "F32", "sRGB built-in")
"""The colour engine's own sRGB with float values, R, G, B, A. Its curve is a formula, so that it goes on below 0 and
above 1: colours beyond sRGB and lights beyond white come back as they were. Krita's own sRGB has a table and cuts."""


def wire_format(pixel_format: PixelFormat, eight_bits: bool = False) -> PixelFormat:
    """The format in which pixels of a layer go to the backend and come back.

    Args:
        pixel_format: the layer's.
        eight_bits: whether those are enough, whatever the layer's depth.
    """
    if eight_bits or pixel_format.depth == "U8":
        return SRGB
    if pixel_format[::2] == SRGB[::2] and pixel_format.depth != "U16":
        return pixel_format._replace(depth="F32")  # values on sRGB's curve already: nothing is cut
    return FLOAT_SRGB


class Pace:
    """How many pixels fit into one slice, learned while working.

    Args:
        pixels: of the first slice.
        seconds: that a slice should take.
        least: pixels of the smallest slice.
    """

    def __init__(self, pixels: int = 1 << 15, seconds: float = 0.005, least: int = 1 << 10) -> None:
        self._pixels = float(pixels)
        self._least = float(least)
        self._seconds = seconds
        self._began = 0.0
        self._work = 0

    def bands(self, rect: Rect) -> Iterator[Rect]:
        """The rectangle as bands from top to bottom; do each band's work inside ``with pace:``."""
        top = rect.y
        while top < rect.y + rect.height and rect.width > 0:
            rows = min(max(1, int(self._pixels) // rect.width), rect.y + rect.height - top)
            self._work = rows * rect.width
            yield Rect(rect.x, top, rect.width, rows)
            top += rows

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = max(time.perf_counter() - self._began, 1e-6)
        fitting = self._work * self._seconds / spent
        # Grows slowly and shrinks at once: one slow slice is felt, one short slice is not.
        self._pixels = max(self._least, min(fitting, self._pixels * 2))


def swap_red_and_blue(pixels: Bytes, width: int, height: int) -> bytes:
    """BGRA ↔ RGBA, 8 bits a channel, rows without gaps."""
    image = QtGui.QImage(bytes(pixels), width, height, width * 4, QtGui.QImage.Format.Format_ARGB32)
    swapped = image.rgbSwapped()  # kept: its bytes go with it
    return bytes(swapped.constBits().asstring(width * height * 4))


def halves_to_floats(pixels: Bytes) -> bytes:
    """16-bit floats → 32-bit floats, value by value."""
    data = bytes(pixels)
    return array("f", struct.unpack(f"={len(data) // 2}e", data)).tobytes()


def floats_to_halves(pixels: Bytes) -> bytes:
    """32-bit floats → 16-bit floats, rounded; what is too large for them becomes the largest."""
    values = array("f", bytes(pixels))
    try:
        return struct.pack(f"={len(values)}e", *values)
    except OverflowError:
        return struct.pack(f"={len(values)}e", *(min(max(value, -_MOST), _MOST) for value in values))
