from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from backend.editing.connection import Connection
from backend.wire.client import Client
from backend.wire.errors import RemoteError
from tests.editing.support import Bench, Loop
from tests.server.support import PATIENCE, Server


@pytest.mark.usefixtures("transport")
def test_starts_watches_and_lists_models(bench: Bench) -> None:
    states: list[str] = []
    bench.connection.observe(lambda topic: states.append(bench.connection.state))
    bench.connection.start()
    bench.loop.until(lambda: bench.connection.state == "ready" and bench.connection.models)
    assert states[0] == "starting"
    assert bench.connection.device == "cpu"
    assert "libzmq" in bench.connection.transport
    assert "toon" in [model["name"] for model in bench.connection.models]
    told = len(states)
    bench.connection._status_at = 0.0
    bench.loop.run_for(0.3)
    assert len(states) == told, "nothing changed, so nothing is told"


@pytest.mark.usefixtures("transport")
def test_a_killed_server_is_replaced(tmp_path: Path) -> None:
    """Open calls end at once; the next server is found by itself."""
    loop = Loop()
    servers = [Server(tmp_path / "one")]
    try:
        connection = Connection("test", lambda: Client(servers[-1].info, "test", timeout=PATIENCE))
        loop.connections.append(connection)
        connection.start()
        loop.until(lambda: connection.connected)
        first = connection.generation
        servers.append(Server(tmp_path / "two"))
        waiting = connection.send("models.list")
        os.kill(servers[0].process.pid, signal.SIGKILL)
        loop.until(lambda: connection.generation == first + 1)
        assert waiting.outcome is not None
        loop.until(lambda: connection.state == "ready")
        connection.close()
        assert connection.state == "off"
    finally:
        for server in servers:
            server.kill()


def given_up(error: RemoteError) -> tuple[Loop, Connection, list[int]]:
    """A connection that has met this error until it gave up, and a 1 for each attempt."""
    attempts: list[int] = []

    def connect() -> Client:
        attempts.append(1)
        raise error

    loop = Loop()
    connection = Connection("test", connect)
    loop.connections.append(connection)
    connection.start()
    loop.until(lambda: connection.state == "lost", 5)
    return loop, connection, attempts


def test_gives_up_with_a_sentence_and_tries_again_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.editing.connection.RETRY_SECONDS", (0.0, 0.01, 0.01))
    loop, connection, attempts = given_up(RemoteError("timeout", "It did not start.", "Try again."))
    assert len(attempts) == 3
    assert connection.message is not None
    assert (connection.message.text, connection.message.hint) == ("It did not start.", "Try again.")
    connection.start()
    assert connection.state == "starting"
    loop.until(lambda: connection.state == "lost", 5)


def test_a_missing_installation_is_not_tried_twice() -> None:
    error = RemoteError("not_started", "The Pullface backend is not installed.", "Install it.")
    _, _, attempts = given_up(error)
    assert attempts == [1]


def test_closed_while_it_looks() -> None:
    gate = threading.Event()

    def connect() -> Client:
        gate.wait(5)
        raise RemoteError("timeout", "Too late.", "")

    loop = Loop()
    connection = Connection("test", connect)
    loop.connections.append(connection)
    connection.start()
    connection.close()
    gate.set()
    loop.run_for(0.1)
    assert connection.state == "off"
    waiting = connection.send("status")
    assert isinstance(waiting.outcome, RemoteError)
