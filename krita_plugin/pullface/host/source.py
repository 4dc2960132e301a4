"""One layer of one open document, as a pull sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..backend.editing.geometry import Point, Rect, Square
from ..backend.editing.host import (
    AreaOptions,
    Bytes,
    Edit,
    EditingError,
    LayerPicture,
    Mask,
    Slices,
)
from ..qt import Qt, QtCore, QtGui
from ..translation import title as tr_title
from ..translation import tr
from . import animation, documents, masks, reading, results
from .layers import check_editable, identifier_of, root_of
from .pixels import wire_format
from .scratch import format_of

THUMBNAIL = 96


class KritaSource:
    """Implements ``backend.editing.host.Source``.

    It holds on to the layer itself, so that it is found again when its deletion is undone, and looks up the document
    each time.

    Args:
        document: Krita's, open.
        node: a layer in it; whether it can be pulled is checked when it is used.

    Attributes:
        document_key: see ``documents.document_key``.
        layer_id: the layer's id, which is saved in the document.
    """

    def __init__(self, document: Any, node: Any) -> None:
        self._node = node
        self.document_key = documents.document_key(document)
        self.layer_id = identifier_of(node)
        self._name = str(node.name())

    @classmethod
    def selected(cls) -> KritaSource:
        """The selected layer of the active document.

        Raises:
            EditingError: ``no_document`` or ``no_layer``, or what ``check`` raises.
        """
        document = documents.active_document()
        if document is None:
            raise EditingError("no_document", tr("No document is open."), tr("Open a picture first."))
        node = documents.selected_layer(document)
        if node is None:
            raise EditingError(
                "no_layer", tr("No layer is selected."), tr("Select one in the Layers docker.")
            )
        source = cls(document, node)
        source.check()
        return source

    @property
    def name(self) -> str:
        """The layer's name."""
        self._name = str(self._node.name()) or self._name
        return self._name

    @property
    def deep(self) -> bool:
        """Whether the layer holds more than 8 bits a channel."""
        return format_of(self._node).depth != "U8"

    keeps_selection = False
    """A Krita document that is opened again has no selection."""

    def exists(self) -> bool:
        """Whether the document is open and the layer in it."""
        return self._document() is not None and self._attached()

    def check(self) -> None:
        """Raises ``EditingError`` with a sentence for the artist when the layer is gone or cannot be pulled."""
        self._check_there()
        check_editable(self._node)

    def bounds(self) -> Rect:
        """The layer's own pixels, image space; they may reach beyond the canvas. Empty when there are none."""
        self.check()
        bounds = self._node.bounds()
        return Rect(bounds.x(), bounds.y(), max(0, bounds.width()), max(0, bounds.height()))

    def selection_bounds(self) -> Rect | None:
        """What is selected in the document; None when nothing is."""
        return masks.selection_bounds(self._open_document())

    def read(self, rect: Rect, eight_bits: bool = False) -> Slices[LayerPicture]:
        """The layer's pixels in ``rect`` as sRGB; transparent where it has none."""
        self.check()
        return (yield from reading.read(self._node, rect, self._check_there, eight_bits))

    def for_screen(self, edit: Edit) -> Slices[Edit]:
        """The same edit with its pixels in 8 bits, too."""
        return (yield from reading.for_screen(edit, wire_format(format_of(self._node))))

    def movable(
        self, options: AreaOptions, pairs: Sequence[tuple[Point, Point]], crop: Square, rect: Rect
    ) -> Slices[Mask | None]:
        """The movable area as a mask over ``rect``; None = everything may move."""
        return (yield from masks.movable(self._open_document(), options, pairs, crop, rect))

    def write(self, title: str, edit: Edit) -> Slices[str | None]:
        """Puts the edit above the layer as a new group, in one undo step.

        Returns:
            What the artist has to know about it, or None.
        """
        self._check_there()
        return (
            yield from results.write(
                self._open_document(), self._node, tr_title(title), edit, self._check_there
            )
        )

    def write_animation(self, title: str, frames: Iterable[Edit | None], count: int) -> Slices[str | None]:
        """Puts a whole pull above the layer as an animated layer, in one undo step; see ``animation.write``."""
        self._check_there()
        document = self._open_document()
        return (
            yield from animation.write(
                document, self._node, tr_title(title), frames, count, self._check_there
            )
        )

    def thumbnail(self, width: int, height: int, rgb: Bytes) -> bytes:
        """A small PNG of an RGB uint8 picture, at most 96 px wide and high."""
        image = QtGui.QImage(bytes(rgb), width, height, width * 3, QtGui.QImage.Format.Format_RGB888)
        if max(width, height) > THUMBNAIL:
            image = image.scaled(
                THUMBNAIL,
                THUMBNAIL,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        png = QtCore.QByteArray()
        buffer = QtCore.QBuffer(png)
        buffer.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
        image.save(buffer, "PNG")
        buffer.close()
        return bytes(png)

    def load_record(self) -> bytes:
        """What ``save_record`` kept; empty when there is nothing."""
        return documents.load_record(self._open_document(), self.layer_id)

    def save_record(self, record: bytes) -> None:
        """Keeps a record in the document, so that it is saved with it; empty deletes it."""
        documents.save_record(self._open_document(), self.layer_id, record)

    def _document(self) -> Any | None:
        return documents.open_document(self.document_key)

    def _open_document(self) -> Any:
        document = self._document()
        if document is None:
            raise documents.closed_document()
        return document

    def _attached(self) -> bool:
        return identifier_of(root_of(self._node)) == self.document_key

    def _check_there(self) -> None:
        self._open_document()
        if not self._attached():
            raise documents.deleted_layer(self._name)
