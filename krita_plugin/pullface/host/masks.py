"""The movable area of a pull: from Krita's selection, or around the pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from krita import Selection

from ..backend.editing.areas import Capsule
from ..backend.editing.areas import widened as widened_capsules
from ..backend.editing.drawing import drawn
from ..backend.editing.geometry import Point, Rect, Square
from ..backend.editing.host import AreaOptions, EditingError, Mask, Slices
from ..translation import tr
from .pixels import Pace
from .softening import widened


def selection_bounds(document: Any) -> Rect | None:
    """What is selected in a document; None when nothing is."""
    selection = document.selection()
    if selection is None or selection.width() <= 0 or selection.height() <= 0:
        return None
    return Rect(selection.x(), selection.y(), selection.width(), selection.height())


def movable(
    document: Any, options: AreaOptions, pairs: Sequence[tuple[Point, Point]], crop: Square, rect: Rect
) -> Slices[Mask | None]:
    """The movable area as a mask over ``rect``; None = everything may move. See ``Source.movable``."""
    if options.movable == "crop":
        return None
    selected = selection_bounds(document)
    if options.movable == "selection" and selected is None:
        raise EditingError(
            "empty_selection",
            tr("Nothing is selected, but only the selection may move."),
            tr("Select the area that may move, or choose another movable area in the options."),
        )
    # What the edge operations may reach has to be known around the crop as well.
    reach = abs(options.grow) + options.feather
    inside = crop.rect.intersected(rect)
    work = Rect(inside.x - reach, inside.y - reach, inside.width + 2 * reach, inside.height + 2 * reach)
    if inside.empty:
        return Mask(rect, bytes(rect.width * rect.height))
    grow = options.grow
    if selected is not None:
        pixels = yield from _selected(document.selection(), work)
    else:
        pixels, grow = (yield from _drawn(widened_capsules(pairs, crop, grow), work)), 0
    if grow:
        pixels = yield from widened(
            pixels, work.width, work.height, abs(grow), _grow if grow > 0 else _shrink
        )
    if options.feather > 0:
        pixels = yield from widened(pixels, work.width, work.height, options.feather, _feather)
    return Mask(rect, (yield from _placed(pixels, work, inside, rect)))


def _drawn(areas: Sequence[Capsule], rect: Rect) -> Slices[bytearray]:
    pixels = bytearray()
    pace = Pace()
    for band in pace.bands(rect):
        with pace:
            pixels += drawn(areas, band)
        yield
    return pixels


def _selected(selection: Any, rect: Rect) -> Slices[bytearray]:
    pixels = bytearray()
    pace = Pace(1 << 18)
    for band in pace.bands(rect):
        with pace:
            pixels += bytes(selection.pixelData(*band))
        yield
    return pixels


def _placed(pixels: bytes | bytearray, work: Rect, inside: Rect, rect: Rect) -> Slices[bytearray]:
    """The part ``inside`` of the pixels of ``work``, in a mask over ``rect`` that is 0 elsewhere."""
    result = bytearray(rect.width * rect.height)
    pace = Pace(1 << 18)
    for band in pace.bands(inside):
        with pace:
            for y in range(band.y, band.y + band.height):
                start = (y - work.y) * work.width + band.x - work.x
                place = (y - rect.y) * rect.width + band.x - rect.x
                result[place : place + band.width] = pixels[start : start + band.width]
        yield
    return result


def _selection_of(pixels: bytes, width: int, height: int) -> Any:
    selection = Selection()
    selection.setPixelData(pixels, 0, 0, width, height)
    return selection


def _grow(pixels: bytes, width: int, height: int, radius: int) -> bytes:
    selection = _selection_of(pixels, width, height)
    selection.grow(radius, radius)
    return bytes(selection.pixelData(0, 0, width, height))


def _shrink(pixels: bytes, width: int, height: int, radius: int) -> bytes:
    selection = _selection_of(pixels, width, height)
    selection.shrink(radius, radius, False)
    return bytes(selection.pixelData(0, 0, width, height))


def _feather(pixels: bytes, width: int, height: int, radius: int) -> bytes:
    selection = _selection_of(pixels, width, height)
    selection.feather(radius)
    return bytes(selection.pixelData(0, 0, width, height))
