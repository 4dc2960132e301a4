"""The commands of ``install.py``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from backend.wire import folders

from . import removal
from .environment import ROOT, RUNTIME_MEGABYTES, TEST_MEGABYTES, Environment, torch_version
from .lock import exclusive
from .machine import TorchPlan, this_machine, torch_plan
from .pip import clean_environment
from .texts import InstallError, duration, megabytes


def parser() -> argparse.ArgumentParser:
    """The command line of ``install.py``."""
    top = argparse.ArgumentParser(
        prog="install.py",
        description="Sets up Pullface in a private environment of its own. The system's Python is never touched.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="set up, then drag the example portrait through the real backend")
    demo.add_argument(
        "--output", type=Path, default=Path("pullface-demo"), metavar="DIR", help="default: %(default)s"
    )
    commands.add_parser(
        "test", help="set up, then check and test everything; further arguments go to pytest", add_help=False
    )
    doctor = commands.add_parser("doctor", help="say what is there, what is wrong and what to do")
    doctor.add_argument("--json", action="store_true", help="for programs")
    uninstall = commands.add_parser("uninstall", help="delete what Pullface made, after asking")
    uninstall.add_argument("--yes", action="store_true", help="do not ask")
    uninstall.add_argument("--keep-sessions", action="store_true", help="keep the saved sessions")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0 well, 1 failed, 2 wrong use, 130 stopped with Ctrl+C.
    """
    options, rest = parser().parse_known_args(arguments)
    if rest and options.command != "test":
        parser().error(f"unknown arguments: {' '.join(rest)}")
    try:
        if options.command == "demo":
            return _demo(options.output)
        if options.command == "test":
            return _test(rest)
        if options.command == "doctor":
            return _doctor(options.json)
        return removal.uninstall(ask=not options.yes, keep_sessions=options.keep_sessions)
    except InstallError as error:
        print(f"\n{error.message}\n{error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on from here.", file=sys.stderr)
        return 130


def environment() -> Environment:
    """The private environment of this user, made or not."""
    return Environment(folders.data_folder() / "environment", folders.log_folder() / "install.log")


def prepare(with_tests: bool) -> Environment:
    """Make the environment or bring it up to date, telling beforehand what will be done.

    Raises:
        InstallError: it cannot be done; the message says why.
    """
    plan = torch_plan(this_machine(), torch_version())
    private = environment()
    if private.ready(plan, with_tests):
        return private
    with exclusive(folders.data_folder() / "install.lock"):
        missing = private.missing(plan, with_tests)
        if missing:
            _announce(private, plan, missing)
            begun = time.monotonic()
            private.bring_up_to_date(plan, with_tests)
            print(
                f"Ready after {duration(time.monotonic() - begun)}. The command is {private.command}\n",
                flush=True,
            )
    return private


def _announce(private: Environment, plan: TorchPlan, missing: Sequence[str]) -> None:
    sizes = {"libraries": RUNTIME_MEGABYTES, "torch": plan.sources[0].megabytes, "tests": TEST_MEGABYTES}
    download = sum(sizes.get(name, 0) for name in missing)
    new = "environment" in missing
    print("Pullface makes" if new else "Pullface completes", "a private Python environment for itself:")
    print(f"  where      {private.folder}")
    print(f"  PyTorch    {torch_version()}, {plan.kind.upper()} build ({plan.reason})")
    fetched = f"about {megabytes(download)}, less what is cached; finished files are kept if it breaks off"
    print(f"  download   {fetched if download else 'nothing'}")
    print("  system     your own Python is not touched; `install.py uninstall` takes everything away again")
    print(flush=True)


def _demo(output: Path) -> int:
    private = prepare(with_tests=False)
    return _run([str(private.python), "-I", "-m", "backend.cli", "demo", "--output", str(output.absolute())])


def _test(pytest_arguments: Sequence[str]) -> int:
    """Ruff, mypy, then pytest, whose closing line comes last."""
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
        if _run(command, cwd=ROOT) != 0:
            failed.append(name)
    print("== pytest", f"(already failed: {', '.join(failed)})" if failed else "", flush=True)
    # The tests get folders of their own, so that they neither see nor touch the artist's sessions and server.
    with tempfile.TemporaryDirectory(prefix="pullface-test-", ignore_cleanup_errors=True) as home:
        status = _run([*module, "pytest", *pytest_arguments], cwd=ROOT, PULLFACE_HOME=home)
    return status or (1 if failed else 0)


def _doctor(as_json: bool) -> int:
    """Examine with the private environment where there is one, else with this Python."""
    private = environment()
    python = str(private.python) if private.usable() else sys.executable
    arguments = ["--json"] if as_json else []
    return _run([python, "-m", "backend.doctor", *arguments], cwd=ROOT)


def _run(command: Sequence[str], cwd: Path | None = None, **variables: str) -> int:
    """Run a program in the foreground and return its exit status; Ctrl+C goes to it, and its end is awaited."""
    sys.stdout.flush()
    process = subprocess.Popen(command, cwd=cwd, env={**clean_environment(), **variables})
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            continue  # the program has received it as well and decides what it means
        return 130 if status == -2 or (os.name == "nt" and status == 0xC000013A) else status
