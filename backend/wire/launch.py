"""Finds the running server or starts one, detached, without a console window, without a race of starters."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from .client import Client
from .connection import ConnectionInfo, read_connection
from .errors import RemoteError
from .folders import data_folder, log_folder, runtime_folder
from .processes import FileLock, child_environment

IDLE_EXIT_SECONDS = 900
"""A server that was started by need ends after so long without a client."""

INSTALLATION_FILE = "installation.json"
"""In ``data_folder()``: ``{"python": PATH, "source": PATH or null}``, written by the installer."""

_POLL_SECONDS = 0.01

# A started server outlives this process on purpose. Holding the object keeps Python from warning about it.
_started: list[subprocess.Popen[bytes]] = []


def find_server(client_name: str = "launcher") -> ConnectionInfo | None:
    """The connection information of a live server that lets us in, or None.

    Raises:
        RemoteError: ``wrong_protocol``: a server runs, but it and this client do not understand each other;
            ``not_started``: this client has no way to speak to it, see ``Client``.
    """
    info = read_connection()
    if info is None or not _listens(info):
        return None
    try:
        with Client(info, client_name, timeout=3.0):
            return info
    except RemoteError as error:
        if error.code in ("wrong_protocol", "not_started"):  # another server would not help
            raise
        return None


def ensure_server(
    python: Path | str | None = None,
    source: Path | str | None = None,
    parent_pid: int | None = None,
    idle_exit: float = IDLE_EXIT_SECONDS,
    timeout: float = 20.0,
    arguments: tuple[str, ...] = (),
) -> ConnectionInfo:
    """Finds a live server or starts one and waits until it listens.

    Args:
        python: the interpreter of the backend's environment; by default the installed one, else this one.
        source: the folder that holds the package ``backend``, when it is not installed in that environment.
        parent_pid: the server ends soon after this process has ended and no client is left; by default this
            process. 0 ties it to no process.
        idle_exit: the server ends after so many seconds without a client; 0 never.
        timeout: seconds to wait for a started server, and for another starter.
        arguments: further arguments for ``python -m backend.server``.

    Raises:
        RemoteError: ``not_started``, ``timeout`` or ``wrong_protocol``.
    """
    info = find_server()
    if info is not None:
        return info
    deadline = time.monotonic() + timeout
    lock = FileLock(runtime_folder() / "launch.lock")
    while not lock.acquire():
        if time.monotonic() > deadline:
            raise _too_slow()
        time.sleep(_POLL_SECONDS)
    try:
        # Another starter may have been faster while we waited for the lock.
        info = find_server()
        if info is not None:
            return info
        pid = os.getpid() if parent_pid is None else parent_pid
        command = ["-m", "backend.server", "--idle-exit", str(idle_exit)]
        if pid > 0:
            command += ["--parent-pid", str(pid)]
        process = _spawn(python, source, [*command, *arguments])
        return _wait_for(process, deadline)
    finally:
        lock.release()


def _listens(info: ConnectionInfo) -> bool:
    """Whether anything accepts connections at the endpoint; a dead server's port refuses at once."""
    host, _, port = info.endpoint.removeprefix("tcp://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1.0):
            return True
    except (OSError, ValueError, OverflowError):
        return False


def _installation() -> tuple[str | None, str | None]:
    try:
        payload = json.loads((data_folder() / INSTALLATION_FILE).read_text(encoding="utf-8"))
        python, source = payload.get("python"), payload.get("source")
    except (OSError, ValueError, AttributeError):
        return None, None
    return (python if isinstance(python, str) else None), (source if isinstance(source, str) else None)


def _own_source() -> str | None:
    """The folder with the package ``backend`` when this file is a part of it, and not a copy in a plugin."""
    folder = Path(__file__).resolve().parents[2]
    return str(folder) if (folder / "backend" / "server.py").is_file() else None


def _command(python: Path | str | None, source: Path | str | None) -> tuple[str, str | None]:
    own = _own_source()
    if python is None and own is None:
        python, installed_source = _installation()
        source = source or installed_source
        if python is None:
            raise RemoteError(
                "not_started", "The Pullface backend is not installed.", "Run: python3 install.py editors"
            )
    return str(python or sys.executable), str(source) if source else own


def _spawn(
    python: Path | str | None, source: Path | str | None, arguments: list[str]
) -> subprocess.Popen[bytes]:
    executable, folder = _command(python, source)
    environment = child_environment()
    output = log_folder() / "server.out"
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    try:
        with open(output, "wb") as file:
            process = subprocess.Popen(
                [executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                # -m looks for the package in the working folder first.
                cwd=folder,
                start_new_session=True,
                creationflags=flags,
            )
    except OSError as error:
        raise RemoteError(
            "not_started",
            f"The Pullface backend could not be started ({error.strerror or error}).",
            "Run: python3 install.py doctor",
        ) from error
    _started[:] = [other for other in _started if other.poll() is None]
    _started.append(process)
    return process


def _wait_for(process: subprocess.Popen[bytes], deadline: float) -> ConnectionInfo:
    while True:
        info = read_connection()
        if info is not None and info.pid == process.pid and _listens(info):
            return info
        if process.poll() is not None:
            # A server that someone started by hand at this moment is as good as ours.
            info = find_server()
            if info is not None:
                return info
            raise RemoteError(
                "not_started",
                "The Pullface backend stopped while it was starting.",
                f"See {log_folder() / 'server.out'} or run: python3 install.py doctor",
            )
        if time.monotonic() > deadline:
            with contextlib.suppress(OSError):
                process.kill()
            raise _too_slow()
        time.sleep(_POLL_SECONDS)


def _too_slow() -> RemoteError:
    return RemoteError(
        "timeout",
        "The Pullface backend did not start in time.",
        f"Try again; if it happens again, see {log_folder() / 'server.out'}.",
    )
