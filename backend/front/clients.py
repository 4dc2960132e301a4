"""The clients that were let in: sending to them without ever waiting for them, and noticing when they go."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import deque
from typing import Any

import zmq

from backend.wire.codec import encode
from backend.wire.errors import WireError
from backend.wire.limits import MAX_BUFFER_BYTES, MAX_CLIENTS, MAX_REQUESTS_PER_CLIENT
from backend.wire.messages import Message
from backend.wire.types import ERROR, HEARTBEAT

_log = logging.getLogger(__name__)

# Complete messages, not bytes. Few on the way in, because one may hold a layer of 256 MB; enough on the way out
# for the small events of a slow client.
_RECEIVE_QUEUE = 8
_SEND_QUEUE = 256
_STUCK_SECONDS = 30.0


def bind_loopback(socket: zmq.Socket[Any]) -> str:
    """Binds to a free port of the loopback interface, which the system picks, and returns the endpoint."""
    socket.bind("tcp://127.0.0.1:*")
    endpoint = socket.getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(endpoint, bytes)
    return endpoint.rstrip(b"\0").decode()


class ClientState:
    """One client that was let in.

    Attributes:
        name: what it calls itself, for the log.
        requests: ids of its requests that wait for a worker, with the job's number.
        sessions: the sessions that it holds open.
        outbox: last replies that could not be sent because it does not read.
        stuck_since: when sending first failed, or None.
    """

    def __init__(self, routing_id: bytes, name: str) -> None:
        self.routing_id = routing_id
        self.name = name
        self.requests: dict[int, int] = {}
        self.sessions: set[str] = set()
        self.outbox: deque[Message] = deque()
        self.stuck_since: float | None = None


class Clients:
    """The socket that clients connect to, and the table of those who were let in.

    A client that has gone is noticed at the next send to it, at the latest by the heartbeat.
    """

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.socket: zmq.Socket[Any] = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        # Makes sending to a client that has gone fail, which is how its end is noticed.
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_BUFFER_BYTES)
        self.socket.setsockopt(zmq.RCVHWM, _RECEIVE_QUEUE)
        self.socket.setsockopt(zmq.SNDHWM, _SEND_QUEUE)
        self.endpoint = bind_loopback(self.socket)
        self.table: dict[bytes, ClientState] = {}
        self._gone: set[bytes] = set()
        self._number = 0

    def let_in(self, routing_id: bytes, name: str) -> None:
        """Adds a client.

        Raises:
            WireError: ``busy`` when there are too many.
        """
        if routing_id not in self.table and self._present() >= MAX_CLIENTS:
            self.beat()  # those that left since the last heartbeat must not keep the next one out
            if self._present() >= MAX_CLIENTS:
                raise WireError(
                    "busy", "Too many programs use the Pullface backend.", "Close one of them and try again."
                )
        self.table.setdefault(routing_id, ClientState(routing_id, name)).name = name

    def _present(self) -> int:
        return len(self.table.keys() - self._gone)

    def receive(self, most_frames: int) -> tuple[bytes, list[Any]] | None:
        """The next message as routing id and frames, or None. Frames beyond ``most_frames`` are thrown away."""
        try:
            routing_id = self.socket.recv(zmq.NOBLOCK)
        except zmq.Again:
            return None
        frames: list[Any] = []
        while self.socket.getsockopt(zmq.RCVMORE):
            frame = self.socket.recv(copy=False)
            if len(frames) < most_frames:
                frames.append(frame)
        return routing_id, frames

    def reply(self, routing_id: bytes, message: Message) -> None:
        """Sends a last reply; it is kept for a client that does not read at the moment."""
        client = self.table.get(routing_id)
        if client is None:
            self._send(routing_id, message)
        elif client.outbox or not self._send(routing_id, message):
            if len(client.outbox) >= 2 * MAX_REQUESTS_PER_CLIENT:
                self._gone.add(routing_id)
            else:
                client.outbox.append(message)

    def event(self, routing_id: bytes, message: Message) -> bool:
        """Sends an event, or drops it when the client does not read. Returns whether it was sent."""
        client = self.table.get(routing_id)
        return client is not None and not client.outbox and self._send(routing_id, message)

    def error(self, routing_id: bytes, reply_to: int | None, error: WireError) -> None:
        """Sends an ``error`` reply."""
        body = {"code": error.code, "message": error.message, "hint": error.hint}
        self.reply(routing_id, Message(ERROR, body=body, reply_to=reply_to))

    def _send(self, routing_id: bytes, message: Message) -> bool:
        self._number += 1
        try:
            frames = encode(dataclasses.replace(message, id=self._number))
        except WireError as error:
            # Our own message, so our own mistake and not the client's.
            raise RuntimeError(f"a message of type {message.type} cannot be sent") from error
        try:
            self.socket.send_multipart([routing_id, *frames], zmq.NOBLOCK, copy=False)
        except zmq.Again:
            client = self.table.get(routing_id)
            if client is not None and client.stuck_since is None:
                client.stuck_since = time.monotonic()
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                _log.warning("a client cannot be sent to: %s", error)
            self._gone.add(routing_id)
            # To a client that has gone everything counts as sent: nothing is kept for it.
            return True
        return True

    def beat(self) -> None:
        """Sends heartbeats and kept replies; to be called every ``HEARTBEAT_SECONDS``."""
        for client in self.table.values():
            while client.outbox and self._send(client.routing_id, client.outbox[0]):
                client.outbox.popleft()
            if not client.outbox and self._send(client.routing_id, Message(HEARTBEAT)):
                client.stuck_since = None
            elif client.stuck_since is not None and time.monotonic() - client.stuck_since > _STUCK_SECONDS:
                _log.warning("client %s has not read for too long: its door is closed", client.name)
                self._gone.add(client.routing_id)

    def take_gone(self) -> list[ClientState]:
        """Removes the clients that have gone from the table and returns them."""
        gone = [self.table.pop(routing_id) for routing_id in self._gone if routing_id in self.table]
        self._gone.clear()
        return gone

    def close(self) -> None:
        """Closes the socket after a moment for the last replies."""
        self.socket.close(200)
