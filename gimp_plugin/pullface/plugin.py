"""What Pullface registers in GIMP."""

from __future__ import annotations

from collections.abc import Sequence

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gimp  # noqa: E402

from .procedures import along_path, dialog, drag  # noqa: E402

_PROCEDURES = {module.NAME: module.create for module in (dialog, along_path, drag)}


class PullfacePlugIn(Gimp.PlugIn):
    """One process of it runs for each call."""

    def do_set_i18n(self, name: str) -> bool:
        """Whether GIMP shall translate for us."""
        return False

    def do_query_procedures(self) -> list[str]:
        """The names of the procedures."""
        return list(_PROCEDURES)

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """One of them."""
        return _PROCEDURES[name](self)


def run_plugin(arguments: Sequence[str]) -> None:
    """Hands over to GIMP; returns when this process has done its work."""
    Gimp.main(PullfacePlugIn.__gtype__, list(arguments))
