"""Putting an edit into the picture: a group above the source, in one undo step; the source stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gi.repository import Gegl, Gimp

from ..backend.editing.geometry import Rect
from ..backend.editing.host import Edit, EditingError, Slices
from ..backend.editing.pixels import changed_in, cut, laid_over
from .formats import PIXEL_BYTES, WIRE, native_format
from .layers import can_be_covered, rect_of
from .reading import BAND_PIXELS, get_pixels
from .records import NAME

Check = Callable[[], None]

RESULT = "pullface-result"
"""Marks the groups that were made here."""


class Written(NamedTuple):
    """What was put into the picture: the group, and what the artist has to know about it, or None."""

    group: Gimp.GroupLayer
    note: str | None


def write(image: Gimp.Image, source: Gimp.Layer, title: str, edit: Edit, check: Check) -> Slices[Written]:
    """Puts an edit above its source; see ``Source.write``.

    Where opaque pixels may cover the source, the group holds only what changed. Else it holds a copy of the whole
    source with the edit in it.

    Args:
        image, source: GIMP's.
        title: of the group.
        edit: what to put there.
        check: called in each slice; raises when image or layer are gone.
    """
    if edit.rect.empty:
        raise EditingError("empty_edit", "This step changes nothing.", "Choose another step.")
    covered = edit.opaque and can_be_covered(source)
    layer = _empty_layer(image, "Edit", edit.rect) if covered else _copy(image, source)
    try:
        if not covered and not _is_plain(source):
            yield from _copy_picture(source, layer, check)
        yield from _paint(layer, edit, check)
        check()
        group = _insert(image, source, title, layer, covered)
    except BaseException:
        if image.is_valid() and layer.is_valid() and layer.get_parent() is None:
            layer.delete()
        raise
    return Written(group, None if covered else _hide_note(source.get_name()))


def _insert(
    image: Gimp.Image, source: Gimp.Layer, title: str, layer: Gimp.Layer, covered: bool
) -> Gimp.GroupLayer:
    selected = image.get_selected_layers()
    image.undo_group_start()
    try:
        group = Gimp.GroupLayer.new(image, title)
        group.attach_parasite(Gimp.Parasite.new(RESULT, Gimp.PARASITE_PERSISTENT, b"1"))
        _must(image.insert_layer(group, source.get_parent(), _place_above(image, source)))
        if not covered:
            # What is in it meets the picture below as the source does.
            group.set_mode(Gimp.LayerMode.PASS_THROUGH)
        _must(image.insert_layer(layer, group, 0))
        if not covered:
            _copy_mask(source, layer)
        image.set_selected_layers(selected)  # so that the artist can go on pulling the source
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return group


def _place_above(image: Gimp.Image, source: Gimp.Layer) -> int:
    """The position above the source and its earlier results, which would hide a new one below them."""
    parent = source.get_parent()
    siblings = parent.get_children() if parent is not None else image.get_layers()
    place = int(image.get_item_position(source))
    while place > 0 and siblings[place - 1].get_parasite(RESULT) is not None:
        place -= 1
    return place


def _empty_layer(image: Gimp.Image, name: str, rect: Rect) -> Gimp.Layer:
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAYA_IMAGE if gray else Gimp.ImageType.RGBA_IMAGE
    layer = Gimp.Layer.new(image, name, rect.width, rect.height, kind, 100.0, Gimp.LayerMode.NORMAL)
    layer.set_offsets(rect.x, rect.y)
    return layer


def _is_plain(layer: Gimp.Layer) -> bool:
    """Whether a layer consists of its pixels; a group, a text or a link is made of something else."""
    return type(layer) is Gimp.Layer


def _copy(image: Gimp.Image, source: Gimp.Layer) -> Gimp.Layer:
    """A copy of the source with its mask and blending, in no picture yet; of one that is not plain without pixels."""
    if _is_plain(source):
        layer = source.copy()
        layer.set_name(source.get_name())
        layer.detach_parasite(NAME)
        layer.set_lock_content(False)
        layer.set_lock_alpha(False)
        layer.add_alpha()
        return layer
    layer = _empty_layer(image, source.get_name(), rect_of(source))
    layer.set_mode(source.get_mode())
    layer.set_opacity(source.get_opacity())
    layer.set_blend_space(source.get_blend_space())
    layer.set_composite_space(source.get_composite_space())
    layer.set_composite_mode(source.get_composite_mode())
    return layer


def _copy_mask(source: Gimp.Layer, layer: Gimp.Layer) -> None:
    mask = source.get_mask()
    if mask is None or layer.get_mask() is not None:
        return
    copied = layer.create_mask(Gimp.AddMaskType.WHITE)
    _must(layer.add_mask(copied))
    name, _ = native_format(mask)
    for band in rect_of(mask).bands(BAND_PIXELS):
        _set_pixels(copied, band, name, get_pixels(mask, band, name))
    layer.set_apply_mask(source.get_apply_mask())


def _copy_picture(source: Gimp.Layer, layer: Gimp.Layer, check: Check) -> Slices[None]:
    name, _ = native_format(source)
    for band in rect_of(source).bands(BAND_PIXELS):
        check()
        _set_pixels(layer, band, name, get_pixels(source, band, name))
        yield


def _paint(layer: Gimp.Layer, edit: Edit, check: Check) -> Slices[None]:
    """Paints an edit into a layer; where it changes nothing the layer's own pixels stay, bit by bit."""
    name, size = native_format(layer)
    wire = WIRE[edit.dtype]
    for band in edit.rect.intersected(rect_of(layer)).bands(BAND_PIXELS // 4):
        check()
        before = get_pixels(layer, band, name)
        _set_pixels(layer, band, wire, cut(edit.pixels, edit.rect, band, PIXEL_BYTES[edit.dtype]))
        after = get_pixels(layer, band, name)
        _set_pixels(layer, band, name, laid_over(before, after, changed_in(edit, band), size))
        yield


def _set_pixels(layer: Gimp.Drawable, rect: Rect, pixel_format: str, pixels: bytes | memoryview) -> None:
    own = rect_of(layer)
    buffer = layer.get_buffer()
    buffer.set(
        Gegl.Rectangle.new(rect.x - own.x, rect.y - own.y, rect.width, rect.height),
        pixel_format,
        bytes(pixels),
    )
    buffer.flush()
    del buffer
    layer.update(rect.x - own.x, rect.y - own.y, rect.width, rect.height)


def _must(done: bool) -> None:
    if not done:
        raise EditingError(
            "write_failed",
            "GIMP did not take the new layer.",
            "Look whether the layer is still where it was, and try again.",
            str(Gimp.get_pdb().get_last_error()),
        )


def _hide_note(name: str) -> str:
    return (
        f"“{name}” is partly transparent or blended, so the result is a whole copy of it. "
        f"Hide “{name}” to see the result alone."
    )
