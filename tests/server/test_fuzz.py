"""1000 broken messages: each gets an error or a closed door, none hangs, and the server serves on."""

from __future__ import annotations

import copy
import random
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

from backend.wire.errors import ERROR_CODES
from tests.server.support import PAIRS, RawPeer, Server, described, open_session, picture, worker_pids

MESSAGES = 1000
LAYER = picture(32, 32)
ODD_VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63,
    2**64 - 1,
    -(2**63),
    1.5,
    float("nan"),
    float("inf"),
    1e308,
    "",
    "ünï\ud7ff\0",
    "x" * 70_000,
    b"\xff\xfe",
    [],
    [[[[[[]]]]]],
    [1, 2, 3],
    {},
    {"a": {"b": {"c": None}}},
    list(range(3000)),
    {str(number): number for number in range(300)},
    msgpack.ExtType(5, b"ext"),
    msgpack.Timestamp(1, 1),
]

Frames = list[bytes]
Header = dict[str, Any]


def valid_messages(session: str, token: str) -> list[tuple[Header, Frames]]:
    """One whole message of most types, with the buffers it needs. None of them may take long when it runs."""
    mask = b"\xff" * (96 * 80)
    bodies: list[tuple[str, str | None, dict[str, Any], Frames]] = [
        ("hello", None, {"token": token, "protocol": [1, 0], "client": "fuzz"}, []),
        ("ping", None, {}, []),
        ("status", None, {}, []),
        ("session.list", None, {}, []),
        (
            "session.open",
            None,
            {"layer": described(LAYER), "offset": [0, 0], "crop": [0, 0, 32]},
            [bytes(LAYER)],
        ),
        ("drag.start", session, {"pairs": PAIRS, "options": {"steps": 1}, "from_step": 0}, []),
        (
            "drag.start",
            session,
            {"pairs": PAIRS, "mask": {"shape": [96, 80], "dtype": "uint8"}, "options": {"steps": 1}},
            [mask],
        ),
        ("drag.retarget", session, {"pair": 0, "target": [40.0, 40.0]}, []),
        ("drag.stop", session, {}, []),
        ("step.show", session, {"step": 0}, []),
        ("session.result", session, {"step": 0}, []),
        ("session.resume", session, {}, []),
    ]
    return [
        (
            {"protocol": [1, 0], "type": kind, "id": 0, "reply_to": None, "session": where, "body": body},
            buffers,
        )
        for kind, where, body, buffers in bodies
    ]


def flip_bits(rng: random.Random, frame: bytes) -> bytes:
    data = bytearray(frame or b"\0")
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def wrong_value(rng: random.Random, header: Header) -> Header:
    """A wrong value anywhere: in the header, the body or deep inside."""
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        keys = (
            value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        )
        for key in keys:
            places.append((value, key))
            collect(value[key])

    collect(header)
    container, key = rng.choice([place for place in places if place[1] != "id"] or places)
    container[key] = rng.choice(ODD_VALUES)
    return header


def missing_field(rng: random.Random, header: Header) -> Header:
    holder = header["body"] if header["body"] and rng.random() < 0.7 else header
    del holder[rng.choice(list(holder))]
    return header


