"""Has the private environment ready, and runs programs in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from backend.wire import folders

from .environment import RUNTIME_MEGABYTES, TEST_MEGABYTES, Environment, torch_version
from .lock import exclusive
from .machine import TorchPlan, this_machine, torch_plan
from .pip import clean_environment
from .texts import duration, megabytes


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


def run(command: Sequence[str], cwd: Path | None = None, **variables: str) -> int:
    """Run a program in the foreground and return its exit status; Ctrl+C goes to it, and its end is awaited."""
    sys.stdout.flush()
    process = subprocess.Popen(command, cwd=cwd, env={**clean_environment(), **variables})
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            continue  # the program has received it as well and decides what it means
        return 130 if status == -2 or (os.name == "nt" and status == 0xC000013A) else status
