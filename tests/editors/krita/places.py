"""Which Krita the tests drive: the installed one, or one inside a folder made by debootstrap."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from backend.editors.finding import version_in_metainfo

from .display import missing_tools


@dataclass(frozen=True)
class KritaPlace:
    """One Krita.

    Attributes:
        root: a debootstrap folder with /proc, /dev and /tmp of this machine bound into it; None for the installed
            Krita.
    """

    root: Path | None = None

    @classmethod
    def chosen(cls) -> KritaPlace:
        """The one that the variable PULLFACE_KRITA names: empty for the installed one, else a folder."""
        folder = os.environ.get("PULLFACE_KRITA", "")
        return cls(Path(folder).resolve() if folder else None)

    def command(self, program: str, variables: dict[str, str], *arguments: str) -> list[str]:
        """How to run a program of that system with exactly these variables."""
        assignments = [f"{name}={value}" for name, value in variables.items()]
        if self.root is None:
            program = shutil.which(program) or program
        inside = ["env", "-i", *assignments, program, *arguments]
        return inside if self.root is None else ["chroot", str(self.root), *inside]

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
        if os.geteuid() != 0:
            return "Krita inside another folder (chroot) can be driven by root only"
        if not (self.root / "proc/self").exists():
            return f"/proc, /dev and /tmp are not bound into {self.root}"
        return None

    def version(self) -> str:
        """Such as ``"5.1.5"``."""
        return (
            version_in_metainfo((self.root or Path("/")) / "usr/share", "org.kde.krita")
            or "of unknown version"
        )

    def _imports_qt(self) -> bool:
        code = "import importlib.util as u; print(any(u.find_spec(n) for n in ('PyQt5', 'PyQt6')))"
        python = "/usr/bin/python3"
        if not Path(python).exists():
            return True  # Krita may bring its own; it will say so itself
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30, check=False)
        return answer.stdout.strip() == "True"
