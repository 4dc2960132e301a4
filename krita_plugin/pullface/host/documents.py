"""Documents, the selected layer, and what is kept in a document."""

from __future__ import annotations

from typing import Any

from krita import Krita

from ..backend.editing.host import EditingError
from ..qt import QtCore
from ..translation import tr
from .layers import find, identifier_of, root_of

ANNOTATION = "pullface"


def active_document() -> Any | None:
    """The document that the artist works on; None when none is open."""
    return Krita.instance().activeDocument()


def document_key(document: Any) -> str:
    """Tells documents apart while they are open; another one after the document is opened again."""
    root = document.rootNode()
    return identifier_of(root) if root is not None else ""


def open_document(key: str) -> Any | None:
    """The open document with this key, or None."""
    for document in Krita.instance().documents():
        root = document.rootNode()
        if root is not None and identifier_of(root) == key:
            return document
    return None


def selected_layer(document: Any) -> Any | None:
    """The layer that is selected in the Layers docker; None when there is none.

    Right after an action or a new layer Krita can still tell the one before: ask again on the event loop's next turn.
    """
    node = document.activeNode()
    if node is None or node.parentNode() is None:
        return None
    # Krita 5.1 can name a layer that has just been deleted.
    return node if identifier_of(root_of(node)) == document_key(document) else None


def layer(document: Any, identifier: str) -> Any | None:
    """The layer with this id, or None."""
    return find(document.rootNode(), identifier)


def load_record(document: Any, layer_identifier: str) -> bytes:
    """What ``save_record`` kept for a layer; empty when there is nothing."""
    name = _annotation(layer_identifier)
    if name not in document.annotationTypes():
        return b""
    return bytes(document.annotation(name))


def save_record(document: Any, layer_identifier: str, record: bytes) -> None:
    """Keeps a record in the document, one for each layer; it is saved with the document. Empty deletes it."""
    before = load_record(document, layer_identifier)
    if record == before:
        return
    if record:
        document.setAnnotation(_annotation(layer_identifier), "Pullface", QtCore.QByteArray(record))
    else:
        document.removeAnnotation(_annotation(layer_identifier))
    document.setModified(True)


def recorded_layers(document: Any) -> list[str]:
    """The ids of the layers that have a record; some of them may have been deleted."""
    prefix = _annotation("")
    return [name[len(prefix) :] for name in document.annotationTypes() if name.startswith(prefix)]


def _annotation(layer_identifier: str) -> str:
    return f"{ANNOTATION}-{layer_identifier}"


def closed_document() -> EditingError:
    """The error when a document was closed in the middle of something."""
    return EditingError("no_document", tr("The document has been closed."), tr("Open it again to go on."))


def deleted_layer(name: str) -> EditingError:
    """The error when a layer was deleted in the middle of something."""
    return EditingError(
        "no_layer",
        tr("The layer “{name}” has been deleted.", name=name),
        tr("Undo that in Krita, or select another layer."),
    )
