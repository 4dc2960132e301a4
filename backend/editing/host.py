"""What an editor's plugin provides below a pull: reading a layer, the movable area, writing results, keeping a record.

Everything that could take longer than a few milliseconds is a generator (``Slices``): it does a little, yields None to
let the editor's event loop turn, and goes on; what it returns is its result. ``tasks.py`` runs them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from .geometry import Point, Rect, Square

T = TypeVar("T")
Slices = Generator[None, None, T]

Bytes = Any
"""bytes, bytearray or a contiguous memoryview of bytes."""

Movable = Literal["automatic", "selection", "crop"]
"""What may move. ``automatic``: the selection if there is one, else the area around the pairs."""

CropChoice = Literal["face", "layer", "selection", "drawn"]
"""How the crop is chosen. ``face`` is automatic: around a face that the backend finds; ``layer``: from its bounds."""

Depth = Literal["uint8", "float32"]
"""Of a pixel's values: 0 to 255, or sRGB's curve on 0 to 1 and beyond, for what more than 8 bits hold."""


class EditingError(Exception):
    """Something that the artist can put right.

    Attributes:
        code: for programs, e.g. ``no_layer``; the codes of ``backend.wire.errors`` where one fits.
        message: one plain sentence.
        hint: what to do.
        details: for *Copy details*; may be long.
    """

    def __init__(self, code: str, message: str, hint: str = "", details: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details


@dataclass(frozen=True)
class LayerPicture:
    """A layer's pixels as the model's world sees them.

    Attributes:
        rect: the part of the image that they cover.
        pixels: sRGB, RGBA, straight alpha, row by row.
        digest: changes with the pixels, the rect or the depth; hexadecimal.
        dtype: of the four values of a pixel.
    """

    rect: Rect
    pixels: Bytes = field(repr=False)
    digest: str
    dtype: Depth = "uint8"


@dataclass(frozen=True)
class Mask:
    """What may move: one byte a pixel, 255 = may, 0 = stays, soft between; row by row."""

    rect: Rect
    pixels: Bytes = field(repr=False)


@dataclass(frozen=True)
class AreaOptions:
    """How the movable area is made.

    Attributes:
        movable: where from.
        grow: px by which it is widened; negative shrinks.
        feather: px over which its edge is made soft.
    """

    movable: Movable = "automatic"
    grow: int = 0
    feather: int = 0


@dataclass(frozen=True)
class Edit:
    """The edit of one step as pixels to lay over the source.

    Attributes:
        rect: the part of the image that they cover.
        pixels: sRGB, RGBA, straight alpha; 0, 0, 0, 0 where the source is not changed.
        opaque: whether source and edit are opaque wherever the edit changes something, so that the pixels laid over
            the source show exactly the result.
        dtype: of the four values of a pixel.
        changed: one byte a pixel, above 0 where it differs from the source; None: where its alpha is not 0.
        shown: the pixels in 8 bits, for the screen; None: ``pixels`` are that.
    """

    rect: Rect
    pixels: Bytes = field(repr=False)
    opaque: bool = True
    dtype: Depth = "uint8"
    changed: Bytes | None = field(default=None, repr=False)
    shown: Bytes | None = field(default=None, repr=False)


class Source(Protocol):
    """One layer of one open document. Every method may raise ``EditingError``."""

    @property
    def name(self) -> str:
        """The layer's name, for people."""

    @property
    def deep(self) -> bool:
        """Whether the layer holds more than 8 bits a channel."""

    @property
    def keeps_selection(self) -> bool:
        """Whether the document's file holds its selection; where not, the record's mask stands in for it."""

    def exists(self) -> bool:
        """Whether document and layer are still there. Never raises."""

    def bounds(self) -> Rect:
        """The layer's own pixels, image space; empty when there are none. Raises when it cannot be edited."""

    def selection_bounds(self) -> Rect | None:
        """What is selected in the document; None when nothing is."""

    def read(self, rect: Rect, eight_bits: bool = False) -> Slices[LayerPicture]:
        """The layer's pixels in ``rect``; transparent where it has none.

        They are ``float32`` where the layer holds more than 8 bits, unless ``eight_bits`` are enough.
        """

    def for_screen(self, edit: Edit) -> Slices[Edit]:
        """The same edit with ``shown``, where its pixels have more than 8 bits."""

    def movable(
        self, options: AreaOptions, pairs: Sequence[tuple[Point, Point]], crop: Square, rect: Rect
    ) -> Slices[Mask | None]:
        """The movable area as a mask over ``rect``; None = everything may move.

        Args:
            options: how it is made. ``selection`` without a selection raises ``empty_selection``.
            pairs: (handle, target) of each, for ``automatic``.
            crop: that the model sees.
            rect: of the layer as it was read.
        """

    def write(self, title: str, edit: Edit) -> Slices[str | None]:
        """Puts the edit above the source as a new group, in one undo step; the source is not touched.

        Returns:
            a sentence for the artist where there is something to do (to hide the source), else None.
        """

    def write_animation(self, title: str, frames: Iterable[Edit | None], count: int) -> Slices[str | None]:
        """Puts a whole pull above the source as an animated layer, in one undo step.

        Args:
            title: for the group.
            frames: one edit a frame; None where nothing has come yet and the event loop should turn.
            count: how many edits will come.

        Returns:
            as ``write``.
        """

    def thumbnail(self, width: int, height: int, rgb: Bytes) -> bytes:
        """A small PNG of an RGB uint8 picture, at most 96 px wide and high."""

    def save_record(self, record: bytes) -> None:
        """Keeps the record in the document, so that it is saved with it; empty deletes it."""
