"""One layer of one open picture, as a pull sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import gi
from gi.repository import Gimp, GLib

from ..backend.editing.geometry import Point, Rect, Square
from ..backend.editing.host import AreaOptions, Bytes, Edit, EditingError, LayerPicture, Mask, Slices
from . import masks, reading, records, results
from .formats import is_deep
from .layers import check_editable, check_there, rect_of

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf  # noqa: E402

THUMBNAIL = 96


def only_layer(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> GimpSource:
    """The one layer that a procedure was called for.

    Raises:
        EditingError: there are none or several, or it cannot be pulled.
    """
    if len(drawables) != 1:
        raise EditingError(
            "bad_layer",
            "No layer is selected." if not drawables else f"{len(drawables)} layers are selected.",
            "Select one layer, the one with the face.",
        )
    source = GimpSource(image, drawables[0])
    source.check()
    return source


class GimpSource:
    """Implements ``backend.editing.host.Source``.

    Args:
        image: GIMP's, open.
        drawable: a layer in it, or a group; whether it can be pulled is checked when it is used.

    Attributes:
        image, layer: as given.
        group: the last one that ``write`` made; None before.
    """

    def __init__(self, image: Gimp.Image, drawable: Gimp.Layer) -> None:
        self.image = image
        self.layer = drawable
        self.group: Gimp.GroupLayer | None = None
        self._name = str(drawable.get_name())

    @property
    def name(self) -> str:
        """The layer's name."""
        if self.layer.is_valid():
            self._name = str(self.layer.get_name())
        return self._name

    @property
    def deep(self) -> bool:
        """Whether the layer holds more than 8 bits a channel."""
        return is_deep(self.image)

    keeps_selection = True
    """An .xcf has the selection in it."""

    def exists(self) -> bool:
        """Whether the picture is open and the layer in it."""
        try:
            self._check_there()
        except EditingError:
            return False
        return True

    def check(self) -> None:
        """Raises ``EditingError`` with a sentence for the artist when the layer is gone or cannot be pulled."""
        self._check_there()
        check_editable(self.image, self.layer)

    def bounds(self) -> Rect:
        """The layer's rectangle, image space; it may reach beyond the canvas."""
        self.check()
        return rect_of(self.layer)

    def selection_bounds(self) -> Rect | None:
        """What is selected in the picture; None when nothing is."""
        self._check_there()
        return masks.selection_bounds(self.image)

    def read(self, rect: Rect, eight_bits: bool = False) -> Slices[LayerPicture]:
        """The layer's pixels in ``rect`` as sRGB; transparent where it has none."""
        self.check()
        return (yield from reading.read(self.image, self.layer, rect, self._check_there, eight_bits))

    def for_screen(self, edit: Edit) -> Slices[Edit]:
        """The same edit with its pixels in 8 bits, too."""
        return (yield from reading.for_screen(edit))

    def movable(
        self, options: AreaOptions, pairs: Sequence[tuple[Point, Point]], crop: Square, rect: Rect
    ) -> Slices[Mask | None]:
        """The movable area as a mask over ``rect``; None = everything may move."""
        self._check_there()
        return (yield from masks.movable(self.image, options, pairs, crop, rect))

    def write(self, title: str, edit: Edit) -> Slices[str | None]:
        """Puts the edit above the layer as a new group, in one undo step.

        Returns:
            What the artist has to know about it, or None.
        """
        self.check()
        written = yield from results.write(self.image, self.layer, title, edit, self._check_there)
        self.group = written.group
        return written.note

    def write_animation(self, title: str, frames: Iterable[Edit | None], count: int) -> Slices[str | None]:
        """Raises ``EditingError``: GIMP has no animated layers."""
        raise EditingError(
            "no_animation",
            "GIMP has no animated layers.",
            "Apply single steps, or make the animation in Krita or with the command pullface drag.",
        )

    def thumbnail(self, width: int, height: int, rgb: Bytes) -> bytes:
        """A small PNG of an RGB uint8 picture, at most 96 px wide and high."""
        picture = GdkPixbuf.Pixbuf.new_from_bytes(
            GLib.Bytes.new(bytes(rgb)), GdkPixbuf.Colorspace.RGB, False, 8, width, height, width * 3
        )
        scale = THUMBNAIL / max(width, height)
        if scale < 1:
            small = max(1, round(width * scale)), max(1, round(height * scale))
            picture = picture.scale_simple(*small, GdkPixbuf.InterpType.BILINEAR)
        _, png = picture.save_to_bufferv("png", [], [])
        return bytes(png)

    def load_record(self) -> bytes:
        """What ``save_record`` kept; empty when there is nothing."""
        self._check_there()
        return records.load_record(self.layer)

    def save_record(self, record: bytes) -> None:
        """Keeps a record with the layer, so that it is saved with the picture; empty deletes it."""
        self._check_there()
        records.save_record(self.image, self.layer, record)

    def _check_there(self) -> None:
        check_there(self.image, self.layer, self._name)
