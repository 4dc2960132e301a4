"""Which programs the tests of an editor need, and which of them are missing (named as in Debian)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_PROGRAMS = {
    "krita": {"krita": "krita", "Xvfb": "xvfb", "xdotool": "xdotool", "import": "imagemagick"},
}
_SYSTEM_PYTHON = Path("/usr/bin/python3")


def missing(editor: str) -> list[str]:
    """Names of the packages that are to be installed before the tests of this editor can run."""
    packages = [package for program, package in _PROGRAMS[editor].items() if shutil.which(program) is None]
    if editor == "krita":
        if not _system_python_has("PyQt5") and not _system_python_has("PyQt6"):
            packages.append("python3-pyqt5")
        # Without its drivers Mesa draws nothing, and Krita falls back to its canvas without OpenGL.
        if not list(Path("/usr/lib").glob("*/dri/swrast_dri.so")) and not list(
            Path("/usr/lib").glob("*/libgallium*.so")
        ):
            packages.append("libgl1-mesa-dri")
    return packages


def apt_is_here() -> bool:
    """True on Debian and its relatives."""
    return shutil.which("apt-get") is not None


def _system_python_has(name: str) -> bool:
    """Krita uses the system's Python, which is not the one that runs this."""
    if not _SYSTEM_PYTHON.exists():
        return False
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
    answer = subprocess.run([str(_SYSTEM_PYTHON), "-I", "-c", code], capture_output=True, check=False)
    return answer.returncode == 0
