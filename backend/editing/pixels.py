"""Bytes of pixels without numpy: what an edit changes, and how it is laid over a layer's own pixels."""

from __future__ import annotations

from .geometry import Rect
from .host import Bytes, Edit

_SOLID = bytes([0]) + bytes([255]) * 255
_ANY = bytes([0]) + bytes([1]) * 255


def changed_in(edit: Edit, band: Rect) -> bytes:
    """One byte a pixel for a band of an edit: 255 where it changes something, else 0."""
    if edit.changed is None:
        return bytes(cut(edit.pixels, edit.rect, band, 4))[3::4].translate(_SOLID)
    return bytes(cut(edit.changed, edit.rect, band, 1)).translate(_SOLID)


def cut(pixels: Bytes, rect: Rect, part: Rect, pixel_size: int) -> Bytes:
    """The pixels of a part of ``rect``, row by row; of a band as wide as it without copying."""
    whole, stride = memoryview(pixels).cast("B"), rect.width * pixel_size
    start = (part.y - rect.y) * stride
    if part.width == rect.width:
        return whole[start : start + part.height * stride]
    left, right = (part.x - rect.x) * pixel_size, (part.x - rect.x + part.width) * pixel_size
    rows = range(start, start + part.height * stride, stride)
    return b"".join(whole[row + left : row + right] for row in rows)


def laid_over(below: Bytes, above: Bytes, changed: bytes, pixel_size: int) -> bytes:
    """The pixels of ``above`` where ``changed`` is not 0, those of ``below`` elsewhere, bit by bit.

    Args:
        below, above: of one format, of one size.
        changed: one byte a pixel.
        pixel_size: bytes of one pixel.
    """
    ones = bytearray(len(changed) * pixel_size)
    ones[::pixel_size] = changed.translate(_ANY)
    # Arithmetic on one long number is the quickest that Python has for this: about 1 ms a megabyte.
    mask = int.from_bytes(ones, "little")
    mask = (mask << (8 * pixel_size)) - mask
    under, over = int.from_bytes(bytes(below), "little"), int.from_bytes(bytes(above), "little")
    return (under ^ ((under ^ over) & mask)).to_bytes(len(ones), "little")
