"""The backend of a driven editor: how its plug-in finds it, and that none is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def note_the_installation(pullface_home: Path, outside: bool) -> None:
    """Write what the installer leaves for the plug-in: with which Python it starts the backend.

    Args:
        pullface_home: the editor's PULLFACE_HOME.
        outside: the editor runs inside another system's folder, the backend on this one.
    """
    data = pullface_home / "data"
    data.mkdir(parents=True, exist_ok=True)
    python, source = Path(sys.executable), ROOT
    if outside:
        # The backend runs on this system, which the other one finds through this process in its /proc.
        script = data / "python-outside"
        command = f'exec chroot /proc/{os.getpid()}/root env -u PYTHONPATH -C "{source}" "{python}" "$@"'
        script.write_text(f"#!/bin/sh\n{command}\n")
        script.chmod(0o755)
        python, source = script, data
    (data / "installation.json").write_text(json.dumps({"python": str(python), "source": str(source)}))


def processes(variable: str, value: Path) -> list[int]:
    """Every process whose environment has this variable with this value."""
    mark = f"{variable}={value}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in entry.read_bytes() + b"\0":
                found.append(int(entry.parent.name))
    return found


def end_processes(variable: str, value: Path, besides: Iterable[int] = (), patience: float = 5.0) -> None:
    """End these processes, by asking first."""
    spared = set(besides)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in set(processes(variable, value)) - spared:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while set(processes(variable, value)) - spared and time.monotonic() < deadline:
            time.sleep(0.05)
