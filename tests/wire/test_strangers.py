"""Both transports, by the same tests, against peers that are no ROUTER of libzmq and peers that misbehave."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest

from backend.wire import zmtp
from backend.wire.client import Client, RemoteError
from backend.wire.connection import ConnectionInfo
from backend.wire.limits import MAX_BUFFER_BYTES
from backend.wire.sockets import SocketTransport
from tests.wire.peers import (
    AT_ONCE,
    MEGABYTE,
    PATIENCE,
    Connect,
    Stranger,
    memory,
    read_exactly,
    take,
    wait_for_end,
)

pytestmark = pytest.mark.usefixtures("transport")

GOOD_GREETING = zmtp.greeting()
ROUTER_READY = zmtp.command(b"READY", b"\x0bSocket-Type" + struct.pack(">I", 6) + b"ROUTER")


def handshake(connection: socket.socket, greeting: bytes = GOOD_GREETING) -> None:
    """The server's part of a good beginning; afterwards only messages come."""
    connection.sendall(greeting)
    assert read_exactly(connection, 64)[10] == 3
    connection.sendall(ROUTER_READY)
    flags, size = read_exactly(connection, 2)
    assert flags == 4
    assert read_exactly(connection, size).startswith(b"\x05READY")


def test_commands_between_messages(connected: Connect) -> None:
    """PING is answered with its context; PONG and what nobody knows are passed over."""
    done = threading.Event()

    def play(connection: socket.socket) -> None:
        handshake(connection)
        connection.sendall(zmtp.command(b"FUTURE", b"\x00" * 200) + zmtp.command(b"PONG", b"abc"))
        connection.sendall(b"\x06" + struct.pack(">Q", 1000) + b"\x04LONG" + bytes(995))
        connection.sendall(b"\x00\x05hello")
        connection.sendall(zmtp.command(b"PING", b"\x00\x0acontext"))
        assert read_exactly(connection, 14) == b"\x04\x0c\x04PONGcontext"
        connection.sendall(zmtp.command(b"PING", b"\x00\x00"))
        assert read_exactly(connection, 7) == b"\x04\x05\x04PONG"
        connection.sendall(b"\x01\x01a\x00\x01b")
        assert read_exactly(connection, 4) == b"\x00\x02ok"
        done.wait(PATIENCE)

    with Stranger(play) as stranger:
        one = connected(stranger.endpoint)
        assert take(one) == [b"hello"]
        assert take(one) == [b"a", b"b"]
        one.send([b"ok"])
        time.sleep(0.05)
        done.set()


def then(*data: bytes, greeting: bytes = GOOD_GREETING) -> Callable[[socket.socket], None]:
    """A peer that says this after a good beginning, and waits."""

    def play(connection: socket.socket) -> None:
        handshake(connection, greeting)
        connection.sendall(b"".join(data))
        while connection.recv(4096):
            pass

    return play


def only(*data: bytes) -> Callable[[socket.socket], None]:
    """A peer that says this and nothing else."""

    def play(connection: socket.socket) -> None:
        connection.sendall(b"".join(data))
        while connection.recv(4096):
            pass

    return play


OLD = b"\xff" + bytes(8) + b"\x7f"
CURVE = GOOD_GREETING[:12] + b"CURVE".ljust(20, b"\0") + GOOD_GREETING[32:]
NEWER = GOOD_GREETING[:10] + b"\x04\x02" + GOOD_GREETING[12:]
ERROR = zmtp.command(b"ERROR", b"\x0bno entrance")

