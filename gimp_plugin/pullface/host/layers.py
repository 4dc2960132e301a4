"""Which layers can be pulled, where they lie, and which can simply be painted over."""

from __future__ import annotations

from gi.repository import Gimp

from ..backend.editing.geometry import Rect
from ..backend.editing.host import EditingError

_NORMAL = (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)


def check_there(image: Gimp.Image, layer: Gimp.Item, name: str) -> None:
    """Raises ``EditingError`` when the image was closed or the layer deleted."""
    if not image.is_valid():
        raise EditingError("no_document", "The picture has been closed.", "Open it again to go on.")
    # A deleted layer lives on while undo can bring it back, but belongs to no picture.
    if not layer.is_valid() or layer.get_image() is None:
        raise EditingError(
            "no_layer",
            f"The layer “{name}” has been deleted.",
            "Undo that in GIMP, or select another layer.",
        )


def check_editable(image: Gimp.Image, layer: Gimp.Item) -> None:
    """Raises ``EditingError`` (``bad_layer``) with a sentence for the artist when a layer cannot be pulled."""
    name = layer.get_name()
    if layer.is_layer_mask() or layer.is_channel():
        raise _refusal(f"“{name}” is a mask or channel, not a picture.", "Select the layer with the face.")
    if not layer.is_layer():
        raise _refusal(f"“{name}” is not a layer.", "Select the layer with the face.")
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise _refusal(
            "The picture has a palette of indexed colours, which cannot hold what a pull makes.",
            "Convert it: Image > Mode > RGB.",
        )
    if layer.is_floating_sel():
        raise _refusal(
            f"“{name}” is a floating selection.", "Anchor it, or make a layer of it (Layer > To New Layer)."
        )
    shown: Gimp.Item | None = layer
    while shown is not None:
        if not shown.get_visible():
            raise _refusal(
                f"“{shown.get_name()}” is hidden, so you would not see what you pull.",
                "Show it in the Layers dialog.",
            )
        shown = shown.get_parent()


def rect_of(layer: Gimp.Layer) -> Rect:
    """The layer's rectangle in image space; it may reach beyond the canvas."""
    _, x, y = layer.get_offsets()
    return Rect(x, y, layer.get_width(), layer.get_height())


def can_be_covered(layer: Gimp.Layer) -> bool:
    """Whether opaque pixels right above the layer look as if they were in it.

    Not so when it is blended or has a mask or filters: what lies above would not get what GIMP does to the layer.
    """
    return (
        layer.get_mode() in _NORMAL
        and layer.get_opacity() >= 100.0
        and layer.get_mask() is None
        and not layer.get_filters()
    )


def _refusal(message: str, hint: str) -> EditingError:
    return EditingError("bad_layer", message, hint)
