"""``plug-in-pullface``: opens the dialog."""

from __future__ import annotations

from typing import Any

from gi.repository import Gimp

from .. import obstacles
from . import answers
from .registering import new_procedure

NAME = "plug-in-pullface"


def create(plugin: Gimp.PlugIn) -> Gimp.Procedure:
    """The procedure, for GIMP."""
    return new_procedure(
        plugin,
        NAME,
        run,
        "Drag the features of a face",
        "Place points on the features of a face, drag them to where they shall go, and let a model pull. "
        "Scripts use plug-in-pullface-drag instead.",
        "Pull_face…",
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
        from ..backend.editing.host import EditingError
        from ..host.source import only_layer

        if mode == Gimp.RunMode.NONINTERACTIVE:
            raise EditingError(
                "bad_options",
                "Pullface's dialog needs somebody to use it.",
                "Call plug-in-pullface-drag from scripts.",
            )
        source = only_layer(image, drawables)
        from ..dialog import run_dialog

        run_dialog(image, source.layer)
    except Exception as error:
        return answers.failure(procedure, error)
    return answers.success(procedure)
