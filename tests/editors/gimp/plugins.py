"""Puts plug-ins into a GIMP's HOME: the probes of the tests, and Pullface as the installer does it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from backend.editors.gimp import GimpProfile, gimp_roots
from installer.editors.payload import assemble_for_gimp
from tests.editors.libraries import fetched_wheels

from .places import GimpPlace

HERE = Path(__file__).resolve().parent
PROBES = ("pullface-probe", "pullface-caller")
"""Two alike: while one waits for a procedure that runs long, the other answers."""


def profile_of(home: Path, series: str) -> GimpProfile:
    """The profile of a GIMP with this HOME."""
    return gimp_roots({"HOME": str(home)}, "linux")[0].profile(series)


def install_probes(home: Path, profile: GimpProfile) -> Path:
    """Install the tests' own plug-ins; returns the folder for PYTHONPATH, which puts a probe into every plug-in."""
    folder = home / "probe"
    folder.mkdir(exist_ok=True)
    for file in (HERE / "probe/sitecustomize.py", HERE / "probe/gimp_probe.py"):
        shutil.copy(file, folder)
    for name in ("messages.py", "snippets.py"):
        shutil.copy(HERE.parent / name, folder)
    for name in PROBES:
        target = profile.plug_ins / name
        target.mkdir(parents=True, exist_ok=True)
        script = target / f"{name}.py"
        if not script.exists():
            shutil.copy(HERE / "probe/pullface-probe.py", script)
            script.chmod(0o755)
    return folder


def install_plugin(profile: GimpProfile) -> None:
    """Install Pullface with the installer's own code, for any Python on this system."""
    with tempfile.TemporaryDirectory(prefix="pullface-plugin-") as folder:
        assemble_for_gimp(Path(folder), *fetched_wheels())
        shutil.rmtree(profile.plugin, ignore_errors=True)
        shutil.copytree(Path(folder) / "pullface", profile.plugin)


def bring_answers(profile: GimpProfile, place: GimpPlace) -> None:
    """Give a new HOME what an earlier first start has asked all plug-ins; GIMP itself sees what is out of date."""
    if _kept(place).exists() and not (profile.folder / "pluginrc").exists():
        shutil.copy(_kept(place), profile.folder / "pluginrc")


def keep_answers(profile: GimpProfile, place: GimpPlace) -> None:
    """Keep the answers of all plug-ins, for which GIMP needs half a minute and more."""
    if _kept(place).exists() or not (profile.folder / "pluginrc").exists():
        return
    _kept(place).parent.mkdir(mode=0o700, exist_ok=True)
    part = _kept(place).with_suffix(f".{os.getpid()}")
    shutil.copy(profile.folder / "pluginrc", part)
    os.replace(part, _kept(place))


def _kept(place: GimpPlace) -> Path:
    folder = Path(tempfile.gettempdir()) / f"pullface-test-gimp-{os.getuid()}"
    return folder / f"{place.name}-{place.version()}.pluginrc"
