"""What lies below the marks: the layer, what must not move tinted, and the pull's preview or result, as it is seen.

GEGL scales the layer, whatever its size; nothing here needs pycairo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import gi

from ..backend.editing.geometry import Rect, Square
from ..backend.editing.host import Edit, LayerPicture, Mask
from ..backend.editing.pixels import changed_in, cut, laid_over
from ..backend.editing.state import Preview
from .turning import Pixels, pixels_of, turned
from .viewport import Viewport

gi.require_version("Gegl", "0.4")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gegl, GLib  # noqa: E402

T = TypeVar("T")

PADDING = 0x404040FF
"""Around the picture."""

TINT = (214, 38, 60)
"""Over what must not move, as GIMP's quick mask does it."""

_TINT_SHARE = 0.3
_CHECK = 8
_CHECKS = 0x666666, 0x999999
_FINER = 2
"""Times as many px as are seen: a turned preview is made so large first, for turning mixes no pixels."""

_LONGEST = 480
"""px: a preview that is seen larger is turned at this size and enlarged then."""

_RGBA = "R'G'B'A u8"
_RGB = "R'G'B' u8"
_GREY = "Y u8"

_Nearest = GdkPixbuf.InterpType.NEAREST
_Smooth = GdkPixbuf.InterpType.BILINEAR


class _Raster:
    """A picture at its place in image space, to be had at any scale.

    Args:
        rect: its place.
        pixels: row by row.
        form: their format, without alpha: scaling would take see-through pixels for black ones.
    """

    def __init__(self, rect: Rect, pixels: Any, form: str) -> None:
        self.rect = rect
        self._form = form
        self._buffer = Gegl.Buffer.new(form, *rect)
        self._buffer.set(Gegl.Rectangle.new(*rect), _RGBA if form == _RGB else form, bytes(pixels))

    def scaled(self, rect: Rect, scale: float) -> bytes:
        """The pixels of a rectangle of the scaled picture; 0 beyond its edge."""
        place = Gegl.Rectangle.new(*rect)
        return bytes(self._buffer.get(place, scale, self._form, Gegl.AbyssPolicy.NONE))


class _Layer:
    """A layer's pixels, with those of an edit in them or without.

    GEGL scales what is opaque, the quicker the smaller it is seen; GdkPixbuf does it well for see-through pixels, too.
    """

    def __init__(self, rect: Rect, pixels: bytes) -> None:
        self.rect = rect
        self._pixels = pixels
        opaque = pixels[3::4].count(255) == rect.width * rect.height
        self._raster = _Raster(rect, pixels, _RGB) if opaque else None
        self._pixbuf = None if opaque else _pixbuf(pixels, rect.width, rect.height, True)

    def edited(self, edit: Edit) -> _Layer:
        """The layer as it would be with an edit."""
        above = bytes(edit.pixels if edit.shown is None else edit.shown)
        part = edit.rect.intersected(self.rect)
        pixels = bytearray(self._pixels)
        for y in range(part.y, part.y + part.height):
            start = 4 * ((y - self.rect.y) * self.rect.width + part.x - self.rect.x)
            place = slice(start, start + 4 * part.width)
            row = Rect(part.x, y, part.width, 1)
            mine = cut(above, edit.rect, row, 4)
            pixels[place] = laid_over(pixels[place], mine, changed_in(edit, row), 4)
        return _Layer(self.rect, bytes(pixels))

    def draw(self, picture: GdkPixbuf.Pixbuf, viewport: Viewport) -> None:
        """Lays it over a view, RGB."""
        place = _seen(self.rect, viewport)
        if place.empty:
            return
        if self._raster is not None:
            part = _pixbuf(
                self._raster.scaled(_moved(place, viewport), viewport.zoom), place.width, place.height, False
            )
            part.copy_area(0, 0, place.width, place.height, picture, place.x, place.y)
            return
        assert self._pixbuf is not None
        zoom = viewport.zoom
        left, top = (offset + start * zoom for offset, start in zip(viewport.offset, self.rect))
        smooth = _Smooth if zoom < 1 else _Nearest
        self._pixbuf.composite_color(
            picture, *place, left, top, zoom, zoom, smooth, 255, place.x, place.y, _CHECK, *_CHECKS
        )


