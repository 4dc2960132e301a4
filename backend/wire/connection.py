"""The connection file: how a local client finds the server and proves that it may speak to it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .files import replace_file
from .folders import runtime_folder
from .limits import PROTOCOL

FILE_NAME = "connection.json"


@dataclass(frozen=True)
class ConnectionInfo:
    """What the connection file holds.

    Attributes:
        endpoint: ZeroMQ endpoint of the server's ROUTER, always on the loopback interface.
        token: the secret for ``hello``, 64 hexadecimal digits.
        pid: the server's process id.
        version: the server's version.
        protocol: (major, minor) that the server speaks.
        started: seconds since the epoch when the server began to listen.
    """

    endpoint: str
    token: str = field(repr=False)
    pid: int
    version: str
    protocol: tuple[int, int] = PROTOCOL
    started: float = 0.0


def connection_path() -> Path:
    """Where the connection file is, whether or not it exists."""
    return runtime_folder() / FILE_NAME


def new_token() -> str:
    """256 random bits as hexadecimal digits."""
    return os.urandom(32).hex()


def write_connection(info: ConnectionInfo, path: Path | None = None) -> Path:
    """Writes the connection file atomically: readers see the old file or the new one, never a part.

    The file is created with mode 0600, so that at no moment another user can read the token.
    """
    path = path or connection_path()
    payload = asdict(info)
    payload["started"] = payload["started"] or time.time()
    # mkstemp creates with 0600 whatever the umask.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".connection-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(payload, file)
            file.flush()
            os.fsync(file.fileno())
        replace_file(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return path


def read_connection(path: Path | None = None) -> ConnectionInfo | None:
    """The connection file's content, or None when there is none or it makes no sense."""
    path = path or connection_path()
    try:
        payload = json.loads(path.read_text(encoding="utf-8"))
        major, minor = payload["protocol"]
        info = ConnectionInfo(
            endpoint=str(payload["endpoint"]),
            token=str(payload["token"]),
            pid=int(payload["pid"]),
            version=str(payload["version"]),
            protocol=(int(major), int(minor)),
            started=float(payload["started"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return info if info.endpoint.startswith("tcp://127.0.0.1:") else None


def remove_connection(info: ConnectionInfo, path: Path | None = None) -> None:
    """Removes the connection file if it is still this server's own."""
    path = path or connection_path()
    current = read_connection(path)
    if current is not None and current.token == info.token:
        with contextlib.suppress(OSError):
            path.unlink()