STRANGERS: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    # With a part of the sentence that Python's sockets have for it; libzmq's own says only that it ended, if it does.
    "a web server": (only(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "Another program answers"),
    "a mail server": (only(b"220 mail.example ESMTP\r\n"), "Another program answers"),
    "ZMTP 1": (only(b"\x01\x00"), "Another program answers"),
    "ZMTP 1 with a name": (only(b"\xff" + bytes(7) + b"\x10\x00" + b"x" * 15), "Another program answers"),
    "ZMTP 2": (only(OLD, b"\x01\x06"), "An old ZeroMQ (ZMTP 1) answers"),
    "ZMTP 2.1": (only(OLD, b"\x02\x06"), "An old ZeroMQ (ZMTP 2) answers"),
    "encrypted": (only(CURVE), "asks for a protection (CURVE)"),
    "no DEALER's peer": (
        only(GOOD_GREETING, zmtp.command(b"READY", b"\x0bSocket-Type" + struct.pack(">I", 3) + b"PUB")),
        "Another program answers",
    ),
    "no socket type": (only(GOOD_GREETING, zmtp.command(b"READY")), "Another program answers"),
    "broken properties": (only(GOOD_GREETING, zmtp.command(b"READY", b"\x0bSocket")), "cannot be understood"),
    "a property too long": (
        only(GOOD_GREETING, zmtp.command(b"READY", b"\x01a" + struct.pack(">I", 2**31) + b"b")),
        "cannot be understood",
    ),
    "an error": (only(GOOD_GREETING, ERROR), "(no entrance)"),
    "a message before READY": (only(GOOD_GREETING, b"\x00\x01x"), "cannot be understood"),
    "nothing": (lambda _connection: None, "has stopped"),
    "half a greeting": (lambda connection: connection.sendall(GOOD_GREETING[:40]), "has stopped"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_are_refused_with_a_sentence(name: str, transport: str) -> None:
    """As a client sees it: an error, soon. Python's sockets know the reason, too."""
    play, sentence = STRANGERS[name]
    with Stranger(play) as stranger:
        begun = time.monotonic()
        info = ConnectionInfo(stranger.endpoint, "0" * 64, 1, "0")
        with pytest.raises(RemoteError) as caught:
            Client(info, timeout=PATIENCE if transport == "sockets" else 1.0)
        assert caught.value.code in ("server_lost", "timeout")
        if transport == "sockets":
            assert sentence in caught.value.message
            assert caught.value.hint
            assert time.monotonic() - begun < AT_ONCE


def test_a_newer_zmtp_is_welcome(connected: Connect) -> None:
    """The specification lets the newer side step down."""
    with Stranger(then(b"\x00\x05hello", greeting=NEWER)) as stranger:
        one = connected(stranger.endpoint)
        assert take(one) == [b"hello"]
        one.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\x02" + struct.pack(">Q", MAX_BUFFER_BYTES + 1),
        b"\x02" + struct.pack(">Q", 2**63),
        b"\x06" + struct.pack(">Q", 2**40),
    ],
    ids=["too large", "far too large", "a huge command"],
)
def test_what_ends_the_connection(connected: Connect, data: bytes) -> None:
    before = memory("VmRSS")
    with Stranger(then(b"\x00\x02ok", data)) as stranger:
        one = connected(stranger.endpoint)
        assert take(one) == [b"ok"]
        assert wait_for_end(one) < AT_ONCE
        assert memory("VmRSS") - before < 16 * MEGABYTE
        one.close()


@pytest.mark.parametrize("seed", range(12))
def test_noise_after_a_good_beginning_does_no_harm(connected: Connect, seed: int) -> None:
    """Whatever it is taken for, the transport goes on or ends, and can be closed."""
    noise = random.Random(seed).randbytes(3000)
    with Stranger(then(b"\x00\x02ok", noise)) as stranger:
        one = connected(stranger.endpoint)
        assert take(one) == [b"ok"]
        for _ in range(10):
            one.receive()
            one.wait(0.01)
        begun = time.monotonic()
        one.close()
        assert time.monotonic() - begun < AT_ONCE


def test_a_peer_that_only_pings_and_never_reads(connected: Connect) -> None:
    """The answers do not pile up."""
    ping = zmtp.command(b"PING", b"\x00\x00" + b"c" * 16)
    count = 300_000
    done = threading.Event()

    def play(connection: socket.socket) -> None:
        handshake(connection)
        connection.sendall(b"\x00\x02ok")
        for _ in range(count // 1000):
            connection.sendall(ping * 1000)
        connection.sendall(b"\x00\x03end")
        done.wait(PATIENCE)

    before = memory("VmRSS")
    with Stranger(play) as stranger:
        one = connected(stranger.endpoint)
        assert take(one) == [b"ok"]
        if isinstance(one, SocketTransport):
            assert take(one) == [b"end"]
        done.set()
        assert memory("VmRSS") - before < 32 * MEGABYTE
        one.close()
