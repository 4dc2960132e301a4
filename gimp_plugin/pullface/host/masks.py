"""The movable area of a pull: from GIMP's selection, or around the pairs."""

from __future__ import annotations

from collections.abc import Sequence

from gi.repository import Gegl, Gimp

from ..backend.editing.areas import widened
from ..backend.editing.drawing import drawn
from ..backend.editing.geometry import Point, Rect, Square
from ..backend.editing.host import AreaOptions, EditingError, Mask, Slices
from .formats import COVERAGE


def selection_bounds(image: Gimp.Image) -> Rect | None:
    """What is selected in an image; None when nothing is."""
    _, something, left, top, right, bottom = Gimp.Selection.bounds(image)
    return Rect(left, top, right - left, bottom - top) if something else None


def movable(
    image: Gimp.Image, options: AreaOptions, pairs: Sequence[tuple[Point, Point]], crop: Square, rect: Rect
) -> Slices[Mask | None]:
    """The movable area as a mask over ``rect``; None = everything may move. See ``Source.movable``."""
    if options.movable == "crop":
        return None
    selected = selection_bounds(image)
    if options.movable == "selection" and selected is None:
        raise EditingError(
            "empty_selection",
            "Nothing is selected, but only the selection may move.",
            "Select the area that may move, or choose another movable area.",
        )
    # What the edge operations may reach has to be known around the crop as well.
    reach = abs(options.grow) + 2 * options.feather
    inside = crop.rect.intersected(rect)
    if inside.empty:
        return Mask(rect, bytes(rect.width * rect.height))
    work = Rect(inside.x - reach, inside.y - reach, inside.width + 2 * reach, inside.height + 2 * reach)
    grow = options.grow
    if selected is not None:
        pixels = _selected(image, work)
    else:
        pixels, grow = drawn(widened(pairs, crop, grow), work), 0
    yield
    if grow or options.feather > 0:
        pixels = _softened(pixels, work.width, work.height, grow, options.feather)
        yield
    return Mask(rect, _placed(pixels, work, inside, rect))


def _selected(image: Gimp.Image, rect: Rect) -> bytes:
    return _coverage(image.get_selection(), rect)


def _coverage(channel: Gimp.Channel, rect: Rect) -> bytes:
    buffer = channel.get_buffer()
    try:
        return bytes(buffer.get(Gegl.Rectangle.new(*rect), 1.0, COVERAGE, Gegl.AbyssPolicy.NONE))
    finally:
        del buffer


def _softened(pixels: bytes, width: int, height: int, grow: int, feather: int) -> bytes:
    """A mask grown (or shrunk) and feathered by GIMP itself, in an image of its own."""
    image = Gimp.Image.new_with_precision(
        width, height, Gimp.ImageBaseType.GRAY, Gimp.Precision.U8_NON_LINEAR
    )
    try:
        image.undo_disable()
        channel = Gimp.Channel.new(image, "area", width, height, 100.0, Gegl.Color.new("black"))
        image.insert_channel(channel, None, 0)
        buffer = channel.get_buffer()
        buffer.set(Gegl.Rectangle.new(0, 0, width, height), COVERAGE, pixels)
        buffer.flush()
        del buffer
        channel.update(0, 0, width, height)
        image.select_item(Gimp.ChannelOps.REPLACE, channel)
        if grow > 0:
            Gimp.Selection.grow(image, grow)
        elif grow < 0:
            Gimp.Selection.shrink(image, -grow)
        if feather > 0:
            Gimp.Selection.feather(image, feather)
        return _coverage(image.get_selection(), Rect(0, 0, width, height))
    finally:
        image.delete()


def _placed(pixels: bytes, work: Rect, inside: Rect, rect: Rect) -> bytearray:
    """The part ``inside`` of the pixels of ``work``, in a mask over ``rect`` that is 0 elsewhere."""
    result = bytearray(rect.width * rect.height)
    for y in range(inside.y, inside.y + inside.height):
        start = (y - work.y) * work.width + inside.x - work.x
        place = (y - rect.y) * rect.width + inside.x - rect.x
        result[place : place + inside.width] = pixels[start : start + inside.width]
    return result
