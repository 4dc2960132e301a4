"""Putting an edit into the document: a group right above the source, in one undo step; the source stays as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..backend.editing.geometry import Rect
from ..backend.editing.host import Edit, EditingError, Slices
from ..backend.editing.pixels import changed_in, cut, laid_over
from ..translation import tr
from .layers import OPAQUE, can_be_covered, identifier_of
from .pixels import SRGB, Pace, PixelFormat, swap_red_and_blue, wire_format
from .reading import native_pixels
from .scratch import Converter, Scratch, format_of

Check = Callable[[], None]

_SETTLING_SECONDS = 0.15


def write(document: Any, source: Any, title: str, edit: Edit, check: Check) -> Slices[str | None]:
    """Puts an edit above its source; see ``Source.write``.

    Where opaque pixels may cover the source, the group holds only what changed, from Krita 5.2 on with a transparency
    mask whose edge the artist can soften. Else it holds a copy of the whole source with the edit in it.

    Args:
        document, source: Krita's.
        title: of the group.
        edit: what to put there.
        check: called in each slice; raises when document or layer are gone.

    Returns:
        What the artist has to know about it: one or two sentences, or None.
    """
    if edit.rect.empty:
        raise EditingError("empty_edit", tr("This step changes nothing."), tr("Choose another step."))
    with Scratch(format_of(document)) as scratch:
        if edit.opaque and can_be_covered(source):
            layer = scratch.paint_layer(tr("Edit"))
            yield from paint(layer, edit, wire_of(edit, source), check)
            group = _group(scratch, title)
            group.addChildNode(layer, None)
            # Krita 5.1 has only createNode, whose masks hold nothing; it crashes when it saves one.
            if hasattr(scratch.document, "createTransparencyMask"):
                mask = scratch.document.createTransparencyMask(tr("Edited area"))
                for band in edit.rect.bands(1 << 19):
                    mask.setPixelData(changed_in(edit, band), *band)
                    yield
                layer.addChildNode(mask, None)
            note = None
        else:
            layer = yield from copy_with_edit(scratch, source, edit, check)
            group = _group(scratch, title)
            dress(group, layer, source)
            group.addChildNode(layer, None)
            note = hide_note(source)
        yield
        check()
        attach(document, source, group)
    yield from keep_active(document, source, check)
    return note


def _group(scratch: Scratch, title: str) -> Any:
    group = scratch.document.createGroupLayer(title)
    scratch.document.rootNode().addChildNode(group, None)
    return group


def hide_note(source: Any) -> str:
    """What to do with the source when a copy of it lies above."""
    return tr(
        "“{name}” is partly transparent or blended, so the result is a whole copy of it. "
        "Hide “{name}” to see the result alone.",
        name=source.name(),
    )


def attach(document: Any, source: Any, group: Any) -> None:
    """Puts a copy of a group from a scratch document right above the source: one undo step.

    Krita composites it at once: 0.2 to 0.3 s for 4000 × 4000 px, however small the group is.
    """
    source.parentNode().addChildNode(group.duplicate(), source)


def keep_active(document: Any, source: Any, check: Check) -> Slices[None]:
    """Makes the source the active layer again, so that the artist can go on pulling it.

    Krita makes a new layer the active one some turns of its event loop later.
    """
    wanted = identifier_of(source)
    until = time.monotonic() + _SETTLING_SECONDS
    while time.monotonic() < until:
        check()
        active = document.activeNode()
        if active is None or identifier_of(active) != wanted:
            document.setActiveNode(source)
        yield


def wire_of(edit: Edit, source: Any) -> PixelFormat:
    """The format of an edit's pixels."""
    return wire_format(format_of(source), eight_bits=edit.dtype == "uint8")


def paint(
    layer: Any, edit: Edit, wire: PixelFormat, check: Check, over: Callable[[Rect], bytes] | None = None
) -> Slices[None]:
    """Paints an edit into a layer of a scratch document, converted into the layer's colour space.

    Args:
        layer: to paint into.
        edit: what.
        wire: the format of its pixels.
        check: called in each slice.
        over: the layer's pixels of a band, in its own format; they stay, bit by bit, where the edit changes nothing.
            None: there the layer becomes transparent.
    """
    pixel_format = format_of(layer)
    with Converter(wire, pixel_format) as converter:
        pace = converter.pace()
        for band in pace.bands(edit.rect):
            check()
            with pace:
                pixels: Any = cut(edit.pixels, edit.rect, band, wire.pixel_size)
                if wire == SRGB:
                    pixels = swap_red_and_blue(pixels, band.width, band.height)
                native = converter.convert(pixels, band.width, band.height)
                if over is not None:
                    changed = changed_in(edit, band)
                    native = laid_over(over(band), native, changed, pixel_format.pixel_size)
                layer.setPixelData(native, *band)
            yield


def copy_with_edit(scratch: Scratch, source: Any, edit: Edit, check: Check) -> Slices[Any]:
    """A copy of the whole source with an edit in it, in the source's own colour space, in no tree yet.

    A paint layer is copied with its masks and its layer style; of another layer it is what it looks like.
    """
    if source.type() == "paintlayer":
        layer = source.duplicate()
    else:
        layer = scratch.paint_layer(source.name(), format_of(source))
        yield from copy_picture(source, layer, check)
        style = source.layerStyleToAsl()
        if style:
            layer.setLayerStyleFromAsl(style)
    layer.setLocked(False)
    yield
    wire = wire_of(edit, source)
    yield from paint(layer, edit, wire, check, over=lambda band: native_pixels(layer, band))
    return layer


def copy_picture(source: Any, layer: Any, check: Check) -> Slices[None]:
    """Copies what a layer looks like into a paint layer of the same format."""
    bounds = source.bounds()
    pace = Pace(1 << 18)
    for band in pace.bands(Rect(bounds.x(), bounds.y(), bounds.width(), bounds.height())):
        check()
        with pace:
            layer.setPixelData(native_pixels(source, band), *band)
        yield


def dress(group: Any, layer: Any, source: Any) -> None:
    """Gives a group how its source is blended into the picture, and takes that from the layer inside it."""
    group.setBlendingMode(source.blendingMode())
    group.setOpacity(source.opacity())
    group.setInheritAlpha(source.inheritAlpha())
    layer.setBlendingMode("normal")
    layer.setOpacity(OPAQUE)
    layer.setInheritAlpha(False)
