"""What every procedure is registered with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gi.repository import Gimp


def new_procedure(
    plugin: Gimp.PlugIn, name: str, run: Callable[..., Any], blurb: str, help_text: str, label: str = ""
) -> Gimp.ImageProcedure:
    """A procedure for one layer of an image.

    Args:
        plugin: whose it is.
        name: its name.
        run: is called by GIMP.
        blurb: what it does, in a few words.
        help_text: the same in sentences.
        label: its entry in *Filters*, with a letter underlined; empty for none.
    """
    procedure = Gimp.ImageProcedure.new(plugin, name, Gimp.PDBProcType.PLUGIN, run, None)
    # Indexed images as well: an entry that can be chosen and says why is better than a grey one.
    procedure.set_image_types("RGB*, GRAY*, INDEXED*")
    procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
    procedure.set_documentation(blurb, help_text, name)
    procedure.set_attribution("Pullface", "Pullface", "2026")
    if label:
        procedure.set_menu_label(label)
        procedure.add_menu_path("<Image>/Filters")
    return procedure
