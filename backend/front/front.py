"""The front's event loop: it takes messages in, answers what it can answer itself and routes the rest."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import zmq

from backend.front.clients import Clients, ClientState
from backend.front.control import Control
from backend.front.jobs import RELEASE, Job
from backend.front.lifetime import Lifetime
from backend.front.pool import WorkerPool
from backend.front.refusals import internal_error, worker_lost, wrong_protocol
from backend.front.registry import OpenSession, Registry
from backend.front.routing import Router
from backend.front.slots import WorkerSlot
from backend.wire.codec import decode
from backend.wire.connection import ConnectionInfo, new_token, remove_connection, write_connection
from backend.wire.errors import WireError
from backend.wire.limits import HEARTBEAT_SECONDS, MAX_BUFFERS, PROTOCOL
from backend.wire.messages import Message
from backend.wire.types import ACKNOWLEDGE, Lane, validate

_log = logging.getLogger(__name__)

_TICK = 0.5
_HEAD_START = 0.2
"""Seconds that the first client has to say hello before the workers' loading of torch takes the processor."""

_BURST = 32


@dataclass(frozen=True)
class FrontOptions:
    """How to run the front.

    Attributes:
        version: the backend's version, told to clients.
        devices: one worker for each; "auto" lets the worker choose.
        parents: process ids; see ``Lifetime``.
        idle_exit: seconds; see ``Lifetime``.
    """

    version: str
    devices: Sequence[str] = ("auto",)
    parents: Sequence[int] = ()
    idle_exit: float = 0.0


