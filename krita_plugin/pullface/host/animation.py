"""A whole pull as an animated layer on Krita's timeline.

A scratch document gets a layer with empty keyframes (``keyframes.py``), which are then painted one after the other.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from krita import InfoObject, Krita

from ..backend.editing.geometry import Rect
from ..backend.editing.host import Edit, EditingError, Slices
from ..backend.editing.pixels import changed_in, cut, laid_over
from ..translation import tr
from .keyframes import add_empty_keyframes
from .layers import can_be_covered
from .pixels import Pace, PixelFormat
from .reading import native_pixels
from .results import Check, attach, copy_picture, dress, hide_note, keep_active, paint, wire_of
from .scratch import Scratch, format_of


class _Frame(NamedTuple):
    time: int
    rect: Rect
    changed: bytes
    """``changed_in``, compressed."""


def write(
    document: Any,
    source: Any,
    title: str,
    frames: Iterable[Edit | None],
    count: int,
    check: Check,
) -> Slices[str | None]:
    """Puts a pull above its source as an animated layer in a group, in one undo step.

    The first frame stands at the document's present time.

    Args:
        document, source: Krita's.
        title: of the group.
        frames: yields None while a frame is being made, and an ``Edit`` for each frame.
        count: how many frames will come; later ones are dropped.
        check: called in each slice; raises when document or layer are gone.

    Returns:
        What the artist has to know about it.
    """
    if count < 1:
        raise EditingError("no_frames", tr("There is nothing to animate yet."), tr("Pull first."))
    first = max(0, int(document.currentTime()))
    with (yield from _keyframes(range(first, first + count), format_of(document))) as scratch:
        layer = _animated_layer(scratch)
        layer.setName(tr("Frames"))
        yield
        painted, covering = yield from _paint_frames(
            scratch.document, layer, source, frames, first, count, check
        )
        covering = covering and can_be_covered(source)
        group = scratch.document.createGroupLayer(title)
        scratch.document.rootNode().addChildNode(group, None)
        if not covering:
            rest = yield from _carve(scratch, layer, source, painted, check)
            dress(group, rest, source)
            for mask in reversed(source.childNodes() if source.type() == "paintlayer" else []):
                group.addChildNode(mask.duplicate(), None)
            group.addChildNode(rest, None)
            yield
        _go_to(scratch.document, first)
        group.addChildNode(layer.duplicate(), rest if not covering else None)
        yield
        check()
        attach(document, source, group)
    yield from keep_active(document, source, check)
    note = tr(
        "The pull stands in the frames {first} to {last} of the timeline.",
        first=first,
        last=first + len(painted) - 1,
    )
    return note if covering else f"{note} {hide_note(source)}"


def _animated_layer(scratch: Scratch) -> Any:
    """The only layer of a scratch document from ``_keyframes``."""
    for node in scratch.document.rootNode().childNodes():
        if node.animated():
            return node
    raise _no_animation("the layer is not animated")


def _keyframes(times: range, pixel_format: PixelFormat) -> Slices[Scratch]:
    """A scratch document with an animated layer that has empty frames at these times."""
    with tempfile.TemporaryDirectory(prefix="pullface-") as folder:
        still, animated = Path(folder) / "still.kra", Path(folder) / "pullface.kra"
        with Scratch(pixel_format) as empty:
            empty.document.rootNode().addChildNode(empty.paint_layer("frames"), None)
            yield
            empty.document.setBatchmode(True)
            empty.document.exportImage(str(still), InfoObject())
        yield
        try:
            add_empty_keyframes(still, animated, times)
        except (OSError, ValueError) as error:
            raise _no_animation(repr(error)) from error
        yield
        document = _open_quietly(animated)
    yield
    document.waitForDone()
    scratch = Scratch(pixel_format, document)
    document.setModified(False)
    document.close()
    return scratch


def _open_quietly(file: Path) -> Any:
    krita = Krita.instance()
    asked = krita.batchmode()
    krita.setBatchmode(True)
    try:
        document = krita.openDocument(str(file))
    finally:
        krita.setBatchmode(asked)
    if document is None:
        raise _no_animation("the file was not opened")
    return document


def _no_animation(details: str) -> EditingError:
    return EditingError(
        "no_animation",
        tr("Krita could not make an animated layer."),
        tr("Apply single steps as layers instead."),
        details,
    )


def _go_to(document: Any, time: int) -> None:
    """Shows another frame; painting into a layer while Krita's threads still switch it would crash."""
    document.setCurrentTime(time)
    document.waitForDone()


