"""Which GIMP the tests drive: the installed one, or one inside a folder made by debootstrap."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from backend.editors.finding import version_in_metainfo
from tests.editors.display import missing_tools
from tests.editors.places import Place

_CONSOLE = re.compile(r"gimp-console-(3\.\d+)")


@dataclass(frozen=True)
class GimpPlace(Place):
    """One GIMP 3."""

    VARIABLE = "PULLFACE_GIMP"

    @property
    def series(self) -> str | None:
        """Such as ``"3.0"``: its programs and its folder of settings have this in their names. None without GIMP 3."""
        found = [
            match.group(1)
            for folder in ("usr/local/bin", "usr/bin")
            for file in sorted((self.system / folder).glob("gimp-console-3.*"))
            if (match := _CONSOLE.fullmatch(file.name))
        ]
        return found[-1] if found else None

    def program(self, window: bool) -> str:
        """The name of the program with a window, or of the one without."""
        return f"gimp{'' if window else '-console'}-{self.series}"

    def missing(self) -> str | None:
        """Why this GIMP cannot be driven here, in one sentence; None when it can."""
        tools = missing_tools()
        if tools:
            return f"not installed: {', '.join(tools)}"
        if self.series is None:
            if self.root is not None:
                return f"there is no GIMP 3 in {self.root}"
            old = any((Path(folder) / "gimp").exists() for folder in os.get_exec_path())
            text = "the installed GIMP is older than 3" if old else "not installed: GIMP 3"
            return f"{text} (PULLFACE_GIMP can name a folder made by tests/editors/debian_root.sh)"
        if not list(self.system.glob("usr/lib/*/girepository-1.0/Gimp-3.0.typelib")):
            return "GIMP's Python bindings are missing (Debian: gir1.2-gimp-3.0)"
        if not (self.system / "usr/lib/python3/dist-packages/gi").is_dir():
            return "Python finds no GObject bindings (Debian: python3-gi)"
        return self.unusable_root()

    def version(self) -> str:
        """Such as ``"3.0.4"``."""
        return (
            version_in_metainfo(self.system / "usr/share", "org.gimp.GIMP")
            or f"{self.series} (release unknown)"
        )
