"""Where GIMP 3 keeps its settings and its plug-ins, for each way in which it can be installed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .notes import MODULE, read_note
from .running import running

SCRIPT = f"{MODULE}.py"
"""The file that GIMP starts: it has to be named as its folder, and to be executable."""

_SERIES = re.compile(r"3\.\d+")


@dataclass(frozen=True)
class GimpProfile:
    """The settings and plug-ins of one series of GIMP: 3.0 and 3.2 have a folder each.

    Attributes:
        kind: ``"native"`` (AppImages too), ``"Flatpak"``, ``"Snap"`` or ``"Store"`` (Microsoft's).
        folder: its folder, named as the series, whether it is there yet or not.
    """

    kind: str
    folder: Path

    @property
    def series(self) -> str:
        """Such as ``"3.0"``."""
        return self.folder.name

    @property
    def plug_ins(self) -> Path:
        """The folder of plug-ins that GIMP looks into unless its settings say otherwise."""
        return self.folder / "plug-ins"

    @property
    def plugin(self) -> Path:
        """The plug-in's folder, whether it is there or not."""
        return self.plug_ins / MODULE

    @property
    def script(self) -> Path:
        """The file that GIMP starts."""
        return self.plugin / SCRIPT

    def plugin_version(self) -> str | None:
        """The version of the installed plug-in; ``"unknown"`` when it does not say, None without a plug-in."""
        return read_note(self.plugin).version if self.script.is_file() else None

    def plugin_home(self) -> str:
        """The PULLFACE_HOME of the installation that the plug-in belongs to; empty for the user's usual one."""
        return read_note(self.plugin).home


@dataclass(frozen=True)
class GimpRoot:
    """A folder named GIMP with one folder for each series in it.

    Attributes:
        kind: as in ``GimpProfile``.
        folder: whether it is there or not.
    """

    kind: str
    folder: Path

    def profile(self, series: str) -> GimpProfile:
        """The profile of a series, whether it is there or not."""
        return GimpProfile(self.kind, self.folder / series)

    def profiles(self) -> list[GimpProfile]:
        """Those that are there."""
        try:
            names = sorted(entry.name for entry in self.folder.iterdir() if entry.is_dir())
        except OSError:
            return []
        return [self.profile(name) for name in names if _SERIES.fullmatch(name)]


def series_of(version: str) -> str:
    """``"3.0"`` for ``"3.0.4"``: the name of that GIMP's folder."""
    return ".".join(version.split(".")[:2])


def gimp_profiles(
    variables: Mapping[str, str] | None = None, platform: str = sys.platform
) -> list[GimpProfile]:
    """Every profile of a GIMP 3 of this user that is there.

    Args:
        variables: the environment, which decides about the folders; by default this process's.
        platform: as ``sys.platform``.
    """
    return [profile for root in gimp_roots(variables, platform) for profile in root.profiles()]


def gimp_roots(variables: Mapping[str, str] | None = None, platform: str = sys.platform) -> list[GimpRoot]:
    """Where the profiles of this user's GIMPs are or would be, the common place first."""
    return list(_roots(os.environ if variables is None else variables, platform))


def _roots(variables: Mapping[str, str], platform: str) -> Iterator[GimpRoot]:
    home = Path(variables.get("USERPROFILE" if platform == "win32" else "HOME") or Path.home())
    if platform == "win32":
        local = _absolute(variables, "LOCALAPPDATA", home / "AppData/Local")
        yield GimpRoot("native", _absolute(variables, "APPDATA", home / "AppData/Roaming") / "GIMP")
        for package in sorted(local.glob("Packages/*GIMP*/LocalCache")):
            yield GimpRoot("Store", package / "Roaming/GIMP")
    elif platform == "darwin":
        yield GimpRoot("native", home / "Library/Application Support/GIMP")
    else:
        yield GimpRoot("native", _absolute(variables, "XDG_CONFIG_HOME", home / ".config") / "GIMP")
        yield GimpRoot("Flatpak", home / ".var/app/org.gimp.GIMP/config/GIMP")
        yield GimpRoot("Snap", home / "snap/gimp/current/.config/GIMP")


def _absolute(variables: Mapping[str, str], name: str, default: Path) -> Path:
    value = variables.get(name, "")
    return Path(value) if value and os.path.isabs(value) else default


def running_gimps(profile: GimpProfile) -> list[int]:
    """Process numbers of the GIMPs that may run with this profile; of whichever series they are.

    Where the system does not tell with which profile a GIMP runs, every one counts.
    """
    return running(
        r"gimp(-console)?(-3.*)?", lambda variables: profile.folder.parent in _folders_of(variables)
    )


def _folders_of(variables: Mapping[str, str]) -> set[Path]:
    """The folder of a running GIMP: sandboxes show themselves in its variables."""
    own = next(_roots(variables, "linux")).folder
    return {own, own.resolve()}