class Front:
    """Owns the sockets, the clients, the sessions' places and the workers."""

    def __init__(self, options: FrontOptions) -> None:
        self.options = options
        self.started = time.monotonic()
        self.token = new_token()
        self._context: zmq.Context[Any] = zmq.Context()
        self.clients = Clients(self._context)
        self.registry = Registry()
        self.pool = WorkerPool(self._context, options.devices, self._on_answer, self._on_loss)
        self.control = Control(self)
        self.router = Router(self)
        self._lifetime = Lifetime(options.parents, options.idle_exit)
        self.numbers = itertools.count(1)
        self.info = ConnectionInfo(
            endpoint=self.clients.endpoint,
            token=self.token,
            pid=os.getpid(),
            version=options.version,
            started=time.time(),
        )

    # The loop

    def run(self) -> None:
        """Serves until it has nobody left to live for, or until a signal's exception ends it."""
        write_connection(self.info)
        try:
            self._serve()
        finally:
            remove_connection(self.info)
            self.clients.close()
            self.pool.close()
            self._context.term()

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in (self.clients.socket, self.pool.socket, self.pool.ended):
            poller.register(socket, zmq.POLLIN)
        next_tick = next_beat = time.monotonic()
        start_workers_at: float | None = next_tick + _HEAD_START
        while True:
            pause = max(0.0, min(next_tick, start_workers_at or next_tick) - time.monotonic())
            ready = dict(poller.poll(int(pause * 1000) + 1))
            if self.pool.ended in ready:
                self.pool.take_ended()
            if self.pool.socket in ready:
                self.pool.take_messages()
            if self.clients.socket in ready:
                self._take_client_messages()
            now = time.monotonic()
            if start_workers_at is not None and (self.clients.table or now >= start_workers_at):
                start_workers_at = None
                self.pool.start()
            if now >= next_tick:
                next_tick = now + _TICK
                if now >= next_beat:
                    next_beat = now + HEARTBEAT_SECONDS
                    self.clients.beat()
                    self.pool.check()
                    self._revive_previews()
                reason = self._lifetime.reason_to_end(len(self.clients.table))
                if reason is not None:
                    _log.info("ending: %s", reason)
                    return
            for client in self.clients.take_gone():
                self._client_gone(client)

    # From clients

    def _take_client_messages(self) -> None:
        # Bounded, so that a client that talks without end cannot keep the front from its other duties.
        for _ in range(_BURST):
            received = self.clients.receive(MAX_BUFFERS + 2)
            if received is None:
                return
            routing_id, frames = received
            stranger = routing_id not in self.clients.table
            try:
                self._take(routing_id, frames)
            except WireError as error:
                self.clients.error(routing_id, error.request_id, error)
            except Exception:
                _log.exception("a client's message could not be handled")
                self.clients.error(routing_id, None, internal_error())
            if stranger:
                # The first client's hello starts the workers, which the loop does before anything else is served.
                return

    def _take(self, routing_id: bytes, frames: list[Any]) -> None:
        client = self.clients.table.get(routing_id)
        # Of a stranger only the header is looked at.
        message = decode(frames if client is not None else frames[:1])
        if client is None:
            self.control.let_in(routing_id, message)
            return
        if message.type == ACKNOWLEDGE:
            self._acknowledge(client, message)
            return
        if message.type != "hello" and message.protocol[0] != PROTOCOL[0]:
            raise wrong_protocol(message.protocol[0], message.id)
        request = validate(message)
        try:
            if request.lane is Lane.FRONT:
                self.control.answer(client, message)
            else:
                self.router.queue(client, message, request)
        except WireError as error:
            error.request_id = message.id
            raise
        except Exception:
            _log.exception("%s could not be handled", message.type)
            self.clients.error(routing_id, message.id, internal_error())

    def _acknowledge(self, client: ClientState, message: Message) -> None:
        number = client.requests.get(message.reply_to if message.reply_to is not None else -1)
        for slot in self.pool.slots:
            job = slot.job(number) if number is not None else None
            if job is not None:
                job.preview_lost = False
                self.pool.tell(slot, "worker.ack", job)

    # From workers

    def _on_answer(self, slot: WorkerSlot, job: Job, message: Message) -> None:
        client = self.clients.table.get(job.client or b"")
        forwarded = Message(
            message.type, 0, message.body, reply_to=job.request, session=job.session, buffers=message.buffers
        )
        if message.type == "ok" and job.type in ("session.open", "session.resume"):
            session = self.registry.hold(job.session, slot, message.body, client)
            if not session.clients:
                self.release(session)
        if client is None:
            if message.type == "preview":
                self.pool.tell(slot, "worker.ack", job)
            return
        if message.type in ("progress", "preview"):
            sent = self.clients.event(client.routing_id, forwarded)
            job.preview_lost = job.preview_lost or (message.type == "preview" and not sent)
            return
        client.requests.pop(job.request, None)
        self.clients.reply(client.routing_id, forwarded)

    def _on_loss(self, slot: WorkerSlot, job: Job) -> None:
        client = self.clients.table.get(job.client or b"")
        if client is not None:
            client.requests.pop(job.request, None)
            self.clients.error(client.routing_id, job.request, worker_lost())

    def _revive_previews(self) -> None:
        """Lets the worker try again where a preview could not be handed over, since nobody will acknowledge it."""
        for slot in self.pool.slots:
            for job in slot.running.values():
                if job is not None and job.preview_lost:
                    job.preview_lost = False
                    self.pool.tell(slot, "worker.ack", job)

    # Ends

    def stop(self, session: OpenSession, client: bytes | None = None) -> None:
        """Stops the session's running work and cancels what waits; only ``client``'s when given."""
        for slot, job in self.pool.jobs_of(session.name):
            if job.type != RELEASE and (client is None or job.client == client):
                self.stop_job(slot, job)

    def stop_job(self, slot: WorkerSlot, job: Job) -> None:
        """Stops one job if it runs, and cancels it if it waits."""
        if job.dispatched:
            job.stopped = True
            self.pool.tell(slot, "worker.stop", job)
            return
        slot.finish(job)
        owner = self.clients.table.get(job.client or b"")
        if owner is not None:
            owner.requests.pop(job.request, None)
            error = WireError("cancelled", "The work was cancelled before it began.", "Start it again.")
            self.clients.error(owner.routing_id, job.request, error)

    def release(self, session: OpenSession, forget: bool = False) -> None:
        """Lets the worker forget a session that nobody holds; ``forget`` deletes it from the disk, too."""
        self.registry.sessions.pop(session.name, None)
        for routing_id in session.clients:
            self.clients.table[routing_id].sessions.discard(session.name)
        job = Job(next(self.numbers), None, 0, RELEASE, Lane.SHORT, session.name, {"forget": forget})
        try:
            self.pool.submit(session.slot, job)
        except WireError:
            _log.warning("no worker to release session %s", session.name)

    def _client_gone(self, client: ClientState) -> None:
        _log.info("client %s has gone", client.name)
        for slot in self.pool.slots:
            for job in slot.jobs():
                if job.client != client.routing_id:
                    continue
                if job.dispatched:
                    job.stopped = True
                    self.pool.tell(slot, "worker.stop", job)
                else:
                    slot.finish(job)
        for name in list(client.sessions):
            session = self.registry.sessions[name]
            if self.registry.let_go(session, client):
                self.release(session)
