"""Puts plugins into a Krita's HOME: the probe of the tests, and Pullface as the installer does it."""

from __future__ import annotations

import shutil
from pathlib import Path

from backend.editors import kritarc
from backend.editors.krita import KritaProfile, krita_profiles
from installer.editors import krita
from tests.editors.libraries import fetched_wheels

HERE = Path(__file__).resolve().parent


def pykrita(home: Path) -> Path:
    """The folder of plugins that a Krita with this HOME reads."""
    return profile_of(home).resources / "pykrita"


def keep_resources(resources: Path, folder: Path) -> None:
    """Keep what Krita's very first start has unpacked (brushes, their index): it takes ten seconds of every start."""
    shutil.copytree(resources, folder, ignore=shutil.ignore_patterns("pykrita", "actions"))


def bring_resources(folder: Path, resources: Path) -> None:
    """Give a new resource folder what ``keep_resources`` has kept."""
    shutil.copytree(folder, resources, dirs_exist_ok=True)


def install_probe(home: Path) -> None:
    """Copy the probe and the files that it shares with the driver and with other editors' probes."""
    shutil.copytree(HERE / "probe", pykrita(home), dirs_exist_ok=True)
    for name in ("messages.py", "snippets.py"):
        shutil.copy(HERE.parent / name, pykrita(home) / "pullface_probe" / name)


def install_plugin(home: Path) -> None:
    """Install Pullface with the installer's own code, for any Python on this system; kritarc is left to ``enable``."""
    profile = profile_of(home)
    wheels, folder = fetched_wheels()
    krita.install([profile], wheels, folder)


def profile_of(home: Path) -> KritaProfile:
    """The profile of a Krita with this HOME."""
    return krita_profiles({"HOME": str(home)}, "linux")[0]


def enable(home: Path, plugin: bool, opengl: bool, settings: dict[str, dict[str, str]]) -> None:
    """Write kritarc before the first start; later starts keep Krita's own lines and get these on top."""
    lines: dict[str, dict[str, str]] = {
        "": {"canvasState": "OPENGL_SUCCESS" if opengl else "OPENGL_FAILED"},
        "python": {"enable_pullface_probe": "true", **({"enable_pullface": "true"} if plugin else {})},
        "hello": {"showNews": "false"},
    }
    for group, values in settings.items():
        lines.setdefault(group, {}).update(values)
    file = profile_of(home).settings
    written = kritarc.read(file)
    for group, values in lines.items():
        for key, value in values.items():
            written.set(group, key, value)
    kritarc.write(file, written)
