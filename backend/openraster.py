"""Writes OpenRaster files, which Krita and GIMP open with their layers.

Format: the OpenRaster baseline, https://www.openraster.org (a zip archive whose first member is the uncompressed
``mimetype``; ``stack.xml``; 8-bit PNGs below ``data/``; ``mergedimage.png``; ``Thumbnails/thumbnail.png`` of at most
256 pixels a side).
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MIMETYPE = "image/openraster"
VERSION = "0.0.3"
THUMBNAIL_SIDE = 256


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name: shown in the editor's layer list.
        pixels: uint8 [h, w, 4] RGBA with straight alpha.
        x: position of the left edge in the image, in pixels; may be negative.
        y: position of the top edge in the image, in pixels; may be negative.
        visible: whether the layer is shown.
        opacity: 0 … 1.
    """

    name: str
    pixels: NDArray[np.uint8]
    x: int = 0
    y: int = 0
    visible: bool = True
    opacity: float = 1.0


def write(
    path: Path, layers: Sequence[Layer], merged: NDArray[np.uint8], icc_profile: bytes | None = None
) -> None:
    """Write an OpenRaster file; the file appears whole or not at all.

    Args:
        path: the file to write.
        layers: the layers, topmost first, at least one.
        merged: uint8 [H, W, 4] RGBA, the picture that the visible layers make; its size is the image's.
        icc_profile: colour profile of the pixels, stored in every PNG.

    Raises:
        ValueError: no layers, or pixels that are not uint8 RGBA.
        OSError: the file cannot be written.
    """
    if not layers:
        raise ValueError("an OpenRaster file needs at least one layer")
    for pixels in (merged, *(layer.pixels for layer in layers)):
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 4:
            raise ValueError("pixels must be uint8 [height, width, 4]")
    height, width = merged.shape[:2]
    temporary = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            # First and stored, so that the type stands at a fixed place in the file.
            _add(archive, "mimetype", MIMETYPE.encode())
            _add(archive, "stack.xml", _stack(layers, width, height))
            for number, layer in enumerate(layers):
                _add(archive, f"data/layer{number}.png", _png(Image.fromarray(layer.pixels), icc_profile))
            picture = Image.fromarray(merged)
            _add(archive, "mergedimage.png", _png(picture, icc_profile))
            picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
            _add(archive, "Thumbnails/thumbnail.png", _png(picture, icc_profile))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _stack(layers: Sequence[Layer], width: int, height: int) -> bytes:
    image = ElementTree.Element("image", version=VERSION, w=str(width), h=str(height), xres="72", yres="72")
    stack = ElementTree.SubElement(image, "stack")
    for number, layer in enumerate(layers):
        ElementTree.SubElement(
            stack,
            "layer",
            {
                "name": layer.name,
                "src": f"data/layer{number}.png",
                "x": str(layer.x),
                "y": str(layer.y),
                "opacity": f"{layer.opacity:g}",
                "visibility": "visible" if layer.visible else "hidden",
                "composite-op": "svg:src-over",
            },
        )
    return ElementTree.tostring(image, encoding="UTF-8", xml_declaration=True)


def _png(image: Image.Image, icc_profile: bytes | None) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6, icc_profile=icc_profile)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # A fixed date: equal pictures give equal files.
    archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)
