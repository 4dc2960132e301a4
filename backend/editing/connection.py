"""The way to the backend: found or started in the background, watched, and found again when it is lost."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from ..wire.client import Client, Request
from ..wire.errors import RemoteError
from ..wire.folders import log_folder
from ..wire.launch import ensure_server
from ..wire.messages import Body, Buffer, Event
from .host import EditingError
from .messages import Message, Observers, message_of
from .tasks import Steps, Waiting

STATUS_SECONDS = 0.5
"""How often a backend that is not ready is asked how far it is."""

WATCH_SECONDS = 5.0
"""How often a ready one is asked."""

RETRY_SECONDS = (0.0, 1.0, 4.0)
"""Pauses before a lost backend is started again; after the last attempt the artist has to ask for it."""

OnEvent = Callable[[Event], None]


class _Call:
    """A request that is under way."""

    def __init__(self, request: Request, waiting: Waiting, on_event: OnEvent | None) -> None:
        self.request = request
        self.waiting = waiting
        self.on_event = on_event


class Connection:
    """One connection of this editor's process to the backend, shared by all its windows.

    Nothing blocks: the backend is found or started, and greeted, in a thread; everything else happens on the thread
    that calls. Call ``poll`` when ``fileno()`` becomes readable, on the next turn after each ``send``, and every
    250 ms: the descriptor is edge-triggered.

    Args:
        client_name: of the editor, for the backend's log.
        connect: makes a connected client, blocking; by default finds or starts the server.

    Attributes:
        state: ``off`` (never started, or closed), ``starting`` (its process), ``loading`` (the model), ``ready`` or
            ``lost`` (given up; ``start`` tries again).
        version: of the backend that was reached last; empty before.
        device: such as ``cpu`` or ``cuda:0``; empty until known.
        models: as in the reply to ``models.list``.
        message: why it is lost, else None.
        generation: counts the servers that it was connected to.
        sent: is called after every request, see above.
    """

    def __init__(self, client_name: str, connect: Callable[[], Client] | None = None) -> None:
        self._connect = connect or (lambda: Client(ensure_server(), client_name))
        self._client: Client | None = None
        self._found: queue.SimpleQueue[tuple[object, Client | BaseException]] = queue.SimpleQueue()
        self._search: object | None = None
        self._failures = 0
        self._retry_at: float | None = None
        self._calls: dict[int, _Call] = {}
        self._status_at = 0.0
        self._status_asked = False
        self._observers = Observers()
        self._told: tuple[object, ...] = ()
        self.sent: Callable[[], None] = lambda: None
        self.state = "off"
        self.version = ""
        self.device = ""
        self.models: list[dict[str, Any]] = []
        self.message: Message | None = None
        self.generation = 0

    @property
    def log_folder(self) -> str:
        """Where the backend writes its logs."""
        return str(log_folder())

    @property
    def connected(self) -> bool:
        """Whether requests can be sent; a backend that still loads queues them."""
        return self._client is not None

    def observe(self, function: Callable[[str], None]) -> Callable[[], None]:
        """Calls ``function("connection")`` after every change. Returns what ends that."""
        return self._observers.add(function)

    def start(self) -> None:
        """Looks for the backend, or starts it; harmless while that is under way or done."""
        if self._client is None and self._search is None:
            self._failures = 0
            self._look()

    def close(self) -> None:
        """Lets go of the backend. Open calls end with ``server_lost``."""
        self._search = self._retry_at = None
        self._drop(RemoteError("server_lost", "The Pullface backend was let go.", "Connect to it again."))
        self._set("off")

    @property
    def transport(self) -> str:
        """What carries the messages and, where that is not libzmq, why; empty while there is no connection."""
        return self._client.transport if self._client is not None else ""

    def fileno(self) -> int | None:
        """The descriptor to watch; None while there is none. Changes with ``generation``."""
        return self._client.fileno() if self._client is not None else None

    def send(
        self,
        type: str,
        body: Body | None = None,
        buffers: Sequence[Buffer] = (),
        session: str | None = None,
        on_event: OnEvent | None = None,
    ) -> Waiting:
        """Sends a request; the reply, or the error, comes to the returned ``Waiting`` from a later ``poll``.

        Large buffers are not copied: leave them unchanged until then.
        """
        try:
            if self._client is None:
                raise RemoteError(
                    "server_lost", "The Pullface backend is not running.", "Wait until it is ready."
                )
            request = self._client.start(type, body, buffers, session)
        except RemoteError as error:
            waiting = Waiting()
            waiting.answer(error)
            return waiting
        waiting = Waiting(request.id)
        self._calls[request.id] = _Call(request, waiting, on_event)
        self.sent()
        return waiting

    def poll(self) -> None:
        """Takes in what has come and does what is due."""
        self._take_found()
        if self._retry_at is not None and time.monotonic() >= self._retry_at:
            self._look()
        if self._client is None:
            return
        for request in self._client.poll_events():
            self._deliver(request)
        lost = self._client.lost if self.connected else None  # a delivery may have closed the connection
        if lost is not None:
            self._drop(lost)
            self._set("starting")
            self._failures = 0
            self._look()
        self._ask_status()

    def until_connected(self) -> Steps[None]:
        """The part of a job that waits for the backend. Raises ``EditingError`` when it cannot be had."""
        while not self.connected:
            if self.state in ("lost", "off"):
                message = self.message or Message(
                    "error", "The Pullface backend is not running.", "Start it."
                )
                raise EditingError("not_started", message.text, message.hint, message.details)
            yield 0.05

    # Finding

    def _look(self) -> None:
        self._retry_at = None
        token = self._search = object()
        threading.Thread(target=self._find, args=(token,), name="pullface-connect", daemon=True).start()
        self._set("starting")

    def _find(self, token: object) -> None:
        try:
            outcome: Client | BaseException = self._connect()
        except BaseException as error:
            outcome = error
        self._found.put((token, outcome))

    def _take_found(self) -> None:
        try:
            token, outcome = self._found.get_nowait()
        except queue.Empty:
            return
        if token is not self._search:  # closed meanwhile
            if isinstance(outcome, Client):
                outcome.close()
            return
        self._search = None
        if isinstance(outcome, BaseException):
            self._not_found(outcome)
            return
        self._client = outcome
        self.version = str(outcome.server.get("server_version", ""))
        self._failures = 0
        self.generation += 1
        self.message = None
        self._status_asked = False
        self._status_at = 0.0
        self._set("loading")
        self._ask_models()

    def _not_found(self, error: BaseException) -> None:
        self._failures += 1
        code = error.code if isinstance(error, RemoteError) else ""
        if code not in ("not_started", "wrong_protocol") and self._failures < len(RETRY_SECONDS):
            self._retry_at = time.monotonic() + RETRY_SECONDS[self._failures]
            return
        self.message = message_of(error, "starting the backend")
        self._set("lost")

    def _drop(self, error: RemoteError) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.waiting.answer(error)

    # Talking

    def _deliver(self, request: Request) -> None:
        call = self._calls.get(request.id)
        if call is None:
            return
        try:
            for event in request.take_events():
                if call.on_event is not None:
                    call.on_event(event)
        except Exception:
            # A defect, or the connection broke while a preview was acknowledged: the reply must come all the same.
            traceback.print_exc()
        if request.done:
            self._calls.pop(request.id, None)
            call.waiting.answer(request.error or request.result(0))

    def _ask_models(self) -> None:
        waiting = self.send("models.list")

        def answered() -> None:
            if not isinstance(waiting.outcome, RemoteError) and waiting.outcome is not None:
                self.models = list(waiting.outcome.body["models"])
                self._observers.tell("connection")

        waiting.then(answered)

    def _ask_status(self) -> None:
        now = time.monotonic()
        if self._client is None or self._status_asked or now < self._status_at:
            return
        waiting = self.send("status")
        self._status_asked = True

        def answered() -> None:
            self._status_asked = False
            reply = waiting.outcome
            if reply is None or isinstance(reply, RemoteError):
                return
            state = str(reply.body["state"])
            self.device = str(reply.body["device"])
            self._status_at = time.monotonic() + (WATCH_SECONDS if state == "ready" else STATUS_SECONDS)
            self.message = None
            if state == "lost":
                self.message = Message(
                    "error",
                    "The Pullface backend keeps stopping.",
                    "Copy the details, and look into its log.",
                    f"worker state lost; logs in {self.log_folder}",
                )
            self._set("loading" if state == "starting" else state)

        waiting.then(answered)

    def _set(self, state: str) -> None:
        self.state = state
        told = (state, self.device, self.message, self.generation)
        if told != self._told:
            self._told = told
            self._observers.tell("connection")
