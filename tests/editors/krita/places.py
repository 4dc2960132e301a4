"""Which Krita the tests drive: the installed one, or one inside a folder made by debootstrap."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from backend.editors.finding import version_in_metainfo
from tests.editors.display import missing_tools
from tests.editors.places import Place


@dataclass(frozen=True)
class KritaPlace(Place):
    """One Krita."""

    VARIABLE = "PULLFACE_KRITA"

    def missing(self) -> str | None:
        """Why this Krita cannot be driven here, in one sentence; None when it can."""
        tools = missing_tools()
        if tools:
            return f"not installed: {', '.join(tools)}"
        if self.root is None:
            if shutil.which("krita") is None:
                return "not installed: krita"
            if not self._imports_qt():
                return "Krita's Python finds no PyQt (Debian: python3-pyqt5)"
            return None
        if not (self.root / "usr/bin/krita").exists():
            return f"there is no Krita in {self.root}"
        return self.unusable_root()

    def version(self) -> str:
        """Such as ``"5.1.5"``."""
        return version_in_metainfo(self.system / "usr/share", "org.kde.krita") or "of unknown version"

    def _imports_qt(self) -> bool:
        code = "import importlib.util as u; print(any(u.find_spec(n) for n in ('PyQt5', 'PyQt6')))"
        python = "/usr/bin/python3"
        if not Path(python).exists():
            return True  # Krita may bring its own; it will say so itself
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30, check=False)
        return answer.stdout.strip() == "True"
