"""``plug-in-pullface``: opens the dialog."""

from __future__ import annotations

from typing import Any

from gi.repository import Gimp

from .. import obstacles
from . import answers

NAME = "plug-in-pullface"


def create(plugin: Gimp.PlugIn) -> Gimp.Procedure:
    """The procedure, for GIMP."""
    procedure = Gimp.ImageProcedure.new(plugin, NAME, Gimp.PDBProcType.PLUGIN, run, None)
    procedure.set_image_types("RGB*, GRAY*, INDEXED*")
    procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
    procedure.set_menu_label("Pull_face…")
    procedure.add_menu_path("<Image>/Filters")
    procedure.set_documentation(
        "Drag the features of a face",
        "Place points on the features of a face, drag them to where they shall go, and let a model pull. "
        f"Scripts use {'plug-in-pullface-drag'} instead.",
        NAME,
    )
    procedure.set_attribution("Pullface", "Pullface", "2026")
    return procedure


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
