"""Reading a layer's pixels as the model's world sees them: sRGB, 8 bits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from ..backend.editing.geometry import Rect
from ..backend.editing.host import LayerPicture, Slices
from .pixels import SRGB, Pace, PixelFormat, swap_red_and_blue
from .scratch import Converter, format_of


def native_pixels(node: Any, rect: Rect) -> bytes:
    """A layer's pixels in its own format; zeros where it has none.

    A paint layer gives what is painted on it, without its masks; other layers give what they look like, with theirs.
    """
    if node.type() == "paintlayer":
        return bytes(node.pixelData(*rect))
    return bytes(node.projectionPixelData(*rect))


def read(node: Any, rect: Rect, check: Callable[[], None]) -> Slices[LayerPicture]:
    """The layer's pixels in ``rect``.

    Args:
        node: of a kind that can be read.
        rect: image space.
        check: called in each slice; raises when the layer is gone.
    """
    pixel_format = format_of(node)
    digest = hashlib.blake2b(repr(tuple(rect)).encode(), digest_size=16)
    pixels = bytearray()  # grows: to make 64 MB at once takes 30 ms
    pace = Pace()
    with Converter(pixel_format, SRGB) as converter:
        for band in pace.bands(rect):
            check()
            with pace:
                converted = _read_band(node, band, pixel_format, converter)
                digest.update(converted)
                pixels += converted
            yield
    return LayerPicture(rect, pixels, digest.hexdigest())


def _read_band(node: Any, band: Rect, pixel_format: PixelFormat, converter: Converter) -> bytes:
    native = native_pixels(node, band)
    size = band.width * band.height
    # Krita gives nothing at all for a layer without pixels.
    if len(native) != size * pixel_format.pixel_size or native == bytes(len(native)):
        return bytes(size * 4)
    return swap_red_and_blue(converter.convert(native, band.width, band.height), band.width, band.height)
