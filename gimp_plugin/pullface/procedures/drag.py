"""``plug-in-pullface-drag``: a whole pull in one call, for Python, Script-Fu and batch use."""

from __future__ import annotations

from typing import Any

from gi.repository import Gimp, GObject

from .. import obstacles
from . import answers
from .registering import new_procedure

NAME = "plug-in-pullface-drag"

_READ_WRITE = GObject.ParamFlags.READWRITE
_HUGE = 2_000_000_000


def create(plugin: Gimp.PlugIn) -> Gimp.Procedure:
    """The procedure, for GIMP. Its ranges are wide, because GIMP would take the default in silence."""
    procedure = new_procedure(
        plugin,
        NAME,
        run,
        "Drag the features of a face to where they shall go",
        "Pulls each handle point to its target point and puts the result above the layer as a new layer group. "
        "The layer itself is not touched. What is selected may move; without a selection the area around the points.",
    )
    procedure.add_string_argument(
        "points",
        "_Points",
        "JSON: for each pair [[handle x, handle y], [target x, target y]], in pixels of the image",
        "[]",
        _READ_WRITE,
    )
    procedure.add_path_argument(
        "path", "P_ath", "Further pairs: each stroke from its handle to its target", True, _READ_WRITE
    )
    procedure.add_string_argument(
        "model", "_Model", "A model's name or file; empty for the default", "", _READ_WRITE
    )
    procedure.add_int_argument(
        "steps", "_Steps", "The most steps; 0 for the default", -_HUGE, _HUGE, 0, _READ_WRITE
    )
    procedure.add_double_argument(
        "strength",
        "S_trength",
        "0 to 1: how much may change for the sake of the points; -1 for the default",
        -1e9,
        1e9,
        -1.0,
        _READ_WRITE,
    )
    procedure.add_string_argument(
        "crop",
        "_Crop",
        "What the model sees: face, layer, selection, or x,y,size in pixels of the image",
        "face",
        _READ_WRITE,
    )
    procedure.add_string_argument(
        "movable",
        "Mo_vable",
        "What may move: automatic, selection or crop",
        "automatic",
        _READ_WRITE,
    )
    procedure.add_string_argument(
        "options",
        "_Options",
        "JSON with further settings for the backend; may be empty",
        "",
        _READ_WRITE,
    )
    procedure.add_group_layer_return_value("group", "Group", "The new layer group", True, _READ_WRITE)
    procedure.add_double_return_value(
        "distance",
        "Distance",
        "How far the handles are from their targets, in pixels",
        0,
        1e9,
        0,
        _READ_WRITE,
    )
    procedure.add_string_return_value(
        "note", "Note", "What there is to say about it; may be empty", "", _READ_WRITE
    )
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
        from ..host.paths import pairs_of
        from ..host.source import only_layer
        from .arguments import checked, parsed_points
        from .pulling import pull_to_its_end

        source = only_layer(image, drawables)
        pairs = parsed_points(config.get_property("points") or "")
        path = config.get_property("path")
        if path is not None:
            pairs += pairs_of(path)
        arguments = checked(
            pairs,
            config.get_property("model") or "",
            config.get_property("steps"),
            config.get_property("strength"),
            config.get_property("crop") or "",
            config.get_property("movable") or "automatic",
            config.get_property("options") or "",
        )
        pulled = pull_to_its_end(source, arguments)
    except Exception as error:
        return answers.failure(procedure, error)
    values = answers.success(procedure)
    answers.put(values, 1, Gimp.GroupLayer, pulled.group)
    answers.put(values, 2, float, pulled.distance)
    answers.put(values, 3, str, pulled.note)
    return values