def bomb(rng: random.Random) -> bytes:
    """Headers that promise or nest too much."""
    depth = rng.choice([20, 500, 5000, 200_000])
    return rng.choice(
        [
            b"\x91" * depth + b"\xc0",
            b"\x81\xa1a" * (depth // 3) + b"\xc0",
            b"\xdd\xff\xff\xff\xff",
            b"\xdf\xff\xff\xff\xff" + b"\x01" * 50,
            b"\xdb\xff\xff\xff\xff",
            b"\xc6\xff\xff\xff\xff" + b"x" * 100,
            b"\xc9\xff\xff\xff\xff\x01" + b"x" * 100,
            b"\xc1" * 30,
            b"\x80" * 50,
            b"",
            b"\xa4type" * depth,
            msgpack.packb({"id": 5, "body": [[]] * 50_000}),
        ]
    )


def broken(rng: random.Random, number: int, valid: list[tuple[Header, Frames]]) -> Frames:
    """One broken message. Where its header survives, its id is ``number``."""
    header, buffers = copy.deepcopy(rng.choice(valid))
    header["id"] = number
    pack: Callable[[Any], bytes] = msgpack.packb
    kind = rng.randrange(9)
    if kind == 0:
        packed = pack(header)
        return [packed[: rng.randrange(len(packed))], *buffers]
    if kind == 1:
        return [flip_bits(rng, pack(header)), *buffers]
    if kind == 2:
        return [pack(wrong_value(rng, header)), *buffers]
    if kind == 3:
        return [pack(missing_field(rng, header)), *buffers]
    if kind == 4:
        extra = [rng.randbytes(rng.randrange(2000)) for _ in range(rng.choice([1, 2, 10, 300]))]
        return [pack(header), *buffers, *extra]
    if kind == 5:
        return [bomb(rng), *buffers]
    if kind == 6:
        return [rng.randbytes(rng.randrange(600)) for _ in range(rng.randint(1, 4))]
    if kind == 7:
        changed = [buffer[: rng.randrange(len(buffer))] for buffer in buffers] or [b"unexpected"]
        return [pack(header), *changed]
    return [b"", pack(header), *buffers]  # the delimiter that a REQ socket would send


def describe(frames: Frames) -> str:
    return f"{len(frames)} frames, header {frames[0][:80]!r}"


@pytest.mark.parametrize("seed", [20261])
def test_broken_messages_from_a_client(server: Server, model: Path, seed: int) -> None:
    rng = random.Random(seed)
    with server.client("owner") as owner:
        workers = worker_pids(owner)
        session = open_session(owner, model)
        valid = valid_messages(session, server.info.token)
        answers: Counter[str] = Counter()
        later: set[int] = set()
        peer = RawPeer(server.info.endpoint)
        try:
            peer.hello(server.info)
            peer.message("session.resume", 1, session=session)
            peer.answer(1)
            for number in range(10, 10 + 2 * MESSAGES, 2):
                frames = broken(rng, number, valid)
                peer.send(frames)
                peer.message("ping", number + 1)
                codes = []
                while (message := peer.receive()) is not None:
                    if message.reply_to == number + 1:
                        break
                    if message.type == "error":
                        assert message.body["code"] in ERROR_CODES, message.body
                        codes.append(message.body["code"])
                    elif message.type == "ok":
                        codes.append("ok")
                    later.discard(message.reply_to if message.type in ("ok", "error") else -1)
                if message is None:
                    assert peer.closed_by_server, describe(frames)
                    answers["closed door"] += 1
                    peer.close()
                    peer = RawPeer(server.info.endpoint)
                    peer.hello(server.info)
                    later.clear()
                elif codes:
                    answers.update(codes[:1])
                else:
                    # Still whole after all and handed to the worker: its answer comes in its own time. Or it has
                    # become the one message that needs no answer.
                    answers["later"] += 1
                    if b"preview.ack" not in frames[0]:
                        later.add(number)
            while later:
                message = peer.receive()
                assert message is not None, f"no answer to {later}"
                if message.type in ("ok", "error"):
                    later.discard(message.reply_to or 0)
        finally:
            peer.close()
        print(dict(answers))
        assert sum(answers.values()) == MESSAGES
        assert sum(count for code, count in answers.items() if code in ERROR_CODES) > 0.7 * MESSAGES
        assert answers["internal"] == 0
        # Front and worker are the processes that they were, and they work.
        assert worker_pids(owner) == workers
        body = {"pairs": PAIRS, "options": {"steps": 1}}
        assert owner.request("drag.start", body, session=session, timeout=120).body["steps"] <= 1
    assert "Traceback" not in server.log("server")


def test_broken_messages_from_strangers(server: Server) -> None:
    rng = random.Random(7)
    valid = valid_messages("0" * 32, "0" * 64)
    with RawPeer(server.info.endpoint) as peer:
        for number in range(0, 400, 2):
            peer.send(broken(rng, number, valid))
            peer.message("ping", number + 1)
            first = peer.receive()
            assert first is not None
            assert first.body["code"] in (
                "hello_first",
                "malformed",
                "wrong_token",
                "wrong_protocol",
                "unknown_type",
            )
            if first.reply_to != number + 1:
                assert peer.answer(number + 1).body["code"] == "hello_first"


def test_what_is_no_zeromq_at_all(server: Server) -> None:
    rng = random.Random(3)
    port = int(server.info.endpoint.rpartition(":")[2])
    greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + b"\0" * 48
    for data in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
        greeting,
        greeting + rng.randbytes(500),
        rng.randbytes(5000),
    ):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(data)
    with server.client() as client:
        assert client.request("ping", timeout=60).body == {}


def test_a_frame_beyond_the_limit_closes_the_door(server: Server) -> None:
    """Its length alone is enough: nothing of it is ever held in memory."""
    port = int(server.info.endpoint.rpartition(":")[2])
    greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + b"\0" * 48
    ready = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(greeting + ready + b"\x02" + (2**40).to_bytes(8, "big"))
        while connection.recv(4096):
            pass
    with server.client() as client:
        assert client.request("ping", timeout=60).body == {}


def test_strangers_at_the_workers_door(server: Server) -> None:
    """The socket for workers takes nobody without this start's secret."""
    tables = [Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]]
    inodes = {path.readlink().name for path in Path(f"/proc/{server.process.pid}/fd").iterdir()}
    ports = {
        int(fields[1].rpartition(":")[2], 16)
        for fields in (line.split() for line in tables[0])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes
    }
    inner = ports - {int(server.info.endpoint.rpartition(":")[2])}
    assert len(inner) == 1
    with RawPeer(f"tcp://127.0.0.1:{inner.pop()}") as stranger, server.client() as client:
        for secret in ("", "0" * 64, server.info.token, 5, None):
            stranger.message("worker.hello", 0, {"secret": secret})
        stranger.message("worker.beat", 0, {"state": "lost", "device": "stolen"})
        stranger.message("ok", 0, reply_to=1)
        stranger.send([b"\xc1"])
        status = client.request("status", timeout=60).body
        assert (status["state"], status["device"]) != ("lost", "stolen")
        assert stranger.receive(0.2) is None
