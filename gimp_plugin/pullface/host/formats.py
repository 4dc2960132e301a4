"""Pixel formats by babl's names: those of the wire, and a layer's own."""

from __future__ import annotations

import gi
from gi.repository import Gimp

from ..backend.editing.host import Depth

gi.require_version("Babl", "0.1")
from gi.repository import Babl  # noqa: E402

EIGHT_BITS = "R'G'B'A u8"
FLOATS = "R'G'B'A float"
"""The formats of the wire: sRGB, straight alpha."""

WIRE: dict[Depth, str] = {"uint8": EIGHT_BITS, "float32": FLOATS}
PIXEL_BYTES: dict[Depth, int] = {"uint8": 4, "float32": 16}

COVERAGE = "Y u8"
"""Of selections and masks: a linear part of 255, as GIMP itself counts them."""

_PLAIN = (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)


def is_deep(image: Gimp.Image) -> bool:
    """Whether 8 bits on sRGB's curve cannot hold what the image's layers hold; eight linear bits are others."""
    return image.get_precision() not in _PLAIN


def native_format(drawable: Gimp.Drawable) -> tuple[str, int]:
    """The name of a layer's own format, the colour profile in it, and the bytes of a pixel."""
    own = drawable.get_format()
    return Babl.get_name(own), Babl.format_get_bytes_per_pixel(own)
