"""ZMTP without a socket: exact bytes, every way to cut them, and the document that specifies them."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Iterator

import pytest

from backend.wire import transport, zmtp
from backend.wire.errors import RemoteError
from tests.wire.test_document import section, table

READY = (
    bytes.fromhex("04 1c 05")
    + b"READY"
    + bytes.fromhex("0b")
    + b"Socket-Type"
    + bytes.fromhex("00 00 00 06")
    + b"ROUTER"
)


def feed(decoder: zmtp.Decoder, data: bytes, longest: int, chance: random.Random) -> Iterator[list[bytes]]:
    """The messages in ``data``, which comes in pieces."""
    position = 0
    while position < len(data):
        space = decoder.space()
        count = min(len(space), chance.randint(1, longest), len(data) - position)
        assert count > 0
        space[:count] = data[position : position + count]
        decoder.took(count)
        position += count
        while (message := decoder.next()) is not None:
            yield [bytes(frame) for frame in message]


def after_the_beginning() -> zmtp.Decoder:
    decoder = zmtp.Decoder()
    assert list(feed(decoder, zmtp.greeting() + READY, 7, random.Random(1))) == []
    assert decoder.open
    return decoder


def test_what_a_dealer_says() -> None:
    """The bytes of the specification, written down by hand."""
    assert zmtp.greeting() == bytes.fromhex("ff 0000000000000000 7f 03 01") + b"NULL" + bytes(16 + 1 + 31)
    body = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
    assert zmtp.ready() == bytes([4, len(body)]) + body
    assert zmtp.command(b"PONG", b"ab") == b"\x04\x07\x04PONGab"


def test_messages_as_they_are_sent() -> None:
    def sent(*frames: object) -> bytes:
        return b"".join(bytes(piece) for piece in zmtp.encode_message(frames))

    assert sent(b"") == b"\x00\x00"
    assert sent(b"ab", b"", b"c") == b"\x01\x02ab\x01\x00\x00\x01c"
    assert sent(b"x" * 255) == b"\x00\xff" + b"x" * 255
    assert sent(b"x" * 256, b"y") == b"\x03" + struct.pack(">Q", 256) + b"x" * 256 + b"\x00\x01y"
    large = bytearray(zmtp.UNCOPIED_BYTES)
    pieces = zmtp.encode_message([b"header", large, b"tail"])
    assert [len(piece) for piece in pieces] == [8 + 9, len(large), 2 + 4]
    large[0] = 7
    assert pieces[1][0] == 7, "a large frame is not copied"


@pytest.mark.parametrize("longest", [1, 3, 100, 200_000])
def test_however_it_is_cut(longest: int) -> None:
    chance = random.Random(longest)
    limit = 1_000 if longest < 10 else 200_000
    messages = [
        [chance.randbytes(int(limit ** chance.random()) - 1) for _ in range(chance.randint(1, 5))]
        for _ in range(60)
    ]
    stream = zmtp.greeting() + READY
    for message in messages:
        stream += b"".join(zmtp.encode_message(message)) + zmtp.command(
            b"NEWS", b"x" * chance.randint(0, 200)
        )
    assert list(feed(zmtp.Decoder(), stream, longest, chance)) == messages


def test_the_size_may_be_long_for_any_frame() -> None:
    decoder = after_the_beginning()
    data = b"\x02" + struct.pack(">Q", 3) + b"abc" + b"\x06" + struct.pack(">Q", 7) + b"\x04PING\x00\x00"
    assert list(feed(decoder, data, 2, random.Random(0))) == [[b"abc"]]
    assert decoder.pong == b"\x04\x05\x04PONG"


def test_only_the_last_ping_waits_for_its_answer() -> None:
    decoder = after_the_beginning()
    for context in (b"one", b"two", b"a context that is longer than sixteen bytes"):
        list(feed(decoder, zmtp.command(b"PING", b"\x00\x00" + context), 5, random.Random(0)))
    assert decoder.pong == zmtp.command(b"PONG", b"a context that i")


@pytest.mark.parametrize(
    "data",
    [
        b"\x08\x00",  # flags that nobody has defined
        b"\x80\x00",
        b"\x05\x05\x04PING",  # a command with more to follow
        b"\x04\x00",  # a command without a name
        b"\x04\x01\x00",
        b"\x04\x03\x09ab",  # a name longer than the command
        b"\x04\x06\x04PING\x00",  # a PING without its time
    ],
)
def test_what_breaks_the_rules(data: bytes) -> None:
    with pytest.raises(RemoteError) as caught:
        list(feed(after_the_beginning(), data, 1, random.Random(0)))
    assert caught.value.code == "server_lost"
    assert "cannot be understood" in caught.value.message


def test_noise_is_refused_or_understood() -> None:
    """Nothing but the one error ever leaves the decoder, whatever it is fed: from the start, or after a good one."""
    refusals: list[RemoteError] = []
    for seed in range(500):
        chance = random.Random(seed)
        good = zmtp.greeting() + READY + b"".join(zmtp.encode_message([b"ab", chance.randbytes(300)])) * 3
        noise = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            noise[chance.randrange(len(noise) if seed % 2 else 100)] = chance.randrange(256)
        for data in (bytes(noise), good[: 64 + len(READY)] + chance.randbytes(500)):
            try:
                for message in feed(zmtp.Decoder(), data, chance.randint(1, 400), chance):
                    assert message
            except RemoteError as error:
                refusals.append(error)
    assert len(refusals) > 100
    assert {error.code for error in refusals} == {"server_lost"}
    assert all(error.message.isprintable() and error.hint for error in refusals)


def test_the_document_says_the_same() -> None:
    text = section("Transport")
    assert re.search(r"the version `03 01`, the mechanism `NULL`", text)
    assert zmtp.greeting()[10:12] == bytes.fromhex("03 01")
    assert f"a **greeting** of {zmtp.GREETING_BYTES} bytes" in text
    assert [row[0] for row in table(text, "part")] == ["frame", "flags", "command", "property"]
    flags = dict(re.findall(r"(\d) \*([a-z]+)", table(text, "part")[1][1]))
    assert flags == {"1": "more", "2": "long", "4": "command"}
    assert [bytes(zmtp.encode_message(frames)[0])[0] for frames in ([b"", b""], [bytes(256)])] == [1, 2]
    assert zmtp.command(b"X")[0] == 4
    assert set(re.findall(r"\*\*`([A-Z]+)`\*\*", text)) == {"READY", "PING", "PONG", "ERROR"}
    assert f"a context of up to {zmtp._PING_CONTEXT} bytes" in text
    assert f"`{transport.VARIABLE}` (`libzmq` or `sockets`)" in text
    assert f"holds at most {transport.SEND_QUEUE} messages" in text
    assert transport.SEND_QUEUE == transport.RECEIVE_QUEUE
    assert "No message is sent before" in text
