"""The commands of ``install.py``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import removal, testing
from .editors.commands import choose_targets, install_into_editors, package_for_krita
from .environment import ROOT
from .setup import environment, prepare, run
from .texts import InstallError


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
        "test",
        help="set up, then check and test everything; further arguments go to pytest; `test --editors krita` "
        "(or gimp) drives the real editor instead",
        add_help=False,
    )
    editors = commands.add_parser(
        "editors", help="set up, then install the plugin into every Krita and every GIMP 3 found here"
    )
    editors.add_argument(
        "--resources",
        type=Path,
        metavar="DIR",
        help="Krita's resource folder, where it is not found (Settings > Manage Resources > Open Resource Folder); "
        "installs there alone",
    )
    package = commands.add_parser("package", help="write the plugin as a zip for the editor's own importer")
    package.add_argument("editor", choices=("krita",))
    package.add_argument(
        "--output", type=Path, default=Path(), metavar="FILE", help="default: pullface-krita-VERSION.zip here"
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
            return testing.run_tests(rest)
        if options.command == "editors":
            return _editors(options.resources)
        if options.command == "package":
            return package_for_krita(options.output.absolute(), environment())
        if options.command == "doctor":
            return _doctor(options.json)
        return removal.uninstall(ask=not options.yes, keep_sessions=options.keep_sessions)
    except InstallError as error:
        print(f"\n{error.message}\n{error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on from here.", file=sys.stderr)
        return 130


def _demo(output: Path) -> int:
    private = prepare(with_tests=False)
    return run([str(private.python), "-I", "-m", "backend.cli", "demo", "--output", str(output.absolute())])


def _editors(resources: Path | None) -> int:
    targets = choose_targets(resources)
    print(flush=True)
    private = prepare(with_tests=False)
    return install_into_editors(targets, private)


def _doctor(as_json: bool) -> int:
    """Examine with the private environment where there is one, else with this Python."""
    private = environment()
    python = str(private.python) if private.usable() else sys.executable
    arguments = ["--json"] if as_json else []
    return run([python, "-m", "backend.doctor", *arguments], cwd=ROOT)
