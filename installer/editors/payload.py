"""Everything that makes up a plug-in, put together as its editor wants to find it."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from backend import __version__
from backend.editors import gimp
from backend.editors.notes import MODULE, write_note
from installer.environment import ROOT
from installer.texts import InstallError

from .wheels import Wheel, unpack

BACKEND_PARTS = ("wire", "editing")
"""The parts of the backend that a plugin takes with it."""

_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def assemble(folder: Path, wheels: Sequence[Wheel], fetched: Path, home: str = "") -> None:
    """Make Krita's plugin in an empty folder: ``pullface/``, ``pullface.desktop``, ``pullface.action``.

    Args:
        folder: an existing, empty folder.
        wheels: the libraries that go with it.
        fetched: where they lie.
        home: the PULLFACE_HOME of this installation, which alone removes the plugin again.
    """
    source = ROOT / "krita_plugin"
    _fill(folder / MODULE, source / MODULE, wheels, fetched, home)
    for name in (f"{MODULE}.desktop", f"{MODULE}.action"):
        shutil.copy(source / name, folder / name)


def assemble_for_gimp(folder: Path, wheels: Sequence[Wheel], fetched: Path, home: str = "") -> None:
    """Make GIMP's plug-in in an empty folder: ``pullface/`` with ``pullface.py`` that can be executed.

    Args:
        folder, wheels, fetched, home: as for Krita's.
    """
    plugin = folder / MODULE
    _fill(plugin, ROOT / "gimp_plugin" / MODULE, wheels, fetched, home)
    script = plugin / gimp.SCRIPT
    script.chmod(0o755)
    # GIMP asks a plug-in what it offers only when this file has another date than when it last asked.
    os.utime(script)


def _fill(plugin: Path, source: Path, wheels: Sequence[Wheel], fetched: Path, home: str) -> None:
    shutil.copytree(source, plugin, ignore=_NOT_COPIED)
    for part in BACKEND_PARTS:
        shutil.copytree(ROOT / "backend" / part, plugin / "backend" / part, ignore=_NOT_COPIED)
    unpack(wheels, fetched, plugin / "vendor")
    shutil.copy(ROOT / "LICENSE", plugin / "LICENSE")
    write_note(plugin, __version__, home)


def put_into(resources: Path, assembled: Path) -> None:
    """Install an assembled plugin into a resource folder, in place of the one that may be there.

    Raises:
        InstallError: the old one cannot be replaced.
    """
    pykrita, actions = resources / "pykrita", resources / "actions"
    old, new = pykrita / f"{MODULE}.old", pykrita / f"{MODULE}.new"
    try:
        for made in (pykrita, actions):
            made.mkdir(parents=True, exist_ok=True)
        for leftover in (old, new):
            shutil.rmtree(leftover, ignore_errors=True)
        # Complete beside it first, so that a full disk leaves the old one as it is.
        shutil.copytree(assembled / MODULE, new)
        if (pykrita / MODULE).exists():
            os.replace(pykrita / MODULE, old)
        os.replace(new, pykrita / MODULE)
        shutil.rmtree(old, ignore_errors=True)
        shutil.copy(assembled / f"{MODULE}.desktop", pykrita)
        shutil.copy(assembled / f"{MODULE}.action", actions)
    except OSError as error:
        raise InstallError(
            f"The plugin could not be written to {pykrita} ({error.strerror or error}).",
            "Close Krita, make sure that you may write there, and run this again.",
        ) from error


def package(file: Path, assembled: Path) -> None:
    """Write the zip that Krita's own importer takes (Tools > Scripts > Import Python Plugin from File).

    The same content gives the same bytes.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.new")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        # The importer looks for this very entry.
        archive.writestr(_entry(f"{MODULE}/", 0o40755), b"")
        for path in sorted(assembled.rglob("*")):
            if path.is_file():
                name = path.relative_to(assembled).as_posix()
                archive.writestr(_entry(name, 0o100644), path.read_bytes())
    os.replace(temporary, file)


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = mode << 16
    return entry
