"""The other ends for the transports: a real libzmq ROUTER, also as a process of its own; a strange peer; a bad road."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import zmq

from backend.wire.transport import Transport

PATIENCE = 60.0
"""Seconds for anything; only a hang or an overloaded machine comes near it."""


def take(transport: Transport, seconds: float = PATIENCE) -> list[bytes]:
    """The next message as bytes."""
    return [bytes(frame) for frame in take_uncopied(transport, seconds)]


def take_uncopied(transport: Transport, seconds: float = PATIENCE) -> list[Any]:
    deadline = time.monotonic() + seconds
    ended = transport.ended  # asked first: what came before the end can be received after it
    while (message := transport.receive()) is None:
        assert ended is None, str(ended)
        ended = transport.ended
        assert time.monotonic() < deadline, "no message came"
        transport.wait(0.05)
    return message


def wait_for_end(transport: Transport, seconds: float = PATIENCE) -> float:
    """Waits until the connection is over, throwing messages away. Returns the seconds that took."""
    begun = time.monotonic()
    while transport.ended is None:
        assert time.monotonic() - begun < seconds, "the end was not noticed"
        if transport.receive() is None:
            transport.wait(0.05)
    return time.monotonic() - begun


Connect = Callable[[str], Transport]
"""Opens the transport that the test is about."""

MEGABYTE = 1 << 20
AT_ONCE = 5.0
"""Seconds in which something that takes milliseconds has happened on the busiest machine."""


class Router:
    """A libzmq ROUTER in this process."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:*", **options: int) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self.socket: zmq.Socket[Any] = self._context.socket(zmq.ROUTER)
        for name, value in {"LINGER": 0, "ROUTER_MANDATORY": 1, **options}.items():
            self.socket.setsockopt(getattr(zmq, name), value)
        self.socket.bind(endpoint)
        last = self.socket.getsockopt(zmq.LAST_ENDPOINT)
        assert isinstance(last, bytes)
        self.endpoint = last.rstrip(b"\0").decode()

    def receive(self, seconds: float = PATIENCE) -> tuple[bytes, list[bytes]]:
        assert self.socket.poll(int(seconds * 1000)), "nothing arrived at the router"
        peer, *frames = self.socket.recv_multipart()
        return peer, frames

    def send(self, peer: bytes, frames: Sequence[Any]) -> None:
        self.socket.send_multipart([peer, *frames], copy=False)

    def close(self) -> None:
        self.socket.close(0)
        self._context.term()

    def __enter__(self) -> Router:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


_PROGRAM = """
import os, sys, time, zlib, zmq
router = zmq.Context().socket(zmq.ROUTER)
router.setsockopt(zmq.RCVHWM, 4)
router.bind("tcp://127.0.0.1:*")
print(router.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\\0").decode(), flush=True)
while True:
    peer, word, *frames = router.recv_multipart(copy=False)
    peer, word = bytes(peer), bytes(word)
    if word == b"sum":
        answer = [b"%d" % zlib.crc32(frame) for frame in frames]
    elif word == b"give":
        answer = [bytes(range(256)) * (int(bytes(frames[0])) // 256)]
    else:
        answer = [word, *frames]
    router.send_multipart([peer, *answer], copy=False)
    if word == b"last words":
        router.close(2000)
        zmq.Context.instance().term()
        time.sleep(0.2)
        os._exit(0)
"""


class RouterProcess:
    """A libzmq ROUTER in a process of its own, which echoes, sums (``sum``) and gives (``give``)."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.endpoint = self.process.stdout.readline().strip()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def __enter__(self) -> RouterProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Stranger:
    """A TCP server that runs ``play`` with the first connection, in a thread, and then closes it."""

    def __init__(self, play: Callable[[socket.socket], None]) -> None:
        self._play = play
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._listener.settimeout(PATIENCE)
            with self._listener.accept()[0] as connection:
                connection.settimeout(PATIENCE)
                self._play(connection)
        except (ConnectionError, TimeoutError):
            pass  # the client had enough
        except BaseException as error:
            self.failure = error

    def __enter__(self) -> Stranger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join(PATIENCE)
        self._listener.close()
        if kind is None and self.failure is not None:
            raise self.failure


def read_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


class BadRoad:
    """Stands between a client and an endpoint and passes on pieces of 1 to ``longest`` bytes."""

    def __init__(self, endpoint: str, longest: int, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._longest = longest
        host, port = endpoint.removeprefix("tcp://").split(":")
        self._there = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ended, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        if self._listener not in select.select([self._listener, self._ended], [], [], PATIENCE)[0]:
            return
        with self._listener.accept()[0] as client, socket.create_connection(self._there) as server:
            others = {client: server, server: client}
            for side in others:
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                ready = select.select([*others, self._ended], [], [], PATIENCE)[0]
                if not ready or self._ended in ready:
                    return
                for side in ready:
                    data = side.recv(self._random.randint(1, self._longest))
                    if not data:
                        return
                    others[side].sendall(data)

    def close(self) -> None:
        self._end.close()
        self._thread.join(PATIENCE)
        self._ended.close()
        self._listener.close()

    def __enter__(self) -> BadRoad:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


def memory(field: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise LookupError(field)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