class _Kept(Generic[T]):
    """Something that is made anew only when what it is made of changes."""

    def __init__(self) -> None:
        self._made: tuple[tuple[Any, ...], Sequence[Any], T] | None = None

    def of(self, objects: tuple[Any, ...], values: Sequence[Any], make: Callable[[], T]) -> T:
        """The thing itself.

        Args:
            objects: that it is made of; other objects are other ones, whatever they hold: to compare pixels takes long.
            values: the same, where equal ones are the same.
            make: makes it.
        """
        made = self._made
        if made is None or made[1] != values or any(one is not other for one, other in zip(made[0], objects)):
            made = self._made = objects, values, make()
        return made[2]


class Ground:
    """Draws, and keeps what is dear to make while nothing of it changes."""

    def __init__(self) -> None:
        self._layer: _Layer | None = None
        self._tint: _Raster | None = None
        self._version = 0
        self._edited: _Kept[_Layer] = _Kept()
        self._base: _Kept[GdkPixbuf.Pixbuf] = _Kept()
        self._drawn: _Kept[GdkPixbuf.Pixbuf] = _Kept()
        self._mask: _Kept[_Raster] = _Kept()
        self._alpha: _Kept[bytes] = _Kept()
        self._preview: _Kept[tuple[GdkPixbuf.Pixbuf, Rect]] = _Kept()

    def show_layer(self, picture: LayerPicture) -> None:
        """Shows another picture; uint8."""
        self._layer = _Layer(picture.rect, bytes(picture.pixels))
        self._version += 1

    def show_tint(self, mask: Mask | None) -> None:
        """Tints what a mask says must not move; None tints nothing."""
        self._tint = _Raster(mask.rect, mask.pixels, _GREY) if mask is not None else None
        self._version += 1

    def draw(
        self, viewport: Viewport, edit: Edit | None, preview: Preview | None, mask: Mask | None
    ) -> GdkPixbuf.Pixbuf:
        """The view without marks, RGB; not to be changed.

        Args:
            viewport: what is seen.
            edit: the result to lay over the layer.
            preview: the model's picture to lay over it where there is no result.
            mask: where the preview may be seen; None: everywhere.
        """
        values = self._version, viewport.size, viewport.offset, viewport.zoom

        tinted = edit is None and preview is None  # else it would change the colours that the artist judges
        base = self._base.of((edit,), (*values, tinted), lambda: self._draw_base(viewport, edit, tinted))
        if edit is not None or preview is None:
            return base

        def drawn() -> GdkPixbuf.Pixbuf:
            picture = base.copy()
            self._lay_preview(picture, viewport, preview, mask)
            return picture

        return self._drawn.of((base, preview, mask), values, drawn)

    # Layer and tint

    def _draw_base(self, viewport: Viewport, edit: Edit | None, tinted: bool) -> GdkPixbuf.Pixbuf:
        picture = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, *viewport.size)
        picture.fill(PADDING)
        layer = self._layer
        if layer is None:
            return picture
        if edit is not None:
            whole, change = layer, edit
            layer = self._edited.of((whole, change), (), lambda: whole.edited(change))
        layer.draw(picture, viewport)
        if tinted:
            self._lay_tint(picture, viewport)
        return picture

    def _lay_tint(self, picture: GdkPixbuf.Pixbuf, viewport: Viewport) -> None:
        raster = self._tint
        if raster is None:
            return
        place = _seen(raster.rect, viewport)
        if place.empty:
            return
        part = raster.scaled(_moved(place, viewport), viewport.zoom)
        tint = bytearray(bytes((*TINT, 0)) * (place.width * place.height))
        tint[3::4] = part.translate(bytes(round((255 - value) * _TINT_SHARE) for value in range(256)))
        _lay(_pixbuf(tint, place.width, place.height, True), picture, place)

    # Preview

    def _lay_preview(
        self, picture: GdkPixbuf.Pixbuf, viewport: Viewport, preview: Preview, mask: Mask | None
    ) -> None:
        finer = _FINER if preview.square.angle else 1
        scale = min(_LONGEST / preview.square.size, viewport.zoom * finer)
        small, place = self._preview.of(
            (preview, mask), (scale,), lambda: self._upright(preview, mask, scale)
        )
        zoom = viewport.zoom / scale
        left, top = (offset + start * zoom for offset, start in zip(viewport.offset, (place.x, place.y)))
        if abs(zoom - 1.0) * max(place.width, place.height) < 0.5:
            seen = Rect(round(left), round(top), place.width, place.height)
            part = seen.intersected(Rect(0, 0, *viewport.size))
            if not part.empty:
                small.composite(picture, *part, seen.x, seen.y, 1, 1, _Nearest, 255)
            return
        seen = Rect(round(left), round(top), round(place.width * zoom), round(place.height * zoom))
        part = seen.intersected(Rect(0, 0, *viewport.size))
        if not part.empty:
            small.composite(picture, *part, left, top, zoom, zoom, _Smooth, 255)

    def _upright(self, preview: Preview, mask: Mask | None, scale: float) -> tuple[GdkPixbuf.Pixbuf, Rect]:
        """The model's picture turned as the crop is, see-through where nothing may move, and its place when scaled."""
        square = preview.square
        size = (max(1, round(side * scale)) for side in (square.width, square.height))
        shown = _pixbuf(preview.rgb, preview.width, preview.height, False)
        shown = shown.scale_simple(*size, _Smooth).add_alpha(False, 0, 0, 0)
        whole = turned(_pixels(shown), square.angle)
        left = round(square.middle.x * scale - whole.width / 2)
        top = round(square.middle.y * scale - whole.height / 2)
        place = Rect(left, top, whole.width, whole.height)
        data = bytearray(whole.data.tobytes())
        if mask is not None:
            data[3::4] = self._alpha_of(mask, square, place, scale, bytes(data[3::4]))
        return _pixbuf(data, whole.width, whole.height, True), place

    def _alpha_of(self, mask: Mask, square: Square, place: Rect, scale: float, inside: bytes) -> bytes:
        """The mask where the turned crop is; the same for all previews of a drag at one zoom."""

        def made() -> bytes:
            raster = self._mask.of((mask,), (), lambda: _Raster(mask.rect, mask.pixels, _GREY))
            grey = raster.scaled(place, scale)
            # 255 is all ones and 0 none, so this keeps the mask where the crop is, all pixels at once.
            both = int.from_bytes(grey, "little") & int.from_bytes(inside, "little")
            return both.to_bytes(len(grey), "little")

        return self._alpha.of((mask,), (square, place), made)


