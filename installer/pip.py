"""Runs pip inside the private environment and tells in plain words what it does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .progress import Progress
from .texts import InstallError, megabytes

# Variables of the caller that would lead pip or Python out of the private environment.
_LEADING_ASTRAY = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__", "PYTHONSTARTUP",
    "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_REQUIRE_VIRTUALENV", "PIP_QUIET", "PIP_VERBOSE",
    "PIP_DRY_RUN", "PIP_REPORT",
)  # fmt: skip

_NOT_FOUND = re.compile(r"No matching distribution found|Could not find a version that satisfies")
_CONNECTION = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Connection (broken|aborted|reset|refused)"
    r"|timed out|IncompleteRead|ProtocolError|Temporary failure|Network is unreachable|ProxyError|SSLError"
)
_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)")
_COLLECTING = re.compile(r"^\s*(?:Collecting|Processing)\s+(.+?)\s*$")
_DOWNLOADING = re.compile(r"^\s*Downloading\s+(\S+)")


@dataclass(frozen=True)
class Outcome:
    """How one run of pip ended.

    Attributes:
        ok: it did what it was asked.
        not_found: an asked version is not offered by the sources that it asked.
        connection_trouble: some source did not answer, or broke off.
        output: everything it said.
    """

    ok: bool
    not_found: bool
    connection_trouble: bool
    output: str

    def error(self, log: Path) -> InstallError:
        """The failure in words."""
        if "No space left on device" in self.output or "Errno 28" in self.output:
            return InstallError(
                "The disk is full.", "Free some space and run the same command again; it goes on."
            )
        if self.connection_trouble:
            return InstallError(
                "The download broke off or the package source did not answer.",
                "Check the network (or the proxy) and run the same command again; what has arrived is kept.",
            )
        lines = [line for line in self.output.splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR:").strip() if lines else "pip gave no reason."
        return InstallError(f"A package could not be installed: {reason}", f"The full account is in {log}.")


def clean_environment() -> dict[str, str]:
    """The caller's environment variables without those that would reach outside the private environment."""
    variables = {name: value for name, value in os.environ.items() if name not in _LEADING_ASTRAY}
    variables.update(
        PIP_USER="0",
        PIP_NO_INPUT="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PYTHONUNBUFFERED="1",
        PYTHONIOENCODING="utf-8",
    )
    return variables


def run_pip(command: Sequence[str], arguments: Sequence[str], progress: Progress, log: Path) -> Outcome:
    """Run pip, show what it fetches, and keep its whole output in the log.

    Args:
        command: how to call pip, for example ``[python, "-m", "pip"]``.
        arguments: what it shall do.
        progress: where to show it.
        log: a file to append its output to.

    Returns:
        How it ended. Ctrl+C reaches pip as well; it is waited for before KeyboardInterrupt goes on.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with log.open("a", encoding="utf-8") as record:
        record.write(f"$ pip {' '.join(arguments)}\n")
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=clean_environment(),
        )
        try:
            assert process.stdout is not None
            reader = _Reader(progress)
            with process.stdout:
                for line in process.stdout:
                    if not reader.take(line):
                        lines.append(line)
                        record.write(line)
            status = process.wait()
        except BaseException:
            _end(process)
            raise
    output = "".join(lines)
    return Outcome(
        ok=status == 0,
        not_found=_NOT_FOUND.search(output) is not None,
        connection_trouble=_CONNECTION.search(output) is not None,
        output=output,
    )


def _end(process: subprocess.Popen[str]) -> None:
    """Let pip clean up after the Ctrl+C that it got too; insist after five seconds."""
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Reader:
    """Turns pip's lines into words for people."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._name = ""

    def take(self, line: str) -> bool:
        """True for a line that only counts bytes and need not be kept."""
        counted = _PROGRESS.match(line)
        if counted:
            done, total = (int(number) / 1e6 for number in counted.groups())
            if total >= 1:
                self._progress.show(f"downloading {self._name}", f"{done:.0f} of {megabytes(total)}")
            return True
        collecting = _COLLECTING.match(line)
        downloading = _DOWNLOADING.match(line)
        if collecting:
            self._name = package_name(collecting.group(1))
            self._progress.show(f"looking for {self._name}")
        elif downloading:
            self._name = package_name(downloading.group(1))
            self._progress.show(f"downloading {self._name}")
        elif line.startswith("Installing collected packages"):
            count = line.count(",") + 1
            self._progress.show(f"unpacking {count} package{'s' if count > 1 else ''}", "(up to a minute)")
        return False


def package_name(text: str) -> str:
    """The bare name in a requirement, a wheel's file name or its address; what stands in brackets is left out."""
    file = text.partition(" (")[0].rstrip("/").rpartition("/")[2]
    return re.split(r"[=<>!~;\[\s]|-\d", file, maxsplit=1)[0]


def pip_wheels() -> list[Path]:
    """The pip wheels that come with this Python or that the system keeps (Debian, Fedora), newest first."""
    folders = [Path("/usr/share/python-wheels"), Path("/usr/share/python3-wheels")]
    named = sysconfig.get_config_var("WHEEL_PKG_DIR")
    if named:
        folders.append(Path(named))
    bundled = find_spec("ensurepip")
    if bundled is not None and bundled.origin is not None:
        folders.append(Path(bundled.origin).parent / "_bundled")
    wheels = {wheel.resolve() for folder in folders for wheel in folder.glob("pip-*.whl")}
    return sorted(wheels, key=lambda wheel: wheel.name, reverse=True)


def put_pip_in(python: Path) -> None:
    """Put some pip into a bare environment: from a wheel at hand, Python's own way, or the system's pip.

    Raises:
        InstallError: this machine has none of the three.
    """
    # Unpacking the wheel does what ensurepip does in half the time, and works on a Debian without python3-venv.
    ways: list[list[str]] = [
        [
            str(python),
            "-I",
            str(wheel / "pip"),
            "install",
            "--no-index",
            "--no-deps",
            "--no-compile",
            str(wheel),
        ]
        for wheel in pip_wheels()
    ]
    ways.append([str(python), "-I", "-m", "ensurepip", "--upgrade", "--default-pip"])
    ways.append([sys.executable, "-m", "pip", "--python", str(python), "install", "pip"])
    for way in ways:
        try:
            subprocess.run(way, capture_output=True, timeout=300, check=True, env=clean_environment())
            check = [str(python), "-I", "-m", "pip", "--version"]
            subprocess.run(check, capture_output=True, timeout=60, check=True, env=clean_environment())
            return
        except (OSError, subprocess.SubprocessError):
            continue
    raise InstallError(
        "This Python comes without pip and without the means to get it.",
        "On Debian and Ubuntu: sudo apt install python3-venv; on Fedora: sudo dnf install python3-pip. "
        "Then run the same command again.",
    )
