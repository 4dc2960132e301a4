"""The transport by pyzmq, whose own thread talks to the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from .errors import RemoteError
from .limits import MAX_BUFFER_BYTES
from .messages import Buffer
from .transport import RECEIVE_QUEUE, SEND_QUEUE, server_lost
from .zmtp import KEPT_FRAMES


class LibzmqTransport:
    """See ``Transport``. The descriptor is edge-triggered, and sending can swallow a wake-up, too."""

    socket_object = None

    def __init__(self, endpoint: str) -> None:
        self.name = f"libzmq {zmq.zmq_version()} (pyzmq {zmq.__version__})"
        self._ended: RemoteError | None = None
        self._closed = False
        self._context: zmq.Context[Any] = zmq.Context(io_threads=1)
        self._socket: zmq.Socket[Any] = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_BUFFER_BYTES)
        self._socket.setsockopt(zmq.SNDHWM, SEND_QUEUE)
        self._socket.setsockopt(zmq.RCVHWM, RECEIVE_QUEUE)
        # A reconnected DEALER is a stranger to the server: a broken connection is final, and said at once.
        self._socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self._monitor: zmq.Socket[Any] = self._socket.get_monitor_socket(
            zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        )
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise server_lost() from error

    @property
    def ended(self) -> RemoteError | None:
        if (
            self._ended is None
            and not self._closed
            and int(self._monitor.getsockopt(zmq.EVENTS)) & zmq.POLLIN
        ):
            recv_monitor_message(self._monitor, zmq.NOBLOCK)
            self._ended = server_lost()
        return self._ended

    def fileno(self) -> int:
        return int(self._socket.getsockopt(zmq.FD))

    def send(self, frames: Sequence[Buffer]) -> None:
        if (
            self.ended is not None
        ):  # libzmq itself goes on to collect messages for a server that was never there
            raise BlockingIOError
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK, copy=False)
        except zmq.Again as error:
            raise BlockingIOError from error

    def receive(self) -> list[Buffer] | None:
        if self._closed:
            return None
        try:
            frames: list[Buffer] = [self._socket.recv(zmq.NOBLOCK, copy=False).buffer]
        except zmq.Again:
            return None
        while self._socket.getsockopt(zmq.RCVMORE):
            frame = self._socket.recv(copy=False)
            if len(frames) < KEPT_FRAMES:
                frames.append(frame.buffer)
        return frames

    def wait(self, seconds: float) -> None:
        self._poller.poll(int(seconds * 1000) + 1)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)
        self._context.term()
