"""The event loop drives the connection: no message waits for the timer, and nothing outlives its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from krita_plugin.pullface.backend.editing import polling
from krita_plugin.pullface.backend.editing.polling import BackendLink
from krita_plugin.pullface.link import new_link
from krita_plugin.pullface.qt import QtCore, sip
from tests.krita_plugin.docker.fakes import FakeConnection

HOUR = 3_600_000


class Echo:
    """A peer that answers every message, on a thread of its own."""

    def __init__(self) -> None:
        self._context = zmq.Context()
        socket = self._context.socket(zmq.ROUTER)
        self.port = socket.bind_to_random_port("tcp://127.0.0.1")
        self._thread = threading.Thread(target=self._serve, args=(socket,), daemon=True)
        self._thread.start()

    def _serve(self, socket: Any) -> None:
        try:
            while True:
                socket.send_multipart(socket.recv_multipart())
        except zmq.ContextTerminated:
            socket.close(0)

    def close(self) -> None:
        self._context.term()
        self._thread.join()


class SocketConnection(FakeConnection):
    """Speaks over a real DEALER, whose descriptor is edge-triggered."""

    def __init__(self, echo: Echo) -> None:
        super().__init__()
        self.sent: Callable[[], None] = lambda: None
        self.received: list[bytes] = []
        self.rounds = 0
        self._echo = echo
        self._context = zmq.Context()
        self.connect()

    def connect(self) -> None:
        self.socket: Any = self._context.socket(zmq.DEALER)
        self.socket.connect(f"tcp://127.0.0.1:{self._echo.port}")

    def fileno(self) -> int | None:
        return None if self.socket is None else int(self.socket.getsockopt(zmq.FD))

    def send(self) -> None:
        self.socket.send(b"message")
        self.sent()

    def poll(self) -> None:
        while self.socket is not None and self.socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            self.received.append(self.socket.recv(zmq.NOBLOCK))
            if len(self.received) < self.rounds:
                self.socket.send(b"acknowledgement")  # as the client library does, without telling

    def drop(self) -> None:
        socket, self.socket = self.socket, None
        if socket is not None:
            socket.close(0)

    def close(self) -> None:
        super().close()
        self.drop()
        self._context.term()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def link(application: Any, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> Iterator[BackendLink]:
    monkeypatch.setattr(polling, "SAFETY_MILLISECONDS", HOUR)  # the timer shall not help
    parent = QtCore.QObject()
    made = new_link(SocketConnection(echo), parent)
    yield made
    made.close()


def turn_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Turns the event loop; it sleeps until something happens."""
    loop, deadline = QtCore.QEventLoop(), time.monotonic() + seconds
    wake = QtCore.QTimer()
    wake.start(20)
    while not condition() and time.monotonic() < deadline:
        loop.processEvents(QtCore.QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    return condition()


def test_every_answer_comes_although_every_look_sends(link: BackendLink) -> None:
    connection = link.connection
    connection.rounds = 300
    link.start()
    started = time.monotonic()
    connection.send()
    assert turn_until(lambda: len(connection.received) >= 300)
    assert time.monotonic() - started < 10


def test_every_answer_comes_when_buttons_send(link: BackendLink) -> None:
    connection = link.connection
    link.start()
    for count in range(1, 61):
        connection.send()
        assert turn_until(lambda count=count: len(connection.received) == count, 2.0), count


def test_the_next_connection_is_watched(link: BackendLink) -> None:
    connection = link.connection
    link.start()
    connection.send()
    assert turn_until(lambda: len(connection.received) == 1)
    connection.drop()
    connection.tell(state="starting")
    connection.connect()
    connection.tell(state="loading", generation=2)
    connection.rounds = 50
    connection.send()
    assert turn_until(lambda: len(connection.received) >= 50)


def test_a_defect_does_not_leave_the_slot(link: BackendLink, capsys: pytest.CaptureFixture[str]) -> None:
    connection = link.connection
    link.start()
    good = connection.poll

    def bad() -> None:
        raise ValueError("a defect")

    connection.poll = bad
    link.poll()
    connection.poll = good
    assert "a defect" in capsys.readouterr().err
    connection.send()
    assert turn_until(lambda: len(connection.received) == 1)


def test_the_end_comes_once(link: BackendLink) -> None:
    connection = link.connection
    link.start()
    QtCore.QCoreApplication.instance().aboutToQuit.emit()
    link.close()
    link.start()
    link.poll()
    assert connection.calls == ["start", "close"]
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    parent = link._loop._parent
    assert not parent.findChildren(QtCore.QObject)


def test_nothing_is_polled_when_its_parent_has_ended(application: Any, echo: Echo) -> None:
    connection = SocketConnection(echo)
    parent = QtCore.QObject()
    made = new_link(connection, parent)
    made.start()
    connection.send()
    looks: list[float] = []
    connection.poll = lambda: looks.append(time.monotonic())
    sip.delete(parent)
    turn_until(lambda: False, 0.5)
    assert looks == []
    made.close()
    assert connection.calls == ["start", "close"]


def test_the_timer_looks_after_what_the_descriptor_does_not_tell(
    application: Any, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "SAFETY_MILLISECONDS", 30)
    connection = SocketConnection(echo)
    looks: list[float] = []
    connection.poll = lambda: looks.append(time.monotonic())
    parent = QtCore.QObject()
    made = new_link(connection, parent)
    try:
        made.start()
        assert turn_until(lambda: len(looks) > 5, 3.0)
    finally:
        made.close()
    count = len(looks)
    turn_until(lambda: False, 0.2)
    assert len(looks) == count
