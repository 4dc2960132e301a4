"""Where Krita keeps its settings and its plugins, for each way in which it can be installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import kritarc
from .notes import MODULE, read_note
from .running import running


@dataclass(frozen=True)
class KritaProfile:
    """The settings and resources that some Kritas of this user share.

    Attributes:
        kind: ``"native"`` (AppImages too), ``"Flatpak"``, ``"Snap"`` or ``"Store"`` (Microsoft's).
        settings: its kritarc, whether it is there yet or not.
        default_resources: its resource folder, unless the settings name another.
    """

    kind: str
    settings: Path
    default_resources: Path

    @property
    def resources(self) -> Path:
        """The resource folder that Krita really uses; the artist can move it. It may be missing."""
        moved = kritarc.read(self.settings).path("", "ResourceDirectory")
        return moved if moved is not None and moved.is_absolute() else self.default_resources

    @property
    def used(self) -> bool:
        """True when a Krita has been started with this profile."""
        return self.settings.is_file() or self.resources.is_dir()

    @property
    def plugin(self) -> Path:
        """The plugin's folder, whether it is there or not."""
        return self.resources / "pykrita" / MODULE

    def plugin_files(self) -> list[Path]:
        """What of the plugin is there: its folder, its description, its shortcuts."""
        resources = self.resources
        names = (f"pykrita/{MODULE}", f"pykrita/{MODULE}.desktop", f"actions/{MODULE}.action")
        return [resources / name for name in names if (resources / name).exists()]

    def plugin_version(self) -> str | None:
        """The version of the installed plugin; ``"unknown"`` when it does not say, None without a plugin."""
        return read_note(self.plugin).version if (self.plugin / "__init__.py").is_file() else None

    def plugin_home(self) -> str:
        """The PULLFACE_HOME of the installation that the plugin belongs to; empty for the user's usual one."""
        return read_note(self.plugin).home

    def plugin_enabled(self) -> bool:
        """True when Krita will load the plugin."""
        return kritarc.read(self.settings).value("python", f"enable_{MODULE}") == "true"


def krita_profiles(
    variables: Mapping[str, str] | None = None, platform: str = sys.platform
) -> list[KritaProfile]:
    """Every profile that a Krita of this user can have here, the common one first.

    Args:
        variables: the environment, which decides about the folders; by default this process's.
        platform: as ``sys.platform``.
    """
    return list(_profiles(os.environ if variables is None else variables, platform))


def _profiles(variables: Mapping[str, str], platform: str) -> Iterator[KritaProfile]:
    home = Path(variables.get("USERPROFILE" if platform == "win32" else "HOME") or Path.home())
    if platform == "win32":
        local = _absolute(variables, "LOCALAPPDATA", home / "AppData/Local")
        roaming = _absolute(variables, "APPDATA", home / "AppData/Roaming")
        yield KritaProfile("native", local / "kritarc", roaming / "krita")
        for package in sorted(local.glob("Packages/*Krita*/LocalCache")):
            yield KritaProfile("Store", package / "Local/kritarc", package / "Roaming/krita")
    elif platform == "darwin":
        library = home / "Library"
        yield KritaProfile("native", library / "Preferences/kritarc", library / "Application Support/krita")
    else:
        settings = _absolute(variables, "XDG_CONFIG_HOME", home / ".config")
        data = _absolute(variables, "XDG_DATA_HOME", home / ".local/share")
        yield KritaProfile("native", settings / "kritarc", data / "krita")
        flatpak = home / ".var/app/org.kde.krita"
        yield KritaProfile("Flatpak", flatpak / "config/kritarc", flatpak / "data/krita")
        snap = home / "snap/krita/current"
        yield KritaProfile("Snap", snap / ".config/kritarc", snap / ".local/share/krita")


def _absolute(variables: Mapping[str, str], name: str, default: Path) -> Path:
    value = variables.get(name, "")
    return Path(value) if value and os.path.isabs(value) else default


def running_kritas(profile: KritaProfile) -> list[int]:
    """Process numbers of the Kritas that run with this profile.

    Where the system does not tell with which profile a Krita runs, every one counts.
    """
    return running(r"krita(\.bin)?", lambda variables: profile.settings in _settings_of(variables))


def _settings_of(variables: Mapping[str, str]) -> set[Path]:
    """The kritarc of a running Krita: sandboxes show themselves in its folders' variables."""
    own = next(_profiles(variables, "linux")).settings
    return {own, own.resolve()}
