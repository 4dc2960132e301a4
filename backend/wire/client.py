"""A client of the server: the command line uses it blocking, an editor's event loop uses it non-blocking.

One ``Client`` belongs to one thread. Inside an event loop (Qt, GLib) watch ``fileno()`` for readability and
call ``poll_events()`` whenever it fires, **after every call that sends**, and from a timer about every
250 ms: pyzmq's descriptor is edge-triggered, so one wake-up may stand for many messages, and sending can swallow
a wake-up.
``poll_events`` drains everything and never blocks.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from .codec import decode, encode
from .connection import ConnectionInfo
from .errors import RemoteError, WireError
from .limits import PROTOCOL, SILENCE_SECONDS
from .messages import Body, Buffer, Event, Message, Reply
from .transport import open_transport, server_lost
from .types import ACKNOWLEDGE, ERROR, HEARTBEAT, OK

__all__ = ["Client", "RemoteError", "Request"]

_KEPT_EVENTS = 256
_LONG_PAUSE = 5.0


class Request:
    """A request on its way. Made by ``Client.start``.

    Attributes:
        id: its number on the wire.
        type: its type's name.
        session: the session that it concerns, or None.
    """

    def __init__(self, client: Client, message: Message) -> None:
        self.id = message.id
        self.type = message.type
        self.session = message.session
        self._client = client
        self._events: deque[Event] = deque(maxlen=_KEPT_EVENTS)
        self._reply: Reply | None = None
        self._error: RemoteError | None = None

    @property
    def done(self) -> bool:
        """Whether the last reply is here."""
        return self._reply is not None or self._error is not None

    @property
    def error(self) -> RemoteError | None:
        """The error that was the last reply, if it was one."""
        return self._error

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """Yields events until the last reply is here; then ``result()`` returns at once.

        Args:
            timeout: seconds to wait for each next event or the reply; None waits as long as the server lives.

        Raises:
            RemoteError: ``timeout`` or ``server_lost``. An ``error`` reply is raised by ``result()`` only.
        """
        while True:
            while self._events:
                event = self._events.popleft()
                self._client.acknowledge(event)
                yield event
            if self.done:
                return
            self._client.wait(self, timeout)

    def result(self, timeout: float | None = None) -> Reply:
        """Waits for the last reply and drops the events that come before it.

        Args:
            timeout: seconds for the whole wait; None waits as long as the server lives.

        Raises:
            RemoteError: the server's ``error`` reply, ``timeout`` or ``server_lost``.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.done:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            self._client.wait(self, remaining)
            while self._events:
                self._client.acknowledge(self._events.popleft())
        if self._error is not None:
            raise self._error
        assert self._reply is not None
        return self._reply

    def add(self, event: Event) -> None:
        """Keeps an event for ``events``; previews are latest-wins, and the oldest progress goes first."""
        if event.type == "preview":
            for old in [item for item in self._events if item.type == "preview"]:
                self._events.remove(old)
        self._events.append(event)

    def take_events(self) -> list[Event]:
        """The events that have come so far, without waiting; their previews are acknowledged."""
        taken = list(self._events)
        self._events.clear()
        for event in taken:
            self._client.acknowledge(event)
        return taken

    def finish(self, outcome: Reply | RemoteError) -> None:
        """Sets the last reply; a second one is ignored."""
        if self.done:
            return
        if isinstance(outcome, Reply):
            self._reply = outcome
        else:
            self._error = outcome


