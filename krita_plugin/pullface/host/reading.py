"""Reading a layer's pixels as the model's world sees them: sRGB, in 8 bits or as floats."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..backend.editing.geometry import Rect
from ..backend.editing.host import Edit, LayerPicture, Slices
from ..backend.editing.pixels import cut
from .pixels import SRGB, PixelFormat, swap_red_and_blue, wire_format
from .scratch import Converter, format_of


def native_pixels(node: Any, rect: Rect) -> bytes:
    """A layer's pixels in its own format; zeros where it has none.

    A paint layer gives what is painted on it, without its masks; other layers give what they look like, with theirs.
    """
    if node.type() == "paintlayer":
        return bytes(node.pixelData(*rect))
    return bytes(node.projectionPixelData(*rect))


def read(node: Any, rect: Rect, check: Callable[[], None], eight_bits: bool = False) -> Slices[LayerPicture]:
    """The layer's pixels in ``rect``.

    Args:
        node: of a kind that can be read.
        rect: image space.
        check: called in each slice; raises when the layer is gone.
        eight_bits: whether those are enough for a layer that holds more.
    """
    pixel_format = format_of(node)
    wire = wire_format(pixel_format, eight_bits)
    digest = hashlib.blake2b(repr(tuple(rect)).encode(), digest_size=16)
    pixels = bytearray()  # grows: to make 64 MB at once takes 30 ms
    with Converter(pixel_format, wire) as converter:
        pace = converter.pace()
        for band in pace.bands(rect):
            check()
            with pace:
                converted = _read_band(node, band, pixel_format, wire, converter)
                digest.update(converted)
                pixels += converted
            yield
    return LayerPicture(rect, pixels, digest.hexdigest(), "uint8" if wire == SRGB else "float32")


def _read_band(
    node: Any, band: Rect, pixel_format: PixelFormat, wire: PixelFormat, converter: Converter
) -> bytes:
    native = native_pixels(node, band)
    size = band.width * band.height
    # Krita gives nothing at all for a layer without pixels.
    if len(native) != size * pixel_format.pixel_size or native == bytes(len(native)):
        return bytes(size * wire.pixel_size)
    pixels = converter.convert(native, band.width, band.height)
    return swap_red_and_blue(pixels, band.width, band.height) if wire == SRGB else pixels


def for_screen(edit: Edit, wire: PixelFormat) -> Slices[Edit]:
    """An edit with its pixels in 8 bits beside those of ``wire``."""
    if edit.dtype == "uint8":
        return edit
    shown = bytearray()
    with Converter(wire, SRGB) as converter:
        pace = converter.pace()
        for band in pace.bands(edit.rect):
            with pace:
                pixels = bytes(cut(edit.pixels, edit.rect, band, wire.pixel_size))
                converted = converter.convert(pixels, band.width, band.height)
                shown += swap_red_and_blue(converted, band.width, band.height)
            yield
    return replace(edit, shown=bytes(shown))
