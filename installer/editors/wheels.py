"""The libraries that travel inside a plugin: which ones, fetched and checked, unpacked."""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.environment import REQUIREMENTS, lock_text
from installer.pip import Outcome
from installer.progress import Progress
from installer.texts import InstallError

Download = Callable[[Sequence[str], Progress], Outcome]
"""Runs ``pip download`` with these arguments."""

_COMPILED = (".so", ".pyd", ".dylib", ".dll")
SYSTEMS = ("linux-x86_64", "linux-aarch64", "windows-x86_64", "macos")
"""The systems for which there are copies, named as ``krita_plugin/pullface/vendored.py`` names them."""


@dataclass(frozen=True)
class Wheel:
    """One line of ``requirements/plugin.lock``.

    Attributes:
        file: the wheel's file name, which holds everything else that is to be known.
        sha256: of its content, in hexadecimal.
    """

    file: str
    sha256: str

    @property
    def _parts(self) -> list[str]:
        return self.file.removesuffix(".whl").split("-")

    @property
    def name(self) -> str:
        """The package."""
        return self._parts[0]

    @property
    def version(self) -> str:
        """The package's version."""
        return self._parts[1]

    @property
    def python(self) -> str:
        """Such as ``cp311``."""
        return self._parts[2]

    @property
    def system(self) -> str:
        """One of ``SYSTEMS``."""
        tag = self._parts[4]
        if tag.startswith("macosx"):
            return "macos"
        if tag == "win_amd64":
            return "windows-x86_64"
        return f"linux-{'aarch64' if tag.endswith('aarch64') else 'x86_64'}"

    @property
    def everywhere(self) -> bool:
        """True when only its plain Python files are taken, which run on every system."""
        return self.name == "msgpack"

    @property
    def folder(self) -> str:
        """Where it is unpacked to, below the plugin's ``vendor``."""
        return "any" if self.everywhere else f"{self.python}-{self.system}"

    @property
    def pip_arguments(self) -> list[str]:
        """How pip is told to fetch exactly this file, on whatever system it runs itself."""
        python = f"3.{self.python.removeprefix('cp3')}"
        where = ["--platform", self._parts[4].split(".")[-1], "--python-version", python]
        return [f"{self.name}=={self.version}", *where, "--implementation", "cp", "--abi", self._parts[3]]


def locked(requirements: Path = REQUIREMENTS) -> list[Wheel]:
    """All wheels of ``plugin.lock``."""
    lines = (line.split() for line in lock_text("plugin.lock", requirements).splitlines())
    return [Wheel(file, sha256) for sha256, file in lines]


def chosen(systems: Sequence[str], wheels: Sequence[Wheel] | None = None) -> list[Wheel]:
    """The wheels for some systems, those for every system included."""
    return [
        wheel
        for wheel in (locked() if wheels is None else wheels)
        if wheel.everywhere or wheel.system in systems
    ]


def this_system() -> str | None:
    """This machine's name among ``SYSTEMS``; None when there is no copy for it."""
    if sys.platform == "darwin":
        return "macos"
    machine = platform.machine().lower()
    processor = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    name = f"{'windows' if sys.platform == 'win32' else 'linux'}-{processor}"
    return name if name in SYSTEMS else None


def fetch(wheels: Sequence[Wheel], folder: Path, download: Download, log: Path) -> None:
    """Have all wheels in a folder; what lies there whole is not fetched again.

    Raises:
        InstallError: one could not be fetched, or is not what the lock says.
    """
    progress = Progress("Plugin libraries")
    missing = [wheel for wheel in wheels if not _whole(folder / wheel.file, wheel)]
    folder.mkdir(parents=True, exist_ok=True)
    for number, wheel in enumerate(missing, 1):
        (folder / wheel.file).unlink(missing_ok=True)
        progress.show(f"fetching {number} of {len(missing)}", wheel.folder)
        outcome = download([*wheel.pip_arguments, "--no-deps", "--dest", str(folder)], progress)
        if not outcome.ok:
            progress.clear()
            raise outcome.error(log)
        if not _whole(folder / wheel.file, wheel):
            (folder / wheel.file).unlink(missing_ok=True)
            progress.clear()
            raise InstallError(
                f"The package source offers another file than the {wheel.name} {wheel.version} that was tested.",
                f"Try again, or use another package source. Expected: {wheel.file} with SHA-256 {wheel.sha256}.",
            )
    if missing:
        progress.done(f"{len(missing)} fetched")


def _whole(file: Path, wheel: Wheel) -> bool:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() == wheel.sha256
    except OSError:
        return False


def unpack(wheels: Sequence[Wheel], folder: Path, vendor: Path) -> None:
    """Unpack fetched wheels into a plugin's ``vendor`` folder, their licences included."""
    for wheel in wheels:
        target = vendor / wheel.folder
        with zipfile.ZipFile(folder / wheel.file) as archive:
            names = [name for name in archive.namelist() if _wanted(name, wheel)]
            archive.extractall(target, names)
    # Modes travel in zip files only by chance; a library has to be readable.
    for file in vendor.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    for rubbish in vendor.rglob("tests"):
        shutil.rmtree(rubbish)


def _wanted(name: str, wheel: Wheel) -> bool:
    return not (wheel.everywhere and name.endswith(_COMPILED)) and not name.endswith("/")