def _seen(rect: Rect, viewport: Viewport) -> Rect:
    """The part of the view that a rectangle of the image covers, device px."""
    zoom, (left, top) = viewport.zoom, viewport.offset
    first = round(rect.x * zoom) + left, round(rect.y * zoom) + top
    last = round((rect.x + rect.width) * zoom) + left, round((rect.y + rect.height) * zoom) + top
    placed = Rect(*first, max(1, last[0] - first[0]), max(1, last[1] - first[1]))
    return placed.intersected(Rect(0, 0, *viewport.size))


def _moved(place: Rect, viewport: Viewport) -> Rect:
    """From the view into the scaled image."""
    left, top = viewport.offset
    return Rect(place.x - left, place.y - top, place.width, place.height)


def _lay(over: GdkPixbuf.Pixbuf, picture: GdkPixbuf.Pixbuf, place: Rect) -> None:
    over.composite(picture, *place, place.x, place.y, 1, 1, _Nearest, 255)


def _pixbuf(pixels: Any, width: int, height: int, alpha: bool) -> GdkPixbuf.Pixbuf:
    channels = 4 if alpha else 3
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(bytes(pixels)), GdkPixbuf.Colorspace.RGB, alpha, 8, width, height, width * channels
    )


def _pixels(pixbuf: GdkPixbuf.Pixbuf) -> Pixels:
    """Of one with alpha, whose rows have no gaps: four bytes a pixel need none."""
    width, height = pixbuf.get_width(), pixbuf.get_height()
    return pixels_of(width, height, pixbuf.get_pixels()[: 4 * width * height])
