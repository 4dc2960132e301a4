"""``install.py test``: the checks and the tests, or the tests that drive a real editor."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .editors import needed
from .environment import ROOT
from .setup import prepare, run
from .texts import InstallError


def run_tests(arguments: Sequence[str]) -> int:
    """Run ruff, mypy and pytest, whose closing line comes last; with ``--editors`` the editor's tests alone.

    Args:
        arguments: for pytest; ``--editors krita`` or ``gimp`` among them chooses an editor's tests.

    Returns:
        pytest's exit status, or 1 when a check failed.
    """
    parser = argparse.ArgumentParser(prog="install.py test", add_help=False)
    parser.add_argument("--editors", action="append", choices=needed.EDITORS, default=[])
    options, rest = parser.parse_known_args(arguments)
    if options.editors:
        return _editor_tests(options.editors, rest)
    private = prepare(with_tests=True)
    module = [str(private.python), "-m"]
    checks = {
        "ruff check": [*module, "ruff", "check", "."],
        "ruff format": [*module, "ruff", "format", "--check", "."],
        "mypy": [*module, "mypy"],
    }
    failed = []
    for name, command in checks.items():
        print(f"== {name}", flush=True)
        if run(command, cwd=ROOT) != 0:
            failed.append(name)
    print("== pytest", f"(already failed: {', '.join(failed)})" if failed else "", flush=True)
    # The tests get folders of their own, so that they neither see nor touch the artist's sessions and server.
    with tempfile.TemporaryDirectory(prefix="pullface-test-", ignore_cleanup_errors=True) as home:
        status = run([*module, "pytest", *rest], cwd=ROOT, PULLFACE_HOME=home)
    return status or (1 if failed else 0)


def _editor_tests(editors: Sequence[str], pytest_arguments: Sequence[str]) -> int:
    """Have what the tests need, then run them alone: the other tests and the checks have a run of their own."""
    for editor in editors:
        _bring(editor)
    private = prepare(with_tests=True)
    arguments = [part for editor in editors for part in ("--editors", editor)]
    if not any(
        Path(word.partition("::")[0]).exists() for word in pytest_arguments if not word.startswith("-")
    ):
        arguments += [f"tests/editors/{editor}" for editor in editors]
    screenshots = os.environ.get("PULLFACE_SCREENSHOTS") or str(ROOT / "out" / "screenshots")
    print(f"== pytest, driving {' and '.join(editors)}; screenshots go to {screenshots}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pullface-test-", ignore_cleanup_errors=True) as home:
        command = [str(private.python), "-m", "pytest", *arguments, *pytest_arguments]
        return run(command, cwd=ROOT, PULLFACE_HOME=home, PULLFACE_SCREENSHOTS=screenshots)


def _bring(editor: str) -> None:
    """Install the missing programs with apt where this user may, telling it first; else name them.

    Raises:
        InstallError: something is missing and has to be installed by hand.
    """
    missing = needed.missing(editor)
    if not missing:
        return
    names = " ".join(missing)
    if not sys.platform.startswith("linux"):
        raise InstallError(
            "The tests that drive an editor run on Linux only.", "Elsewhere run: python3 install.py test"
        )
    if not needed.apt_is_here():
        raise InstallError(
            f"These programs are missing (named as in Debian): {names}.",
            "Install them with your system's own tools and run this again.",
        )
    if needed.too_old_here(missing):
        raise InstallError(
            "This system offers no GIMP 3.",
            "Make a folder with one and name it, both as root: tests/editors/debian_root.sh make trixie FOLDER; "
            f"PULLFACE_GIMP=FOLDER python3 install.py test --editors {editor}",
        )
    if os.geteuid() != 0:
        raise InstallError(f"Some programs are missing: {names}.", f"Install them: sudo apt install {names}")
    print(
        f"The tests need programs that are not here. Installing them into the system with apt: {names}",
        flush=True,
    )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *missing]):
        answer = subprocess.run(
            ["apt-get", *command], env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
        )
        if answer.returncode != 0:
            raise InstallError(
                f"apt-get {command[0]} failed; its words stand above.", f"Install by hand: {names}"
            )
