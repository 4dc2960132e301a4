"""What the tests of the Krita boundary share: helpers inside Krita, and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .driver import Krita

Pixels = NDArray[np.uint8]

SRGB = "sRGB-elle-V2-srgbtrc.icc"
STAGE = """
import time
from krita import Selection
from pullface.backend.editing.geometry import Point, Rect, Square
from pullface.backend.editing.host import AreaOptions, Edit, EditingError
from pullface.host import documents, layers, scratch
from pullface.host.source import KritaSource

scratch.prepare()

def finish(generator):
    "Runs slices; returns (result, longest slice in ms, all together in ms)."
    longest, began = 0.0, time.perf_counter()
    while True:
        before = time.perf_counter()
        try:
            next(generator)
        except StopIteration as end:
            now = time.perf_counter()
            return end.value, max(longest, now - before) * 1e3, (now - began) * 1e3
        longest = max(longest, time.perf_counter() - before)
        QApplication.processEvents()

def begin(generator):
    "Runs slices from the event loop; ``done`` holds the result when they are through."
    global done
    done = []
    def turn():
        try:
            next(generator)
        except StopIteration as end:
            done.append(end.value)
        else:
            QtCore.QTimer.singleShot(0, turn)
    turn()

def named(name, root=None):
    for node in (root or document().rootNode()).childNodes():
        if node.name() == name:
            return node
        found = named(name, node)
        if found is not None:
            return found

def source(name="source"):
    return KritaSource(document(), named(name))

def add_layer(name, pixels, x, y, width, height, kind="paintlayer", parent=None):
    node = document().createNode(name, kind)
    if pixels:
        node.setPixelData(QtCore.QByteArray(pixels), x, y, width, height)
    (parent or document().rootNode()).addChildNode(node, None)
    document().waitForDone()
    return node

def tree(root=None):
    return [[node.name(), node.type(), tree(node)] for node in (root or document().rootNode()).childNodes()]

def trigger(action):
    app.action(action).trigger()
    for _ in range(10):
        QApplication.processEvents()
        time.sleep(0.01)
    document().waitForDone()

def read(name, *rect):
    picture = finish(source(name).read(Rect(*rect), eight_bits=True))[0]
    return bytes(picture.pixels), picture.digest

def write(name, title, rect, pixels, opaque, changed=None):
    edit = Edit(Rect(*rect), pixels, opaque, changed=changed)
    result, longest, total = finish(source(name).write(title, edit))
    document().waitForDone()
    return {"note": result, "longest": longest, "total": total}

def own(name, *rect):
    return bytes(named(name).pixelData(*rect))

def shown(*rect):
    document().refreshProjection()
    document().waitForDone()
    return bytes(document().pixelData(*rect))

def refusal(function):
    try:
        function()
    except EditingError as error:
        return [error.code, error.message, error.hint]
"""


def prepared(krita: Krita) -> Iterator[Krita]:
    """The body of the fixture ``stage``: Krita with the helpers above."""
    krita.run(STAGE, timeout=60)
    yield krita


def colours(width: int, height: int, alpha: int | None = 255) -> Pixels:
    """Every pixel another colour; RGBA."""
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 4), dtype=np.uint8)
    if alpha is not None:
        pixels[..., 3] = alpha
    return pixels


def bgra(pixels: Pixels) -> bytes:
    return bytes(pixels[..., [2, 1, 0, 3]].tobytes())


def as_pixels(data: bytes, width: int, height: int) -> Pixels:
    return np.frombuffer(data, np.uint8).reshape(height, width, 4)


def with_picture(krita: Krita, pixels: Pixels, x: int = 0, y: int = 0, **document: Any) -> None:
    """A document whose layer “source” shows these sRGB colours."""
    krita.new_document(320, 240, **document)
    height, width = pixels.shape[:2]
    krita.run(
        """
        data, x, y, width, height = arguments
        node = add_layer("source", b"", 0, 0, 0, 0)
        with scratch.Converter(scratch.SRGB, scratch.format_of(node)) as converter:
            node.setPixelData(QtCore.QByteArray(converter.convert(data, width, height)), x, y, width, height)
        document().refreshProjection()
        document().waitForDone()
        document().setActiveNode(node)
        """,
        bgra(pixels),
        x,
        y,
        width,
        height,
    )


def has_masks(krita: Krita) -> bool:
    """Krita 5.1 cannot make transparency masks from Python."""
    return bool(krita.run("hasattr(document(), 'createTransparencyMask')"))


def names(tree: Sequence[Sequence[Any]]) -> list[str]:
    return [str(node[0]) for node in tree]


def edit_pixels(width: int, height: int, alpha: int = 255) -> Pixels:
    """An edit whose right half changes nothing."""
    edit = np.zeros((height, width, 4), np.uint8)
    edit[:, : width // 2] = (10, 200, 30, alpha)
    return edit
