"""What the driver and the probe inside Krita say to each other: JSON with raw bytes beside it.

The driver copies this file into the probe, so it needs the standard library only and no other file.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_PREFIX = struct.Struct("!I")
_BLOB = "bytes that follow"


def send(connection: socket.socket, message: Any) -> None:
    """Send one message.

    Args:
        message: numbers, texts, None, lists, tuples (arrive as lists), dictionaries with text keys, bytes.

    Raises:
        TypeError: it holds anything else.
    """
    blobs: list[bytes] = []

    def put_aside(value: Any) -> dict[str, int]:
        if isinstance(value, (bytes, bytearray, memoryview)) or type(value).__name__ == "QByteArray":
            blobs.append(bytes(value))
            return {_BLOB: len(blobs) - 1}
        raise TypeError(
            f"a {type(value).__name__} cannot be sent; send numbers, texts, bytes, lists or dictionaries"
        )

    body = json.dumps(message, default=put_aside)
    header = json.dumps({"body": len(body.encode()), "blobs": [len(blob) for blob in blobs]}).encode()
    # Krita's Python does not ignore SIGPIPE: without the flag a driver that gave up would end Krita.
    flags = getattr(socket, "MSG_NOSIGNAL", 0)
    connection.sendall(_PREFIX.pack(len(header)) + header + body.encode(), flags)
    for blob in blobs:
        connection.sendall(blob, flags)


def receive(connection: socket.socket) -> Any:
    """Receive one message.

    Raises:
        EOFError: the other side closed before its end.
        OSError: the socket's time-out or another failure.
    """
    header = json.loads(_exactly(connection, _PREFIX.unpack(_exactly(connection, _PREFIX.size))[0]))
    body = _exactly(connection, header["body"])
    blobs = [_exactly(connection, size) for size in header["blobs"]]

    def put_back(value: dict[str, Any]) -> Any:
        return blobs[value[_BLOB]] if set(value) == {_BLOB} else value

    return json.loads(body, object_hook=put_back)


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(min(count - len(parts), 1 << 20))
        if not part:
            raise EOFError("the other side closed the connection")
        parts += part
    return bytes(parts)
