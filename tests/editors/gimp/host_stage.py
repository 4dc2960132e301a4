"""The plug-in's boundary to GIMP, driven from inside GIMP by the tests' own plug-in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .driver import Gimp

_NAMES = """
import gi, sys
if arguments[0] not in sys.path:
    sys.path.append(arguments[0])
from pullface import obstacles
obstacles.check()
from pullface.backend.editing.geometry import Point, Rect, Square
from pullface.backend.editing.host import AreaOptions, Edit, EditingError
from pullface.host import formats, masks, paths, reading, records
from pullface.host.source import GimpSource, only_layer

def item(number):
    return Gimp.Item.get_by_id(number)

def source(number):
    layer = item(number)
    return GimpSource(layer.get_image(), layer)

def done(slices):
    try:
        while True:
            next(slices)
    except StopIteration as end:
        return end.value

def refused(function):
    try:
        function()
    except EditingError as error:
        return [error.code, error.message, error.hint]
    return None

def new_image(width, height, gray=False, precision="U8_NON_LINEAR", profile=None):
    base = Gimp.ImageBaseType.GRAY if gray else Gimp.ImageBaseType.RGB
    image = Gimp.Image.new_with_precision(width, height, base, getattr(Gimp.Precision, precision))
    if profile:
        image.set_color_profile(getattr(Gimp.ColorProfile, profile)())
    return image

def new_layer(image, width, height, x=0, y=0, pixels=None, pixel_format="R'G'B'A u8", alpha=True, parent=None):
    kind = ("GRAY" if image.get_base_type() == Gimp.ImageBaseType.GRAY else "RGB") + ("A" if alpha else "")
    layer = Gimp.Layer.new(image, "face", width, height, getattr(Gimp.ImageType, kind + "_IMAGE"), 100.0,
                           Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, parent, 0)
    layer.set_offsets(x, y)
    if pixels is not None:
        fill(layer, pixels, pixel_format)
    return layer

def fill(drawable, pixels, pixel_format):
    buffer = drawable.get_buffer()
    buffer.set(buffer.get_extent(), pixel_format, pixels)
    buffer.flush()
    del buffer
    drawable.update(0, 0, drawable.get_width(), drawable.get_height())

def native(layer, rect=None, name=None):
    return reading.get_pixels(layer, Rect(*rect) if rect else rect_of(layer), name or formats.native_format(layer)[0])

from pullface.host.layers import rect_of

def tree(items):
    return [[each.get_name(), tree(each.get_children()) if each.is_group() else []] for each in items]
"""

PRECISIONS = [
    f"{depth}_{curve}"
    for depth in ("U8", "U16", "U32", "HALF", "FLOAT", "DOUBLE")
    for curve in ("LINEAR", "NON_LINEAR", "PERCEPTUAL")
]


class HostStage:
    """The boundary inside one GIMP. Layers are named by their numbers.

    Args:
        gimp: running, with the plug-in installed.
    """

    def __init__(self, gimp: Gimp) -> None:
        self.gimp = gimp
        gimp.run(_NAMES, str(gimp.profile.plug_ins))

    def layer(
        self,
        pixels: NDArray[Any],
        offset: tuple[int, int] = (0, 0),
        *,
        gray: bool = False,
        precision: str = "U8_NON_LINEAR",
        profile: str | None = None,
        alpha: bool = True,
        size: tuple[int, int] | None = None,
    ) -> int:
        """A new image with one layer: RGBA uint8 or float32 [H, W, 4], sRGB. Returns its number."""
        height, width = pixels.shape[:2]
        return int(
            self.gimp.run(
                """
                image = new_image(*arguments[2], *arguments[5:8])
                layer = new_layer(image, *arguments[:2], *arguments[3], arguments[4], arguments[9], arguments[8])
                layer.get_id()
                """,
                width, height, list(size or (width, height)), list(offset), pixels.tobytes(),
                gray, precision, profile, alpha, _format(pixels.dtype.name),
            )
        )  # fmt: skip

    def read(self, layer: int, rect: Sequence[int] | None = None, eight_bits: bool = False) -> NDArray[Any]:
        """What a pull reads of a layer: [H, W, 4]."""
        rect = list(rect or self.bounds(layer))
        pixels, dtype = self.gimp.run(
            """
            picture = done(source(arguments[0]).read(Rect(*arguments[1]), arguments[2]))
            [bytes(picture.pixels), picture.dtype]
            """,
            layer, rect, eight_bits,
        )  # fmt: skip
        return np.frombuffer(pixels, dtype=dtype).reshape(rect[3], rect[2], 4)

    def bounds(self, layer: int) -> list[int]:
        """Of a layer, in its image."""
        return list(self.gimp.run("list(source(arguments[0]).bounds())", layer))

    def native(self, layer: int) -> bytes:
        """A layer's own pixels, bit by bit."""
        return bytes(self.gimp.run("native(item(arguments[0]))", layer))

    def write(
        self,
        layer: int,
        rect: Sequence[int],
        pixels: NDArray[Any],
        changed: NDArray[np.uint8],
        opaque: bool = True,
    ) -> str | None:
        """Puts an edit above a layer; returns the note. ``pixels`` [H, W, 4]; only those that changed count."""
        edit = np.where(changed[..., None] > 0, pixels, 0).astype(pixels.dtype)
        note = self.gimp.run(
            """
            _number, _rect, _pixels, _dtype, _changed, _opaque = arguments
            _source = source(_number)
            _told = None if _opaque and _dtype == "uint8" else _changed
            _edit = Edit(Rect(*_rect), _pixels, _opaque, _dtype, _told)
            done(_source.write("Pull 1", _edit))
            """,
            layer, list(rect), edit.tobytes(), pixels.dtype.name, changed.tobytes(), opaque,
        )  # fmt: skip
        return None if note is None else str(note)

    def layers(self, layer: int) -> Any:
        """Names of all layers of a layer's image, the topmost first, each with those inside it."""
        return self.gimp.run("tree(item(arguments[0]).get_image().get_layers())", layer)

    def refused(self, expression: str, *arguments: Any) -> list[str] | None:
        """Code, message and hint of the ``EditingError`` that an expression raises inside; None for none."""
        reply = self.gimp.run(f"refused(lambda: {expression})", *arguments)
        return None if reply is None else list(reply)


def _format(dtype: str) -> str:
    return {"uint8": "R'G'B'A u8", "float32": "R'G'B'A float"}[dtype]


def colours(
    width: int, height: int, dtype: str = "uint8", alpha: bool = False, seed: int = 1
) -> NDArray[Any]:
    """Random colours, opaque or not: [height, width, 4]."""
    made = np.random.default_rng(seed).random((height, width, 4)).astype(np.float32)
    if not alpha:
        made[..., 3] = 1
    return made if dtype == "float32" else np.round(made * 255).astype(np.uint8)
