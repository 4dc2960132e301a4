"""Which programs the tests of an editor need, and which of them are missing (named as in Debian)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

EDITORS = ("krita", "gimp")
"""Those that the tests can drive."""

ROOT_OF = {"krita": "PULLFACE_KRITA", "gimp": "PULLFACE_GIMP"}
"""The variables that name a folder with another system, whose editor is driven instead of the installed one."""

_SCREEN = {"Xvfb": "xvfb", "xdotool": "xdotool", "import": "imagemagick"}
_SYSTEM_PYTHON = Path("/usr/bin/python3")
_GIMP = ("gimp", "python3-gi", "gir1.2-gimp-3.0")


def missing(editor: str) -> list[str]:
    """Names of the packages that are to be installed before the tests of this editor can run."""
    packages = [package for program, package in _SCREEN.items() if shutil.which(program) is None]
    if os.environ.get(ROOT_OF[editor]):
        return packages
    return packages + (_of_krita() if editor == "krita" else _of_gimp())


def _of_krita() -> list[str]:
    packages = [] if shutil.which("krita") else ["krita"]
    if not _system_python_has("PyQt5") and not _system_python_has("PyQt6"):
        packages.append("python3-pyqt5")
    # Without its drivers Mesa draws nothing, and Krita falls back to its canvas without OpenGL.
    if not list(Path("/usr/lib").glob("*/dri/swrast_dri.so")) and not list(
        Path("/usr/lib").glob("*/libgallium*.so")
    ):
        packages.append("libgl1-mesa-dri")
    return packages


def _of_gimp() -> list[str]:
    here = any(file for folder in os.get_exec_path() for file in Path(folder).glob("gimp-console-3.*"))
    packages = [] if here else ["gimp"]
    if not _system_python_has("gi"):
        packages.append("python3-gi")
    if not list(Path("/usr/lib").glob("*/girepository-1.0/Gimp-3.0.typelib")):
        packages.append("gir1.2-gimp-3.0")
    return packages


def apt_is_here() -> bool:
    """True on Debian and its relatives."""
    return shutil.which("apt-get") is not None


def too_old_here(packages: list[str]) -> bool:
    """True where apt knows no GIMP 3, which is wanted."""
    if not set(_GIMP) & set(packages):
        return False
    command = ["apt-cache", "policy", "gir1.2-gimp-3.0"]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    offered = [
        line.split()[1] for line in answer.stdout.splitlines() if line.strip().startswith("Candidate:")
    ]
    return offered in ([], ["(none)"])


def _system_python_has(name: str) -> bool:
    """Editors use the system's Python, which is not the one that runs this."""
    if not _SYSTEM_PYTHON.exists():
        return False
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
    answer = subprocess.run([str(_SYSTEM_PYTHON), "-I", "-c", code], capture_output=True, check=False)
    return answer.returncode == 0
