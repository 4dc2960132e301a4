from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest

from backend.wire.codec import decode, encode
from backend.wire.errors import WireError
from backend.wire.limits import MAX_BUFFERS, MAX_HEADER_BYTES, MAX_HEADER_DEPTH
from backend.wire.messages import Message

HEADER: dict[str, Any] = {
    "protocol": [1, 0],
    "type": "ping",
    "id": 7,
    "reply_to": None,
    "session": None,
    "body": {},
}


def refused(frames: list[Any]) -> WireError:
    with pytest.raises(WireError) as caught:
        decode(frames)
    assert caught.value.message
    assert caught.value.hint
    return caught.value


def test_there_and_back() -> None:
    message = Message(
        "preview",
        2**63 - 1,
        {"points": [[1.5, -2.0]], "text": "größer", "none": None},
        reply_to=0,
        session="0123456789abcdef" * 2,
        buffers=(b"abc", bytearray(b""), memoryview(b"xyz")),
        protocol=(1, 5),
    )
    back = decode([bytes(frame) for frame in encode(message)])
    assert back == Message(**{**vars(message), "buffers": (b"abc", b"", b"xyz")})


def test_a_buffer_with_gaps_is_sent_whole() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(4, 6)
    for view in (array[:, ::2], array.T, array[::-1]):
        (_, frame) = encode(Message("x", buffers=(view,)))
        assert bytes(frame) == view.tobytes()
    assert encode(Message("x", buffers=(array,)))[1] is array  # and one without is not copied


def test_what_cannot_be_sent_is_refused_before_anything_is_sent() -> None:
    for message in (
        Message("x", body={"a": object()}),
        Message("x", body={"a": 2**70}),
        Message("x", body={"a": "y" * MAX_HEADER_BYTES}),
        Message("x", buffers=(5,)),
    ):
        with pytest.raises(WireError):
            encode(message)
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(WireError):
        encode(Message("x", body={"a": endless}))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x93\x01",
        msgpack.packb([1, 2]),
        msgpack.packb("ping"),
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 100_000 + b"\xc0",
        b"\x81\xa1a" * 50_000 + b"\xc0",
        msgpack.packb({1: 2}),
        msgpack.packb({"id": msgpack.ExtType(1, b"x")}),
        b"\x82\xa2id\x07\xa2id\xc1",
        b"\xa2\xff\xff",
        msgpack.packb(HEADER) + b"\x00",
        b" " * (MAX_HEADER_BYTES + 1),
    ],
)
def test_headers_that_are_none(frame: bytes) -> None:
    error = refused([frame])
    assert error.code == "malformed"
    assert error.request_id is None


def test_no_frames() -> None:
    assert refused([]).code == "malformed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("protocol", None),
        ("protocol", 1),
        ("protocol", [1]),
        ("protocol", [1, 0, 0]),
        ("protocol", [1, -1]),
        ("protocol", [True, 0]),
        ("protocol", [2**40, 0]),
        ("type", None),
        ("type", 5),
        ("type", ""),
        ("type", "x" * 65),
        ("reply_to", "7"),
        ("reply_to", -1),
        ("reply_to", 1.0),
        ("session", ""),
        ("session", "../../../../../../../../etc/passwd"),
        ("session", "0" * 31),
        ("session", "A" * 32),
        ("session", b"0" * 32),
        ("body", None),
        ("body", []),
    ],
)
def test_wrong_fields_are_answered_to_their_id(field: str, value: Any) -> None:
    error = refused([msgpack.packb({**HEADER, field: value})])
    assert (error.code, error.request_id) == ("malformed", 7)


@pytest.mark.parametrize("value", [None, "7", -1, 2**63, 7.0, True, [7]])
def test_an_id_that_is_none(value: Any) -> None:
    error = refused([msgpack.packb({**HEADER, "id": value})])
    assert (error.code, error.request_id) == ("malformed", None)


def test_nesting() -> None:
    def nested(depth: int) -> Any:
        value: Any = 0
        for level in range(depth):
            value = [value] if level % 2 else {"a": value}
        return value

    # The header and the body are two levels.
    assert decode([msgpack.packb({**HEADER, "body": {"a": nested(MAX_HEADER_DEPTH - 2)}})])
    error = refused([msgpack.packb({**HEADER, "body": {"a": nested(MAX_HEADER_DEPTH - 1)}})])
    assert (error.code, error.request_id) == ("malformed", 7)


def test_too_many_buffers() -> None:
    frames = [msgpack.packb(HEADER), *[b""] * MAX_BUFFERS]
    assert len(decode(frames).buffers) == MAX_BUFFERS
    error = refused([*frames, b""])
    assert (error.code, error.request_id) == ("wrong_buffer_size", 7)


def test_unknown_header_fields_are_ignored() -> None:
    assert decode([msgpack.packb({**HEADER, "trace": [1, 2]})]).type == "ping"
