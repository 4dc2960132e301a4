"""The message as both sides hold it in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .limits import PROTOCOL

Body = dict[str, Any]
Buffer = Any
"""bytes, bytearray, a contiguous memoryview or anything else with the buffer protocol (``zmq.Frame``)."""


@dataclass(frozen=True)
class Message:
    """One message: a msgpack header and the raw buffers behind it.

    Attributes:
        type: a name from ``backend.wire.types``.
        id: the sender's number for this message, 0 … 2**63 - 1, unique among its unanswered requests.
        body: the fields of this type.
        reply_to: the id of the request that this message belongs to (replies and events), else None.
        session: the session that it concerns, 32 hexadecimal digits, else None.
        buffers: raw buffers; their shapes and dtypes stand in the body.
        protocol: the sender's (major, minor) version.
    """

    type: str
    id: int = 0
    body: Body = field(default_factory=dict)
    reply_to: int | None = None
    session: str | None = None
    buffers: Sequence[Buffer] = ()
    protocol: tuple[int, int] = PROTOCOL


@dataclass(frozen=True)
class Reply:
    """The last reply ``ok`` to a request.

    Attributes:
        body: the reply's fields.
        buffers: the reply's raw buffers as contiguous memoryviews of bytes.
        session: the session that the reply concerns, or None.
    """

    body: Body
    buffers: tuple[memoryview, ...] = ()
    session: str | None = None


@dataclass(frozen=True)
class Event:
    """``progress`` or ``preview``, sent before the last reply.

    Attributes:
        type: ``"progress"`` or ``"preview"``.
        body: the event's fields.
        buffers: raw buffers as contiguous memoryviews of bytes.
        session: the session that the event concerns, or None.
        request: the id of the request that it belongs to.
    """

    type: str
    body: Body
    buffers: tuple[memoryview, ...]
    session: str | None
    request: int
