"""``plug-in-pullface-path``: pulls along the selected path's strokes, straight from GIMP's canvas."""

from __future__ import annotations

from typing import Any

from gi.repository import Gimp

from .. import obstacles
from . import answers
from .registering import new_procedure

NAME = "plug-in-pullface-path"


def create(plugin: Gimp.PlugIn) -> Gimp.Procedure:
    """The procedure, for GIMP."""
    return new_procedure(
        plugin,
        NAME,
        run,
        "Drag the features of a face along the selected path",
        "Each stroke of the path begins on a feature and ends where it shall go: draw it with the Paths tool, "
        "and begin the next stroke with Shift. The model, the crop, the steps and the strength are those of the "
        "layer's last pull.",
        "Pullface along _Path",
    )


def run(
    procedure: Gimp.Procedure,
    mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    data: Any,
) -> Any:
    """Called by GIMP."""
    try:
        obstacles.check()
        from ..host.paths import selected_pairs
        from ..host.source import only_layer
        from .pulling import pull_as_before

        source = only_layer(image, drawables)
        pulled = pull_as_before(source, selected_pairs(image))
    except Exception as error:
        return answers.failure(procedure, error)
    if pulled.note:
        Gimp.message(pulled.note)
    return answers.success(procedure)
