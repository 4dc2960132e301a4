"""Requests that need a worker: which one, and whether there is room for them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from backend.front.clients import ClientState
from backend.front.jobs import Job
from backend.front.slots import WorkerSlot
from backend.wire.errors import WireError
from backend.wire.limits import MAX_REQUESTS_PER_CLIENT, MAX_SESSIONS_PER_CLIENT
from backend.wire.messages import Message
from backend.wire.types import RequestType

if TYPE_CHECKING:
    from backend.front.front import Front


FACES_SINCE = (1, 2)
"""The protocol in which the crop of a layer became its face, unless another one is asked for."""


class Router:
    """Makes jobs of clients' requests and queues them at the worker that has the session."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def queue(self, client: ClientState, message: Message, request: RequestType) -> None:
        """Hands a valid request on. Raises WireError for one that cannot be granted."""
        if message.id in client.requests:
            raise WireError(
                "malformed", "Two requests have the same number.", "Update the plugin that asked."
            )
        if len(client.requests) >= MAX_REQUESTS_PER_CLIENT:
            raise WireError("busy", "Too many requests at a time.", "Wait until the running work is done.")
        if message.type == "session.open" and message.protocol < FACES_SINCE:
            # Older clients know neither faces nor turned crops.
            message.body.setdefault("crop", "layer")
        slot, name = self._place(client, message)
        job = Job(
            number=next(self._front.numbers),
            client=client.routing_id,
            request=message.id,
            type=message.type,
            lane=request.lane,
            session=name,
            body=message.body,
            buffers=message.buffers,
        )
        client.requests[message.id] = job.number
        try:
            self._front.pool.submit(slot, job)
        except WireError:
            del client.requests[message.id]
            raise
        if not job.dispatched:
            self._front.clients.event(
                client.routing_id,
                Message("progress", body={"stage": "queued"}, reply_to=message.id, session=name),
            )

    def _place(self, client: ClientState, message: Message) -> tuple[WorkerSlot, str]:
        """The worker and the session's name for a request, checked against the session."""
        if message.type == "faces.find":
            return self._front.pool.choose(), uuid.uuid4().hex
        if message.type in ("session.open", "session.resume"):
            self._check_session_count(client)
            name = message.session if message.type == "session.resume" else uuid.uuid4().hex
            assert name is not None
            known = self._front.registry.sessions.get(name)
            return (known.slot if known is not None else self._front.pool.choose()), name
        session = self._front.registry.held(message.session, client)
        if message.type == "drag.start":
            for pair in message.body["pairs"]:
                for point in pair:
                    session.check_point(point)
            if message.body.get("mask") is not None:
                session.check_mask(message.body["mask"]["shape"])
        if session.slot.state == "lost" and not self._front.pool.revive(session.slot):
            # Everything about a session is on disk, so that another worker can take it over.
            session.slot = self._front.pool.choose()
        return session.slot, session.name

    def _check_session_count(self, client: ClientState) -> None:
        coming = sum(
            job.client == client.routing_id and job.type in ("session.open", "session.resume")
            for slot in self._front.pool.slots
            for job in slot.jobs()
        )
        if len(client.sessions) + coming >= MAX_SESSIONS_PER_CLIENT:
            raise WireError(
                "busy",
                f"{MAX_SESSIONS_PER_CLIENT} pictures are open already.",
                "Close a picture that you do not edit any more.",
            )
