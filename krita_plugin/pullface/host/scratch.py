"""Documents that nobody sees: to build groups in, so that they arrive in one undo step, and to convert colours."""

from __future__ import annotations

import gc
from typing import Any

from krita import Krita

from ..backend.editing.host import Bytes
from .pixels import SRGB, Pace, PixelFormat, floats_to_halves, halves_to_floats

_CONVERSIONS_A_DOCUMENT = 24

_seed: Any = None


def prepare() -> None:
    """Makes what the first reading or writing would have to wait for, about 0.1 s; harmless when called again.

    Krita needs 40 ms to make a document and 40 ms to close it, but only 2 ms to clone one, and a clone appears in no
    list of documents. So one clone is kept, and every scratch document is a clone of it.
    """
    global _seed
    if _seed is not None:
        return
    krita = Krita.instance()
    document = krita.createDocument(1, 1, "Pullface", *SRGB, 72.0)
    _seed = document.clone()
    document.setModified(False)
    document.close()
    for node in _seed.rootNode().childNodes():
        node.remove()
    notifier = krita.notifier()
    notifier.setActive(True)
    notifier.applicationClosing.connect(_forget)


def _forget() -> None:
    """Ends the seed before Krita ends what it hangs on."""
    global _seed
    _seed = None
    gc.collect()


class Scratch:
    """An empty document of 1 × 1 px: layers may reach beyond it, and Krita composites only one pixel of them.

    Args:
        pixel_format: of the document and of new layers in it.
        template: a document to be copied; by default an empty one.

    Attributes:
        document: Krita's document; never keep it.
    """

    def __init__(self, pixel_format: PixelFormat, template: Any = None) -> None:
        prepare()
        self.document = (_seed if template is None else template).clone()
        if format_of(self.document) != pixel_format:
            self.document.setColorSpace(*pixel_format)

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        # Closed under the hands of its worker threads, a document takes Krita with it.
        self.document.waitForDone()
        self.document.close()
        self.document = None

    def paint_layer(self, name: str, pixel_format: PixelFormat | None = None) -> Any:
        """A new paint layer that is in no tree yet."""
        node = self.document.createNode(name, "paintlayer")
        if pixel_format is not None and pixel_format != format_of(node):
            node.setColorSpace(*pixel_format)
        return node


class Converter:
    """Converts pixels by Krita's own colour engine, so that they come out as Krita shows and saves them.

    The first conversion between two colour spaces can take some 30 ms, later ones 20 to 300 ns a pixel.
    """

    def __init__(self, source: PixelFormat, target: PixelFormat) -> None:
        self._source, self._target = source, target
        self._way = [hop for hop in (_float(source), _float(target)) if hop not in (None, source, target)]
        # Krita would cut what lies below 0 and above 1 where a profile has its curve in a table.
        self._only_depth = source[::2] == target[::2] and {source.depth, target.depth} == {"F16", "F32"}
        self._scratch: Scratch | None = None
        self._left = 0

    def __enter__(self) -> Converter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._scratch is not None:
            self._scratch.__exit__()
            self._scratch = None

    def pace(self) -> Pace:
        """How much to convert in one slice.

        Krita converts in a thread of its own, and turns the event loop itself meanwhile. It makes a dialog for that,
        which it shows after a second; so each call costs some milliseconds whatever is converted in it.
        """
        ours = self._source == self._target or self._only_depth
        return Pace() if ours else Pace(1 << 18, 0.1, 1 << 16)

    def convert(self, pixels: Bytes, width: int, height: int) -> bytes:
        """Rows of pixels without gaps, in the source's format → the same in the target's."""
        if self._source == self._target:
            return bytes(pixels)
        if self._only_depth:
            return halves_to_floats(pixels) if self._source.depth == "F16" else floats_to_halves(pixels)
        if self._left == 0:
            # A document keeps what was converted in it, for undo.
            self.__exit__()
            self._scratch = Scratch(self._source)
            self._left = _CONVERSIONS_A_DOCUMENT
        self._left -= 1
        assert self._scratch is not None
        node = self._scratch.paint_layer("")
        node.setPixelData(bytes(pixels), 0, 0, width, height)
        for pixel_format in (*self._way, self._target):
            node.setColorSpace(*pixel_format)
        return bytes(node.pixelData(0, 0, width, height))


def _float(pixel_format: PixelFormat) -> PixelFormat | None:
    """The float colour space to go through; None when the direct way is as exact.

    Krita converts 16-bit integers between profiles through a coarse table: dark colours are off by up to 22/255.
    Through floats they come out right.
    """
    if pixel_format.depth != "U16" or pixel_format == SRGB._replace(depth="U16"):
        return None
    return pixel_format._replace(depth="F32")


def format_of(thing: Any) -> PixelFormat:
    """The colour space of a layer or a document."""
    return PixelFormat(thing.colorModel(), thing.colorDepth(), thing.colorProfile())
