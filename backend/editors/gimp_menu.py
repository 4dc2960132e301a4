"""Why Pullface is, or is not, in the menu of a GIMP: GIMP itself passes over what it cannot use, mostly in silence."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .finding import FoundEditor
from .gimp import SCRIPT, GimpProfile, series_of
from .notes import MODULE

AGAIN = "Run: python3 install.py editors"
_SYSTEM_PYTHON = "/usr/bin/python3"
_BINDINGS = (
    "Debian and Ubuntu: sudo apt install python3-gi gir1.2-gimp-3.0; Fedora: sudo dnf install python3-gobject"
)

# Runs in the Python that GIMP starts plug-ins with.
_QUESTIONS = """
import json, sys
told = {"python": sys.executable, "gi": "", "gimp": "", "pullface": [], "way": ""}
try:
    import gi
except Exception as error:
    told["gi"] = str(error)
else:
    try:
        gi.require_version("Gimp", "3.0")
    except Exception as error:
        told["gimp"] = str(error)
sys.path.append(sys.argv[1])
try:
    from pullface import obstacles
except Exception as error:
    told["pullface"] = ["A part of Pullface is missing (%s)." % error, ""]
else:
    try:
        obstacles.check()
    except Exception as error:
        told["pullface"] = [getattr(error, "message", str(error)), getattr(error, "hint", "")]
    else:
        from pullface.backend.wire.transport import open_transport
        transport = open_transport("tcp://127.0.0.1:9")
        told["way"] = transport.name
        transport.close()
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Trouble:
    """One reason why Pullface is not in the menu or does not work there.

    Attributes:
        text: what was found.
        advice: what to do.
    """

    text: str
    advice: str


def troubles(profile: GimpProfile, editors: Sequence[FoundEditor]) -> list[Trouble]:
    """What keeps Pullface out of the menu of a profile's GIMP; empty when nothing is known.

    Args:
        profile: with the plug-in or without.
        editors: all that were found on this machine.
    """
    if not profile.script.is_file():
        return [_misplaced(profile) or Trouble(f"it is not there: {profile.plugin}", AGAIN)]
    found = list(_of_the_files(profile))
    asked = asked_by_gimp(profile)
    editor = installed_gimp(profile, editors)
    if editor is not None and sys.platform.startswith("linux"):
        found += _of_the_python(profile, editor.place, proven=asked is True)
    if asked is False and not found:
        text = "GIMP has asked it what it offers and got no answer"
        advice = f"Start GIMP in a terminal and look for lines with {SCRIPT}. {AGAIN}"
        found.append(Trouble(text, advice))
    return found


def way_to_the_backend(profile: GimpProfile, editors: Sequence[FoundEditor]) -> str:
    """How the installed plug-in would reach the backend: by pyzmq, or by Python's sockets and why; empty if unknown."""
    editor = installed_gimp(profile, editors)
    python = _named_python(profile) if editor is not None and sys.platform.startswith("linux") else None
    told = _ask(python, profile, editor.place) if python is not None and editor is not None else None
    return str(told["way"]) if told is not None else ""


def without_folder(profiles: Sequence[GimpProfile], editors: Sequence[FoundEditor]) -> list[Trouble]:
    """The GIMPs whose series has no folder yet: installed anew, or moved on from 3.0 to 3.2."""
    there = {profile.series for profile in profiles}
    having = sorted({profile.series for profile in profiles if profile.script.is_file()})
    series = {series_of(each.version) for each in editors if _usable(each) and each.version}
    elsewhere = f", only in that of GIMP {' and '.join(having)}" if having else ""
    return [
        Trouble(
            f"not in the menu of GIMP {each}: its own folder of plug-ins has no Pullface{elsewhere}", AGAIN
        )
        for each in sorted(series - there)
    ]


def installed_gimp(profile: GimpProfile, editors: Sequence[FoundEditor]) -> FoundEditor | None:
    """The GIMP of this system itself (no sandbox, no AppImage) that uses a profile; None where there is none."""
    if profile.kind != "native":
        return None
    for editor in editors:
        version = editor.version if editor.kind == "native" and _usable(editor) else None
        if version and series_of(version) == profile.series:
            return editor
    return None


def asked_by_gimp(profile: GimpProfile) -> bool | None:
    """Whether GIMP knows what the plug-in offers, from its own notes.

    Returns:
        True: it has asked this very version, which answered; False: it has asked and got nothing; None: it will ask
        at its next start.
    """
    file = profile.folder / "pluginrc"
    try:
        notes = file.read_bytes().decode("utf-8", "replace")
        written, script = file.stat(), profile.script.stat()
    except OSError:
        return None
    for entry in notes.split('(plug-in-def "')[1:]:
        name, _, rest = entry.partition('"')
        if name.replace("\\\\", "/").endswith(f"plug-ins/{MODULE}/{SCRIPT}"):
            noted = re.match(r"\s*(\d+)", rest)
            if noted is not None and int(noted.group(1)) == int(script.st_mtime):
                return "(proc-def " in rest
    # What gave no answer is not noted at all. A copied file can be older than it has been here.
    return False if written.st_mtime > max(script.st_mtime, script.st_ctime) else None


def session_path() -> str:
    """PATH as a desktop session has it: without the virtual environment of this terminal."""
    own = os.environ.get("VIRTUAL_ENV", "")
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not own or folder != os.path.join(own, "bin"))


def _usable(editor: FoundEditor) -> bool:
    return editor.name == "GIMP" and not editor.too_old


