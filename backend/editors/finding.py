"""Finds Krita and GIMP: installed natively, as Flatpak, Snap or AppImage (standard library only)."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"(\d+\.\d+(?:\.\d+)*)")
_APPLICATIONS = {"Krita": "org.kde.krita", "GIMP": "org.gimp.GIMP"}
_COMMANDS = {"Krita": ("krita",), "GIMP": ("gimp-3.2", "gimp-3.0", "gimp-3", "gimp")}
OLDEST = {"Krita": (5, 1), "GIMP": (3, 0)}
"""First version of each editor that the plugins can run in."""


@dataclass(frozen=True)
class FoundEditor:
    """An editor on this machine.

    Attributes:
        name: ``"Krita"`` or ``"GIMP"``.
        kind: ``"native"``, ``"Flatpak"``, ``"Snap"`` or ``"AppImage"``.
        place: the program or its folder.
        version: such as ``"5.2.9"``; None where asking would take long.
    """

    name: str
    kind: str
    place: Path
    version: str | None

    @property
    def too_old(self) -> bool:
        """True when the version is known and older than the plugins need."""
        if self.version is None:
            return False
        numbers = tuple(int(part) for part in self.version.split("."))
        return numbers[:2] < OLDEST[self.name]


def find_editors() -> list[FoundEditor]:
    """All Kritas and GIMPs that this user can start, without starting them at length (15 s each at most)."""
    found: list[FoundEditor] = []
    for name in ("Krita", "GIMP"):
        found += _native(name)
        found += _flatpak(name, flatpak_roots())
        found += _snap(name)
        found += _app_images(name, app_image_folders())
    return found


def _native(name: str) -> Iterator[FoundEditor]:
    seen: set[Path] = set()
    for command in _COMMANDS[name]:
        program = shutil.which(command)
        if program is None or "/snap/" in program or "flatpak" in program:
            continue
        real = Path(program).resolve()
        if real not in seen:
            seen.add(real)
            # Without a display Krita does not even tell its version.
            version = version_in_metainfo(real.parents[1] / "share", _APPLICATIONS[name])
            yield FoundEditor(name, "native", Path(program), version or _asked([program, "--version"]))
    for place in _native_places(name):
        if place.exists() and place.resolve() not in seen:
            yield FoundEditor(name, "native", place, _version_in(place.name) or _version_of_app(place))


def _native_places(name: str) -> Sequence[Path]:
    if sys.platform == "darwin":
        folders = (Path("/Applications"), Path.home() / "Applications")
        return sorted(place for folder in folders for place in folder.glob(f"{name}*.app"))
    if sys.platform == "win32":
        variables = ("ProgramFiles", "ProgramW6432", "LOCALAPPDATA")
        roots = {os.environ[variable] for variable in variables if variable in os.environ}
        patterns = {
            "Krita": ("Krita*/bin/krita.exe",),
            "GIMP": ("GIMP 3*/bin/gimp-3.*.exe", "Programs/GIMP 3*/bin/gimp-3.*.exe"),
        }
        return sorted(
            place for root in roots for pattern in patterns[name] for place in Path(root).glob(pattern)
        )
    return ()


def _version_of_app(place: Path) -> str | None:
    """From the description in an application of macOS."""
    try:
        described = plistlib.loads((place / "Contents/Info.plist").read_bytes())
    except (OSError, ValueError, plistlib.InvalidFileException):
        return None
    return _version_in(str(described.get("CFBundleShortVersionString", "")))


def flatpak_roots() -> list[Path]:
    """Where Flatpak keeps its applications: the user's and the system's."""
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return [Path(data) / "flatpak/app", Path("/var/lib/flatpak/app")]


def _flatpak(name: str, roots: Sequence[Path]) -> Iterator[FoundEditor]:
    application = _APPLICATIONS[name]
    for root in roots:
        folder = root / application
        if (folder / "current").exists():
            version = version_in_metainfo(folder / "current/active/files/share", application)
            yield FoundEditor(name, "Flatpak", folder, version)


def version_in_metainfo(share: Path, application: str) -> str | None:
    """The newest release in the metadata that a package ships below its ``share``; quicker than any program."""
    for folder in ("metainfo", "appdata"):
        for file in sorted(share.glob(f"{folder}/{application}*.xml")):
            released = re.search(r'<release\b[^>]*\bversion="([^"]+)"', file.read_text("utf-8", "replace"))
            if released:
                return _version_in(released.group(1))
    return None


def _snap(name: str) -> Iterator[FoundEditor]:
    folder = Path("/snap") / name.lower() / "current"
    if folder.exists():
        yield FoundEditor(name, "Snap", folder, None)


def app_image_folders() -> list[Path]:
    """Where people keep AppImages."""
    home = Path.home()
    names = ("Applications", "Downloads", "Desktop", "bin", ".local/bin", "AppImages", "Apps")
    return [home / name for name in names] + [Path("/opt")]


def _app_images(name: str, folders: Sequence[Path]) -> Iterator[FoundEditor]:
    if not sys.platform.startswith("linux"):
        return
    for folder in folders:
        try:
            files = sorted(folder.iterdir())
        except OSError:
            continue
        for file in files:
            lowered = file.name.lower()
            if lowered.startswith(name.lower()) and lowered.endswith(".appimage"):
                yield FoundEditor(name, "AppImage", file, _version_in(file.name))


def _asked(command: Sequence[str]) -> str | None:
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return _version_in(answer.stdout)


def _version_in(text: str) -> str | None:
    found = _VERSION.search(text)
    return found.group(1) if found else None
