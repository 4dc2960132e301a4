"""Preview and result of a pull as images that can be drawn at once, made anew only when they change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..qt import Qt, QtCore, QtGui

_Format = QtGui.QImage.Format
_READY = _Format.Format_ARGB32_Premultiplied  # what Qt draws fastest
_AT_ONCE = 2_000_000  # px that are prepared without a pause, in a few milliseconds
_BAND = 400_000  # px of a piece of work


class Picture:
    """An image that lies at a place of the picture, with smaller versions of it for a canvas that is zoomed out.

    A large one is shown as it is at first, roughly, and prepared in small pieces by ``work``, so that nothing waits.

    Args:
        image: in any format.
        place: where it lies, image space.
        pixels: the bytes below the image, which Qt does not keep alive by itself.
        angle: by which it is turned about the middle of its place, degrees, clockwise.
    """

    def __init__(
        self, image: QtGui.QImage, place: QtCore.QRectF, pixels: Any = None, angle: float = 0.0
    ) -> None:
        self.place = place
        self.angle = angle
        self._pixels = pixels
        self._raw = image
        self._levels: list[QtGui.QImage] = []
        self._wanted = 0
        self._work: Iterator[None] | None = None
        if image.width() * image.height() <= _AT_ONCE:
            self._levels.append(image.convertToFormat(_READY))

    def at_scale(self, scale: float) -> tuple[QtGui.QImage, float, bool]:
        """What to draw where one px of the picture takes ``scale`` device px.

        Drawn at less than half its size an image shimmers: only four of its pixels count for one on the screen. So
        there is a version of half the size, one of a quarter, and so on.

        Returns:
            The image, how many device px one of its px takes, and whether it is only a rough one for the moment.
        """
        across = scale * self.place.width()
        width, height, level = self._raw.width(), self._raw.height(), 0
        while width >= 2 * across and min(width, height) >= 2:
            width, height, level = (width + 1) // 2, (height + 1) // 2, level + 1
        self._wanted = level
        if self._raw.width() * self._raw.height() <= _AT_ONCE:
            while self.work():
                pass
        image = self._levels[min(level, len(self._levels) - 1)] if self._levels else self._raw
        return image, across / image.width(), len(self._levels) <= level

    def work(self) -> bool:
        """A few milliseconds of preparing what was asked for last. Returns whether there is more to do."""
        if self._work is None:
            if len(self._levels) > self._wanted:
                return False
            self._work = self._prepare()
        if next(self._work, self) is self:
            self._work = None
        return self._work is not None or len(self._levels) <= self._wanted

    def _prepare(self) -> Iterator[None]:
        """The next level, band by band."""
        source, part = (self._levels[-1], 2) if self._levels else (self._raw, 1)
        width, height = -(-source.width() // part), -(-source.height() // part)
        image = QtGui.QImage(width, height, _READY)
        rows = max(2, _BAND // max(1, source.width()) // 2 * 2)
        for top in range(0, source.height(), rows):
            band = source.copy(0, top, source.width(), min(rows, source.height() - top))
            if part == 2:
                band = band.scaled(
                    width,
                    -(-band.height() // 2),
                    Qt.AspectRatioMode.IgnoreAspectRatio,
                    Qt.TransformationMode.SmoothTransformation,
                )
            painter = QtGui.QPainter(image)
            painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_Source)
            painter.drawImage(0, top // part, band)
            painter.end()
            yield
        self._levels.append(image)


class Pictures:
    """The images of one pull, each made anew only when its source is another object."""

    def __init__(self) -> None:
        self._preview: tuple[Any, Any, Picture | None] = (None, None, None)
        self._edit: tuple[Any, Picture | None] = (None, None)
        self._alpha: tuple[Any, Any, QtGui.QImage | None] = (None, None, None)

    def preview(self, pull: Any) -> Picture | None:
        """The model's picture of the crop, see-through where nothing may move."""
        preview, mask = pull.preview, pull.mask
        if self._preview[0] is not preview or self._preview[1] is not mask:
            self._preview = preview, mask, self._draw_preview(preview, mask) if preview is not None else None
        return self._preview[2]

    def edit(self, pull: Any) -> Picture | None:
        """The result at full resolution."""
        edit = pull.edit
        if self._edit[0] is not edit:
            self._edit = edit, _edit_picture(edit) if edit is not None else None
        return self._edit[1]

    def _draw_preview(self, preview: Any, mask: Any) -> Picture:
        width, height = preview.width, preview.height
        image = QtGui.QImage(preview.rgb, width, height, 3 * width, _Format.Format_RGB888)
        square = preview.square
        place = QtCore.QRectF(square.left, square.top, square.width, square.height)
        if mask is None:
            return Picture(image, place, preview.rgb, square.angle)
        image = image.convertToFormat(_Format.Format_ARGB32_Premultiplied)
        painter = QtGui.QPainter(image)
        painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(0, 0, self._alpha_of(mask, square, width, height))
        painter.end()
        return Picture(image, place, angle=square.angle)

    def _alpha_of(self, mask: Any, square: Any, width: int, height: int) -> QtGui.QImage:
        """The mask as the preview's alpha; the same for all previews of a drag."""
        shape = (square, width, height)
        if self._alpha[0] is not mask or self._alpha[1] != shape or self._alpha[2] is None:
            alpha = QtGui.QImage(width, height, _READY)
            alpha.fill(0)
            part = mask.rect.intersected(square.rect)
            if not part.empty:
                _draw_mask(alpha, mask, part, square)
            self._alpha = mask, shape, alpha
        return self._alpha[2]


def _draw_mask(alpha: QtGui.QImage, mask: Any, part: Any, square: Any) -> None:
    """The part of a mask that lies in the square, scaled and turned so that what the model sees fills ``alpha``."""
    rect = mask.rect
    grey = QtGui.QImage(mask.pixels, rect.width, rect.height, rect.width, _Format.Format_Alpha8)
    grey = grey.copy(part.x - rect.x, part.y - rect.y, part.width, part.height)
    enough = 4 * alpha.width()
    if part.width > enough:  # to average all of a huge one takes too long, and the preview is soft anyway
        grey = grey.scaled(enough, max(1, round(part.height * enough / part.width)))
    place = QtCore.QRectF(part.x, part.y, part.width, part.height)
    small, _, _ = Picture(grey, place).at_scale(alpha.width() / square.width)
    painter = QtGui.QPainter(alpha)
    painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
    painter.scale(alpha.width() / square.width, alpha.height() / square.height)
    painter.translate(-square.left, -square.top)
    turn(painter, square.middle, -square.angle)
    painter.drawImage(place, small)
    painter.end()


def turn(painter: QtGui.QPainter, middle: Any, angle: float) -> None:
    """Turns what is drawn from now on about a point (x, y) by so many degrees, clockwise."""
    if angle:
        painter.translate(middle[0], middle[1])
        painter.rotate(angle)
        painter.translate(-middle[0], -middle[1])


def _edit_picture(edit: Any) -> Picture:
    rect, pixels = edit.rect, edit.pixels if edit.shown is None else edit.shown
    # Where nothing is see-through in part, straight and premultiplied pixels are the same, and no work.
    form = _Format.Format_RGBA8888_Premultiplied if edit.opaque else _Format.Format_RGBA8888
    image = QtGui.QImage(pixels, rect.width, rect.height, 4 * rect.width, form)
    return Picture(image, QtCore.QRectF(rect.x, rect.y, rect.width, rect.height), pixels)
