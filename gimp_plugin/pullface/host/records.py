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

    That is no step of the artist's undo, but makes the picture one that has to be saved.

    Args:
        image, layer: GIMP's.
        record: ASCII, as ``Record.to_bytes`` makes it: GIMP's bindings take no other bytes.
    """
    if record == load_record(layer):
        return
    frozen = image.undo_freeze()
    try:
        if record:
            layer.attach_parasite(Gimp.Parasite.new(NAME, _FLAGS, record))
        else:
            layer.detach_parasite(NAME)
    finally:
        if frozen:
            image.undo_thaw()
