"""Layers as an artist thinks of them: which can be pulled, which can simply be painted over, where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backend.editing.host import EditingError
from ..translation import tr

OPAQUE = 255


def identifier_of(node: Any) -> str:
    """A layer's id, which is saved in the document: hexadecimal with dashes."""
    return str(node.uniqueId().toString()).strip("{}")


def ancestors(node: Any) -> Iterator[Any]:
    """The groups around a layer, from the inside; the last one is the document's root."""
    parent = node.parentNode()
    while parent is not None:
        yield parent
        parent = parent.parentNode()


def root_of(node: Any) -> Any:
    """The topmost group above a layer; the layer itself when it has been taken out of its document."""
    top = node
    for top in ancestors(node):  # noqa: B007
        pass
    return top


def find(root: Any, identifier: str) -> Any | None:
    """The layer with this id below ``root``, or None."""
    for node in root.childNodes():
        if identifier_of(node) == identifier:
            return node
        found = find(node, identifier)
        if found is not None:
            return found
    return None


def check_editable(node: Any) -> None:
    """Raises ``EditingError`` (``bad_layer``) with a sentence for the artist when a layer cannot be pulled."""
    name = node.name()
    kind = node.type()
    if kind == "paintlayer":
        if node.animated():
            raise _refusal(
                tr("“{name}” is animated, and a pull edits one picture.", name=name),
                tr("Copy the frame into a layer of its own and select that."),
            )
    elif kind == "grouplayer":
        if node.passThroughMode():
            raise _refusal(
                tr("“{name}” is a pass-through group, which has no picture of its own.", name=name),
                tr("Switch its pass-through mode off, or select a layer in it."),
            )
    elif kind not in ("vectorlayer", "filelayer"):
        raise _refusal(*_not_a_picture(kind, name))
    for layer in (node, *ancestors(node)):
        if not layer.visible():
            raise _refusal(
                tr("“{name}” is hidden, so you would not see what you pull.", name=layer.name()),
                tr("Show it in the Layers docker."),
            )


def _refusal(message: str, hint: str) -> EditingError:
    return EditingError("bad_layer", message, hint)


def _not_a_picture(kind: str, name: str) -> tuple[str, str]:
    if kind.endswith("mask"):
        return tr("“{name}” is a mask, not a picture.", name=name), tr("Select the layer that it belongs to.")
    if kind == "clonelayer":
        return (
            tr("“{name}” is a clone, which has no pixels of its own.", name=name),
            tr("Select the layer that it was cloned from."),
        )
    if kind in ("filterlayer", "filllayer"):
        return (
            tr("“{name}” is a filter or fill layer, not a picture.", name=name),
            tr("Select a paint, group, vector or file layer."),
        )
    return (
        tr("“{name}” is of a kind that cannot be pulled.", name=name),
        tr("Select a paint, group, vector or file layer."),
    )


def can_be_covered(node: Any) -> bool:
    """Whether opaque pixels right above the layer look as if they were in it.

    Not so when it is blended, has a layer style, is clipped, or is a paint layer with masks: then what lies above
    would not get what Krita does to the layer itself.
    """
    plain = (
        node.blendingMode() == "normal"
        and node.opacity() == OPAQUE
        and not node.inheritAlpha()
        and not node.layerStyleToAsl()
    )
    if not plain:
        return False
    return node.type() != "paintlayer" or not any(mask.visible() for mask in node.childNodes())