def _paint_frames(
    document: Any,
    layer: Any,
    source: Any,
    frames: Iterable[Edit | None],
    first: int,
    count: int,
    check: Check,
) -> Slices[tuple[list[_Frame], bool]]:
    """The frames that came, and whether all of them may lie over an opaque source."""
    painted: list[_Frame] = []
    covering = True
    for edit in frames:
        if edit is None:
            yield
            continue
        if len(painted) == count:
            break
        time = first + len(painted)
        _go_to(document, time)
        yield from paint(layer, edit, wire_of(edit, source), check)
        painted.append(_Frame(time, edit.rect, zlib.compress(changed_in(edit, edit.rect), 1)))
        covering = covering and edit.opaque
        yield
    if not painted:
        raise EditingError("no_frames", tr("There is nothing to animate yet."), tr("Pull first."))
    return painted, covering


def _carve(scratch: Scratch, layer: Any, source: Any, frames: list[_Frame], check: Check) -> Slices[Any]:
    """Divides the source's picture between a still layer and the frames.

    What any frame changes is cut out of the still copy and becomes a part of every frame, so that half-transparent
    pixels are never laid over each other.

    Returns:
        The still layer, in no tree yet.
    """
    rest = scratch.paint_layer(source.name(), format_of(source))
    yield from copy_picture(source, rest, check)
    rest.setColorSpace(*format_of(layer))
    pixel_size = format_of(layer).pixel_size
    area = _around(frames)
    union = yield from _union(frames, area)
    pace = Pace()
    if frames[0].time > 0:  # what was cut out has to be there before the first frame, too
        frames = [_Frame(0, area, zlib.compress(bytes(area.width * area.height), 1)), *frames]
    for frame in frames:
        _go_to(scratch.document, frame.time)
        changed = _spread(zlib.decompress(frame.changed), frame.rect, area)
        for band in pace.bands(area):
            check()
            with pace:
                below, above = native_pixels(rest, band), native_pixels(layer, band)
                whole = laid_over(below, above, bytes(cut(changed, area, band, 1)), pixel_size)
                inside = laid_over(bytes(len(whole)), whole, bytes(cut(union, area, band, 1)), pixel_size)
                layer.setPixelData(inside, *band)
            yield
    for band in pace.bands(area):
        with pace:
            below = native_pixels(rest, band)
            outside = laid_over(below, bytes(len(below)), bytes(cut(union, area, band, 1)), pixel_size)
            rest.setPixelData(outside, *band)
        yield
    return rest


def _around(frames: list[_Frame]) -> Rect:
    x, y = min(frame.rect.x for frame in frames), min(frame.rect.y for frame in frames)
    right = max(frame.rect.x + frame.rect.width for frame in frames)
    bottom = max(frame.rect.y + frame.rect.height for frame in frames)
    return Rect(x, y, right - x, bottom - y)


def _union(frames: list[_Frame], area: Rect) -> Slices[bytes]:
    """255 where any frame changes something, over ``area``."""
    bits = 0
    for frame in frames:
        bits |= int.from_bytes(_spread(zlib.decompress(frame.changed), frame.rect, area), "little")
        yield
    return bits.to_bytes(area.width * area.height, "little")


def _spread(pixels: bytes, rect: Rect, area: Rect) -> bytes:
    """A mask over ``rect`` as one over ``area``, which holds it; 0 elsewhere."""
    if rect == area:
        return pixels
    result = bytearray(area.width * area.height)
    for row in range(rect.height):
        place = (rect.y - area.y + row) * area.width + rect.x - area.x
        result[place : place + rect.width] = pixels[row * rect.width : (row + 1) * rect.width]
    return bytes(result)