def _misplaced(profile: GimpProfile) -> Trouble | None:
    """The plug-in under a name or at a place where GIMP does not look."""
    try:
        entries = sorted(profile.plug_ins.iterdir())
    except OSError:
        return None
    for entry in entries:
        if entry.name == SCRIPT:
            text = f"{entry} lies in the folder of plug-ins itself: GIMP 3 wants it in a folder {MODULE}"
            return Trouble(text, AGAIN)
        if entry.is_dir() and entry != profile.plugin and (entry / SCRIPT).is_file():
            text = (
                f"the folder {entry} has a wrong name: GIMP wants it to be named as the file in it, {MODULE}"
            )
            return Trouble(text, f"Delete that folder. {AGAIN}")
        if entry.is_dir() and (entry / MODULE / SCRIPT).is_file():
            text = f"{entry / MODULE} lies one folder too deep: GIMP looks for {profile.plugin}"
            return Trouble(text, f"Delete {entry}. {AGAIN}")
    return None


def _of_the_files(profile: GimpProfile) -> Iterator[Trouble]:
    script = profile.script
    if os.name == "posix" and not script.stat().st_mode & 0o111:
        yield Trouble(f"{script} is not executable, so GIMP passes it over", f"Run: chmod +x '{script}'")
    elif hasattr(os, "statvfs") and os.statvfs(script).f_flag & getattr(os, "ST_NOEXEC", 0):
        text = f"{profile.plugin} lies on a disk from which no program may be started (noexec)"
        yield Trouble(text, "Mount it without noexec, or move GIMP's folder to another disk.")
    for part in ("backend/wire", "backend/editing", "vendor"):
        if not (profile.plugin / part).is_dir():
            yield Trouble(f"it is not complete: {profile.plugin / part} is missing", AGAIN)
            break
    places = _plug_in_path(profile)
    if places is not None and profile.plug_ins not in places:
        text = f"GIMP's settings name other folders of plug-ins, without {profile.plug_ins}"
        yield Trouble(text, "Add it in GIMP: Edit > Preferences > Folders > Plug-ins.")


def _plug_in_path(profile: GimpProfile) -> list[Path] | None:
    """The folders that the artist has chosen; None where GIMP's own choice stands."""
    try:
        settings = (profile.folder / "gimprc").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = re.findall(r'^\(plug-in-path "([^"]*)"\)', settings, re.MULTILINE)
    if not lines:
        return None
    named = lines[-1].replace("${gimp_dir}", str(profile.folder)).replace("\\\\", "\\")
    return [Path(os.path.normpath(os.path.expanduser(place))) for place in named.split(os.pathsep) if place]


def fitting_python(profile: GimpProfile, editors: Sequence[FoundEditor]) -> str | None:
    """The Python to name in the plug-in where the first python3 on the path would not do; None where it does.

    GIMP's bindings belong to the distribution's own Python; pyenv, conda and others put theirs before it.
    """
    editor = installed_gimp(profile, editors)
    first = shutil.which("python3", path=session_path())
    if editor is None or not sys.platform.startswith("linux") or not Path(_SYSTEM_PYTHON).exists():
        return None
    if first is not None and _has_bindings(_ask(first, profile, editor.place)):
        return None
    return _SYSTEM_PYTHON if _has_bindings(_ask(_SYSTEM_PYTHON, profile, editor.place)) else None


def _of_the_python(profile: GimpProfile, program: Path, proven: bool) -> Iterator[Trouble]:
    """What is wrong with the Python that an installed GIMP on Linux starts the plug-in with.

    Args:
        proven: GIMP has got an answer from the plug-in, so that the Python itself must be right.
    """
    python = _named_python(profile)
    if python is None:
        yield Trouble("GIMP starts plug-ins with python3, which is not there", f"Install it. {_BINDINGS}")
        return
    told = _ask(python, profile, program)
    if told is None:
        yield Trouble(f"the Python that GIMP starts plug-ins with does not run: {python}", _BINDINGS)
    elif not _has_bindings(told) and not proven:
        text = f"the Python that GIMP starts it with, {python}, lacks GIMP's bindings: {told['gi'] or told['gimp']}"
        system = _ask(_SYSTEM_PYTHON, profile, program) if Path(_SYSTEM_PYTHON).exists() else None
        yield Trouble(text, AGAIN if _has_bindings(system) else _BINDINGS)
    elif told["pullface"] and _has_bindings(told):
        text, advice = told["pullface"]
        yield Trouble(f"{text} (in GIMP's Python, {told['python']})", advice or AGAIN)


def _named_python(profile: GimpProfile) -> str | None:
    """The Python that the plug-in's first line names; None when it is not on the path."""
    with open(profile.script, encoding="utf-8", errors="replace") as file:
        named = file.readline().removeprefix("#!").strip()
    return shutil.which("python3", path=session_path()) if named.endswith("env python3") else named


def _has_bindings(told: dict[str, Any] | None) -> bool:
    return told is not None and not told["gi"] and not told["gimp"]


def _ask(python: str, profile: GimpProfile, program: Path) -> dict[str, Any] | None:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    typelibs = str(program.resolve().parents[1] / "lib/girepository-1.0")  # as GIMP's own python.env has it
    variables["GI_TYPELIB_PATH"] = os.pathsep.join(
        [*variables.get("GI_TYPELIB_PATH", "").split(os.pathsep), typelibs]
    )
    try:
        command = [python, "-B", "-c", _QUESTIONS, str(profile.plug_ins)]
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=True, env=variables, cwd="/"
        )
        told = json.loads(answer.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return told if isinstance(told, dict) else None
