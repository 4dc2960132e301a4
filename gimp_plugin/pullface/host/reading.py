"""Reading a layer's pixels as the model's world sees them: sRGB, in 8 bits or as floats."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from gi.repository import Gegl, Gimp

from ..backend.editing.geometry import Rect
from ..backend.editing.host import Depth, Edit, LayerPicture, Slices
from .formats import EIGHT_BITS, FLOATS, WIRE, is_deep
from .layers import rect_of

BAND_PIXELS = 1 << 20
"""Of one slice: some 10 to 30 ms."""


def read(
    image: Gimp.Image, layer: Gimp.Layer, rect: Rect, check: Callable[[], None], eight_bits: bool
) -> Slices[LayerPicture]:
    """The layer's pixels in ``rect``, without its mask, opacity and filters; those of a group are its projection.

    Args:
        image, layer: GIMP's.
        rect: image space; where the layer has no pixels they are transparent.
        check: called in each slice; raises when the layer is gone.
        eight_bits: whether those are enough for a layer that holds more.
    """
    check()
    dtype: Depth = "float32" if is_deep(image) and not eight_bits else "uint8"
    digest = hashlib.blake2b(repr((tuple(rect), dtype)).encode(), digest_size=16)
    pixels = bytearray()
    for band in rect.bands(BAND_PIXELS):
        check()
        part = get_pixels(layer, band, WIRE[dtype])
        digest.update(part)
        pixels += part
        yield
    return LayerPicture(rect, pixels, digest.hexdigest(), dtype)


def get_pixels(layer: Gimp.Drawable, rect: Rect, pixel_format: str) -> bytes:
    """The pixels of a rectangle in image space; zeros where the layer has none."""
    own = rect_of(layer)
    buffer = layer.get_buffer()
    # Only a buffer that nobody holds any more may outlive its image; see the package's text.
    try:
        return bytes(
            buffer.get(
                Gegl.Rectangle.new(rect.x - own.x, rect.y - own.y, rect.width, rect.height),
                1.0,
                pixel_format,
                Gegl.AbyssPolicy.NONE,
            )
        )
    finally:
        del buffer


def for_screen(edit: Edit) -> Slices[Edit]:
    """An edit with its pixels in 8 bits beside those of the wire."""
    if edit.dtype == "uint8":
        return edit
    yield
    whole = Gegl.Rectangle.new(0, 0, edit.rect.width, edit.rect.height)
    buffer = Gegl.Buffer.new(FLOATS, 0, 0, edit.rect.width, edit.rect.height)
    buffer.set(whole, FLOATS, bytes(edit.pixels))
    shown = bytes(buffer.get(whole, 1.0, EIGHT_BITS, Gegl.AbyssPolicy.NONE))
    return replace(edit, shown=shown)
