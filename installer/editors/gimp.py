"""``install.py editors`` for GIMP 3: installs the plug-in for every series, and asks GIMP whether it sees it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.editors.finding import FoundEditor, find_editors
from backend.editors.gimp import SCRIPT, GimpProfile, GimpRoot, gimp_roots, running_gimps, series_of
from backend.editors.gimp_menu import (
    Trouble,
    asked_by_gimp,
    fitting_python,
    installed_gimp,
    session_path,
    troubles,
)
from backend.editors.notes import MODULE
from installer.pip import clean_environment
from installer.progress import Progress
from installer.texts import InstallError

from .payload import assemble_for_gimp
from .wheels import Wheel

PATIENCE = 240.0
"""Seconds for GIMP's first start without a window, in which it asks all of its plug-ins."""

# Whose root a GIMP uses that was found in this way.
_ROOT_OF = {"native": "native", "AppImage": "native", "Flatpak": "Flatpak", "Snap": "Snap"}


@dataclass(frozen=True)
class Served:
    """The GIMPs to install for.

    Attributes:
        profiles: where to; a folder may still be missing.
        unready: GIMPs that have to be started once before, since only that makes their folder as it should be.
    """

    profiles: list[GimpProfile]
    unready: list[FoundEditor]


@dataclass(frozen=True)
class Installed:
    """What was done with one profile.

    Attributes:
        profile: which.
        updated: an older or the same version was there before.
        running: a GIMP runs with this profile and takes the plug-in at its next start.
        seen: GIMP has been asked and offers the plug-in; None when it could not be asked.
        troubles: what keeps it from the menu.
    """

    profile: GimpProfile
    updated: bool
    running: bool
    seen: bool | None
    troubles: list[Trouble]


def gimps_to_serve(
    editors: Sequence[FoundEditor] | None = None, roots: Sequence[GimpRoot] | None = None
) -> Served:
    """Every folder of a GIMP 3 that is there, and that of each installed GIMP 3.

    A GIMP that finds no folder of its own takes over the settings of an older one. So none is made for a GIMP that
    has not been started yet where there is something to take over.
    """
    places = gimp_roots() if roots is None else roots
    profiles = [profile for root in places for profile in root.profiles()]
    unready = []
    for editor in find_editors() if editors is None else editors:
        root = _root_of(editor, places)
        if root is None:
            continue
        if editor.version is None:
            unready += [] if root.profiles() else [editor]
            continue
        profile = root.profile(series_of(editor.version))
        if profile in profiles:
            continue
        if root.folder.is_dir() and any(entry.name[:1].isdigit() for entry in root.folder.iterdir()):
            unready.append(editor)
        else:
            profiles.append(profile)
    return Served(profiles, unready)


def _root_of(editor: FoundEditor, roots: Sequence[GimpRoot]) -> GimpRoot | None:
    """Where a GIMP 3 keeps its profiles; None for other editors."""
    if editor.name != "GIMP" or editor.too_old:
        return None
    kind = _ROOT_OF.get(editor.kind)
    if kind == "Flatpak" and roots[0].folder.is_dir():
        kind = "native"  # Flatpak lends its GIMP the common folder where there is one
    return next((root for root in roots if root.kind == kind), None)


def start_unready(served: Served) -> Served:
    """Let the installed ones among the unready GIMPs make their folders; the rest stays unready."""
    unready = [
        editor
        for editor in served.unready
        if (console := console_of(editor)) is None
        or not start_once([str(console)], "GIMP", "its first start")
    ]
    ready = [editor for editor in served.unready if editor not in unready]
    profiles = [*served.profiles]
    if ready:
        profiles += [each for each in gimps_to_serve(ready).profiles if each not in profiles]
    return Served(profiles, unready)


