"""The plugin's icons: one drawing each, painted in the colours of the palette, sharp at every pixel ratio."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ..qt import QtCore, QtGui

FOLDER = Path(__file__).parents[1] / "icons"

INK = b"#000"
"""The colour in the drawings that is replaced by the palette's."""

SIZES = (16, 24, 32, 48)
"""Sides in physical px; Qt takes the one that fits size and pixel ratio best."""


def icon(name: str, ink: QtGui.QColor, faint: QtGui.QColor) -> QtGui.QIcon:
    """An icon in the given colours.

    Args:
        name: of a drawing in ``icons/``, without the ending.
        ink: its colour.
        faint: its colour on a disabled button.
    """
    return _icon(name, ink.rgba(), faint.rgba())


def palette_icon(name: str, palette: QtGui.QPalette) -> QtGui.QIcon:
    """The icon in the colours of a button's text."""
    role = QtGui.QPalette.ColorRole.ButtonText
    group = QtGui.QPalette.ColorGroup
    return icon(name, palette.color(group.Active, role), palette.color(group.Disabled, role))


def picture(name: str, side: int, ratio: float, ink: QtGui.QColor) -> QtGui.QPixmap:
    """A drawing as a pixmap.

    Args:
        name: of a drawing in ``icons/``.
        side: logical px.
        ratio: physical px in a logical one.
        ink: its colour.
    """
    pixmap = QtGui.QPixmap.fromImage(_drawn(name, round(side * ratio), ink.rgba()))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


@lru_cache(maxsize=256)
def _icon(name: str, ink: int, faint: int) -> QtGui.QIcon:
    made = QtGui.QIcon()
    for side in SIZES:
        made.addPixmap(QtGui.QPixmap.fromImage(_drawn(name, side, ink)), QtGui.QIcon.Mode.Normal)
        made.addPixmap(QtGui.QPixmap.fromImage(_drawn(name, side, faint)), QtGui.QIcon.Mode.Disabled)
    return made


def _drawn(name: str, side: int, ink: int) -> QtGui.QImage:
    """Through Qt's image plugin: the module QtSvg is not in every Krita's PyQt, the plugin always is."""
    colour = QtGui.QColor.fromRgba(ink)
    drawing = (FOLDER / f"{name}.svg").read_bytes().replace(INK, colour.name().encode())
    buffer = QtCore.QBuffer()
    buffer.setData(drawing)
    buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
    reader = QtGui.QImageReader(buffer, b"svg")
    reader.setScaledSize(QtCore.QSize(side, side))
    image = reader.read()
    if image.isNull():
        return image
    if colour.alpha() < 255:
        painter = QtGui.QPainter(image)
        painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.fillRect(image.rect(), QtGui.QColor(0, 0, 0, colour.alpha()))
        painter.end()
    return image
