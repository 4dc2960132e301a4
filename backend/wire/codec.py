"""The one place where messages become frames and frames become messages.

Frame 0 is a msgpack map, the header; every further frame is a raw buffer. Nothing in a header is trusted: its
size, its nesting and the type of each field are checked before anything else sees it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import msgpack  # type: ignore[import-untyped]

from .errors import WireError
from .limits import MAX_BUFFER_BYTES, MAX_BUFFERS, MAX_HEADER_BYTES, MAX_HEADER_DEPTH
from .messages import Buffer, Message

_MAX_ID = 2**63 - 1
_MAX_VERSION = 2**31
_SESSION_LENGTH = 32
_HEXADECIMAL = frozenset("0123456789abcdef")


def malformed(detail: str) -> WireError:
    """The error for a message that cannot be understood; ``detail`` says what is wrong with it."""
    return WireError(
        "malformed", f"A message could not be understood: {detail}.", "Update the plugin and the backend."
    )


def encode(message: Message) -> list[Buffer]:
    """Header and buffers as frames for ``send_multipart``.

    Raises:
        WireError: code ``malformed`` when the header is too large or holds something msgpack cannot carry, or a
            buffer is none.
    """
    header: dict[str, Any] = {
        "protocol": list(message.protocol),
        "type": message.type,
        "id": message.id,
        "reply_to": message.reply_to,
        "session": message.session,
        "body": message.body,
    }
    try:
        packed = msgpack.packb(header, use_bin_type=True)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise malformed(f"its body cannot be packed ({error})") from error
    if len(packed) > MAX_HEADER_BYTES:
        raise malformed("its header is too large")
    # Checked before anything is sent: a buffer that fails in the middle of a multipart message would leave the
    # socket in the middle of it, and the next message would be taken for the rest.
    return [packed, *(_contiguous(buffer) for buffer in message.buffers)]


def _contiguous(buffer: Buffer) -> Buffer:
    try:
        view = memoryview(buffer)
    except TypeError as error:
        raise malformed("a buffer holds no bytes") from error
    return buffer if view.c_contiguous else view.tobytes()


def _nested_too_deep(value: Any) -> bool:
    """Whether arrays and maps nest deeper than ``MAX_HEADER_DEPTH``; iterative: no input can recurse."""
    level = [value]
    for _ in range(MAX_HEADER_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return False
        level = below
    return any(isinstance(item, dict | list) for item in level)


def _unpack(frame: bytes) -> dict[str, Any]:
    if len(frame) > MAX_HEADER_BYTES:
        raise malformed("its header is too large")
    try:
        header = msgpack.unpackb(
            frame,
            raw=False,
            strict_map_key=True,
            max_str_len=MAX_HEADER_BYTES,
            max_bin_len=MAX_HEADER_BYTES,
            max_array_len=MAX_HEADER_BYTES,
            max_map_len=MAX_HEADER_BYTES,
            max_ext_len=0,
        )
    except (ValueError, TypeError, RecursionError, OverflowError, msgpack.UnpackException) as error:
        raise malformed("its header is no msgpack") from error
    if not isinstance(header, dict):
        raise malformed("its header is no map")
    return header


def is_integer(value: object, low: int, high: int) -> bool:
    """Whether ``value`` is an int (and no bool) in [low, high]."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_session(value: object) -> bool:
    """Whether ``value`` has the form of a session's name, which is also safe as a folder's name."""
    return isinstance(value, str) and len(value) == _SESSION_LENGTH and _HEXADECIMAL.issuperset(value)


def decode_header(frame: bytes) -> Message:
    """The message in a header frame, without its buffers.

    Raises:
        WireError: code ``malformed``, with ``request_id`` set when the header is a map with a valid ``id``.
    """
    header = _unpack(frame)
    identifier = header.get("id")
    if not is_integer(identifier, 0, _MAX_ID):
        raise malformed("its id is no number")
    try:
        return _checked(header)
    except WireError as error:
        error.request_id = identifier
        raise


def _checked(header: dict[str, Any]) -> Message:
    if _nested_too_deep(header):
        raise malformed("its header nests too deep")
    protocol = header.get("protocol")
    if (
        not isinstance(protocol, list)
        or len(protocol) != 2
        or not all(is_integer(part, 0, _MAX_VERSION) for part in protocol)
    ):
        raise malformed("its protocol is no [major, minor]")
    kind = header.get("type")
    if not isinstance(kind, str) or not 0 < len(kind) <= 64:
        raise malformed("its type is no name")
    reply_to = header.get("reply_to")
    if reply_to is not None and not is_integer(reply_to, 0, _MAX_ID):
        raise malformed("its reply_to is no number")
    session = header.get("session")
    if session is not None and not is_session(session):
        raise malformed("its session is no name of a session")
    body = header.get("body")
    if not isinstance(body, dict):
        raise malformed("its body is no map")
    return Message(
        type=kind,
        id=header["id"],
        body=body,
        reply_to=reply_to,
        session=session,
        protocol=(protocol[0], protocol[1]),
    )


def decode(frames: Sequence[Any]) -> Message:
    """A message from frames (bytes, or ``zmq.Frame`` for buffers that should not be copied).

    Raises:
        WireError: ``malformed`` (see ``decode_header``) or ``wrong_buffer_size``.
    """
    if not frames:
        raise malformed("it is empty")
    first = frames[0]
    if len(first) > MAX_HEADER_BYTES:
        raise malformed("its header is too large")
    message = decode_header(bytes(first))
    buffers = tuple(frames[1:])
    if len(buffers) > MAX_BUFFERS or any(len(buffer) > MAX_BUFFER_BYTES for buffer in buffers):
        raise WireError(
            "wrong_buffer_size",
            "The message holds too much data.",
            "Send a smaller layer or fewer buffers.",
            request_id=message.id,
        )
    return dataclasses.replace(message, buffers=buffers)
