"""What is kept in the picture: the record of a layer's pull, a parasite of that layer, saved with the .xcf."""

from __future__ import annotations

from gi.repository import Gimp

NAME = "pullface"

_FLAGS = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE


def load_record(layer: Gimp.Item) -> bytes:
    """What ``save_record`` kept for a layer; empty when there is nothing."""
    parasite = layer.get_parasite(NAME)
    return bytes(parasite.get_data()) if parasite is not None else b""


def save_record(image: Gimp.Image, layer: Gimp.Item, record: bytes) -> None:
    """Keeps a record with a layer; empty deletes it.

    The artist's undo shall not fill with it, so it is kept without a step of undo. Only where the picture has no
    unsaved change it is one, because GIMP would not save the picture otherwise.
    """
    if record == load_record(layer):
        return
    silent = image.is_dirty() and image.undo_freeze()
    try:
        if record:
            layer.attach_parasite(Gimp.Parasite.new(NAME, _FLAGS, record))
        else:
            layer.detach_parasite(NAME)
    finally:
        if silent:
            image.undo_thaw()