class Client:
    """A connection to the server, let in by ``hello`` in the constructor.

    Args:
        info: from ``backend.wire.launch.ensure_server`` or ``backend.wire.connection.read_connection``.
        client_name: shown in the server's log.
        timeout: seconds to wait for the answer to ``hello``.

    Attributes:
        server: the body of the reply to ``hello``: server_version, protocol, pid.
        transport: what carries the messages, for people, see ``backend.wire.transport``.

    Raises:
        RemoteError: ``wrong_token``, ``wrong_protocol``, ``busy``, ``timeout``, ``server_lost``, or ``not_started``
            when the transport that the environment asks for cannot be had.
    """

    def __init__(self, info: ConnectionInfo, client_name: str = "client", timeout: float = 5.0) -> None:
        self.info = info
        self._numbers = itertools.count(1)
        self._requests: dict[int, Request] = {}
        self._lost: RemoteError | None = None
        self._closed = False
        self._heard = self._polled = time.monotonic()
        self._transport = open_transport(info.endpoint)
        self.transport = self._transport.name
        try:
            body = {"token": info.token, "protocol": list(PROTOCOL), "client": client_name}
            self.server: Body = self.request("hello", body, timeout=timeout).body
        except BaseException:
            self.close()
            raise

    def start(
        self,
        type: str,
        body: Body | None = None,
        buffers: Sequence[Buffer] = (),
        session: str | None = None,
    ) -> Request:
        """Sends a request and returns at once.

        Large buffers are not copied: leave them unchanged until the request is done.

        Raises:
            RemoteError: ``server_lost`` when the connection is known to be broken.
            WireError: ``malformed`` when the body cannot be packed.
        """
        if self._lost is not None:
            raise self._lost
        message = Message(
            type=type, id=next(self._numbers), body=body or {}, session=session, buffers=buffers
        )
        request = Request(self, message)
        self._requests[request.id] = request
        try:
            self._send(message)
        except BaseException:
            del self._requests[request.id]
            raise
        return request

    def request(
        self,
        type: str,
        body: Body | None = None,
        buffers: Sequence[Buffer] = (),
        session: str | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """``start`` and ``result`` in one."""
        return self.start(type, body, buffers, session).result(timeout)

    def acknowledge(self, event: Event) -> None:
        """Tells the server that a preview was taken, so that it renders the next. Harmless for other events.

        ``Request.events``, ``Request.take_events`` and ``Request.result`` call it by themselves.
        """
        if event.type == "preview" and self._lost is None and not self._closed:
            self._send(
                Message(ACKNOWLEDGE, next(self._numbers), {}, reply_to=event.request, session=event.session)
            )

    def _send(self, message: Message) -> None:
        try:
            self._transport.send(encode(message))
        except BlockingIOError as error:
            raise self._transport.ended or server_lost() from error

    def fileno(self) -> int:
        """The descriptor for an event loop; it may be edge-triggered, see the module's description."""
        return self._transport.fileno()

    @property
    def socket_object(self) -> socket.socket | None:
        """The socket that ``fileno`` belongs to, for loops that watch objects; None where there is only the number."""
        return self._transport.socket_object

    def poll_events(self) -> list[Request]:
        """Takes in everything that has arrived, without blocking.

        Returns:
            the requests that have something new: read their ``take_events()``, ``done`` and ``result()``.
            When the server is lost every open request is returned, done with ``server_lost``.
        """
        changed: dict[int, Request] = {}
        while not self._closed:
            ended = self._transport.ended
            while (frames := self._transport.receive()) is not None:
                self._heard = time.monotonic()
                request = self._take_in(frames)
                if request is not None:
                    changed[request.id] = request
            # A connection that ended just now may have brought its last messages just before.
            if self._transport.ended is ended:
                self._notice_loss(ended)
                break
        if self._lost is not None:
            for request in list(self._requests.values()):
                request.finish(self._lost)
                changed[request.id] = request
            self._requests.clear()
        return list(changed.values())

    @property
    def lost(self) -> RemoteError | None:
        """Set once the server is known to be gone; the client can then only be closed."""
        return self._lost

    def wait(self, request: Request, timeout: float | None = None) -> None:
        """Blocks until ``request`` has something new.

        Raises:
            RemoteError: ``timeout``.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if any(changed is request for changed in self.poll_events()) or request.done:
                return
            # Half a second bounds how late silence and a lost edge are noticed.
            interval = 0.5 if deadline is None else min(0.5, deadline - time.monotonic())
            if interval <= 0:
                raise RemoteError(
                    "timeout",
                    "The Pullface backend did not answer in time.",
                    "Try again, or restart the backend.",
                )
            self._transport.wait(interval)

    def _take_in(self, frames: Sequence[Any]) -> Request | None:
        try:
            message = decode(frames)
        except WireError:
            return None
        if message.type == HEARTBEAT or message.reply_to is None:
            return None
        request = self._requests.get(message.reply_to)
        if request is None:
            return None
        buffers = tuple(memoryview(frame) for frame in message.buffers)
        if message.type == OK:
            request.finish(Reply(message.body, buffers, message.session))
            del self._requests[request.id]
        elif message.type == ERROR:
            request.finish(_remote_error(message.body))
            del self._requests[request.id]
        else:
            request.add(Event(message.type, message.body, buffers, message.session, request.id))
        return request

    def _notice_loss(self, ended: RemoteError | None) -> None:
        now = time.monotonic()
        if now - self._polled > _LONG_PAUSE:
            # Nobody listened for a while (a modal dialog, a sleeping computer): silence counts from now on.
            self._heard = now
        self._polled = now
        if now - self._heard > SILENCE_SECONDS:
            ended = ended or server_lost()
        self._lost = self._lost or ended

    def close(self) -> None:
        """Ends the connection. The server stops what this client left running. Harmless when called twice."""
        if self._closed:
            return
        self._closed = True
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _remote_error(body: Body) -> RemoteError:
    return RemoteError(
        str(body.get("code", "internal")),
        str(body.get("message", "The backend failed.")),
        str(body.get("hint", "")),
    )