def install(
    profiles: Sequence[GimpProfile],
    wheels: Sequence[Wheel],
    fetched: Path,
    editors: Sequence[FoundEditor],
    running: Callable[[GimpProfile], Sequence[int]] = running_gimps,
) -> list[Installed]:
    """Install the plug-in into each profile, and ask the GIMPs of this system whether they see it.

    Args:
        profiles: where to.
        wheels: the libraries that go with it.
        fetched: the folder in which they lie.
        editors: all that were found on this machine.
        running: tells the process numbers of the GIMPs that use a profile.

    Raises:
        InstallError: it cannot be written.
    """
    done = []
    with tempfile.TemporaryDirectory(prefix="pullface-plugin-") as folder:
        assembled = Path(folder)
        assemble_for_gimp(assembled, wheels, fetched, os.environ.get("PULLFACE_HOME", ""))
        for profile in profiles:
            updated = profile.plugin_version() is not None
            put_into(profile, assembled, fitting_python(profile, editors))
            busy = bool(running(profile))
            editor = installed_gimp(profile, editors)
            console = console_of(editor) if editor is not None and not busy else None
            if console is not None:
                start_once([str(console)], f"GIMP {profile.series}", "asking it whether it sees Pullface")
            done.append(Installed(profile, updated, busy, asked_by_gimp(profile), troubles(profile, editors)))
    return done


def put_into(profile: GimpProfile, assembled: Path, python: str | None = None) -> None:
    """Install an assembled plug-in, in place of the one that may be there.

    Args:
        profile: where to.
        assembled: the folder that holds it.
        python: the Python that shall run it; None for the first python3 on GIMP's path.

    Raises:
        InstallError: the old one cannot be replaced.
    """
    plugin = profile.plugin
    # GIMP passes folders by whose name is not that of the file in them.
    new, old = plugin.with_name(f".{MODULE}.new"), plugin.with_name(f".{MODULE}.old")
    try:
        plugin.parent.mkdir(parents=True, exist_ok=True)
        for leftover in (new, old):
            _delete(leftover)
        # Complete beside it first, so that a full disk leaves the old one as it is.
        shutil.copytree(assembled / MODULE, new)
        if python is not None:
            _, _, code = (new / SCRIPT).read_text(encoding="utf-8").partition("\n")
            (new / SCRIPT).write_text(f"#!{python}\n{code}", encoding="utf-8", newline="\n")
        if plugin.exists() or plugin.is_symlink():
            os.replace(plugin, old)
        os.replace(new, plugin)
        _delete(old)
    except OSError as error:
        raise InstallError(
            f"The plug-in could not be written to {plugin.parent} ({error.strerror or error}).",
            "Close GIMP, make sure that you may write there, and run this again.",
        ) from error


def _delete(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def console_of(editor: FoundEditor) -> Path | None:
    """The program without a window that belongs to an installed GIMP; None where none is known."""
    if editor.kind != "native":
        return None
    ending = ".exe" if os.name == "nt" else ""
    series = [f"-{series_of(editor.version)}"] if editor.version else []
    for number in (*series, "-3", ""):
        for folder in (editor.place.parent, editor.place / "Contents/MacOS"):
            program = folder / f"gimp-console{number}{ending}"
            if program.is_file():
                return program
    return None


def start_once(console: Sequence[str], what: str, activity: str, patience: float = PATIENCE) -> bool:
    """Start GIMP without a window and let it end at once: it asks every new plug-in what it offers.

    Args:
        console: the program, with what has to stand before its own arguments.
        what: which GIMP, and why, for the progress.
        activity: see ``what``.
        patience: seconds after which it is ended.

    Returns:
        Whether it ended well.
    """
    progress = Progress(what)
    begun = time.monotonic()
    command = [*console, "--no-interface", "--no-data", "--no-fonts", "--quit"]
    variables = {**clean_environment(), "PATH": session_path()}
    try:
        with subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                while process.poll() is None and time.monotonic() < begun + patience:
                    progress.show(activity)
                    time.sleep(0.2)
            finally:
                if process.poll() is None:
                    process.kill()
        return process.returncode == 0
    except OSError:
        return False
    finally:
        progress.clear()
