"""The libraries that travel with the plug-ins, as the installer fetches them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from installer.editors.wheels import Wheel, chosen, fetch, this_system
from installer.pip import Outcome
from installer.progress import Progress


def fetched_wheels() -> tuple[list[Wheel], Path]:
    """The libraries for this system and their folder; fetched once, by this Python's pip."""
    folder = Path(tempfile.gettempdir()) / f"pullface-test-wheels-{os.getuid()}"
    system = this_system()
    assert system is not None, "no libraries for this system"
    wheels = chosen([system])
    fetch(wheels, folder, _download, folder / "pip.log")
    return wheels, folder


def _download(arguments: Sequence[str], progress: Progress) -> Outcome:
    command = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return Outcome(answer.returncode == 0, False, False, answer.stdout + answer.stderr)
