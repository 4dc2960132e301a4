"""Requests that the front answers itself, at once, whatever the workers are doing."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from backend.front.clients import ClientState
from backend.front.refusals import wrong_protocol
from backend.sessions import listing
from backend.wire.errors import WireError
from backend.wire.folders import log_folder, sessions_folder
from backend.wire.limits import PROTOCOL
from backend.wire.messages import Message
from backend.wire.types import Lane, validate

if TYPE_CHECKING:
    from backend.front.front import Front

_log = logging.getLogger(__name__)

_STATES = ("ready", "loading", "starting", "lost")


class Control:
    """Answers hello, ping, status, the lists, stop, retarget and close."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._answers: dict[str, Callable[[ClientState, Message], dict[str, Any]]] = {
            "hello": self._hello,
            "ping": lambda _client, _message: {},
            "status": self._status,
            "models.list": self._models,
            "session.list": self._sessions,
            "session.close": self._close,
            "drag.stop": self._stop,
            "drag.retarget": self._retarget,
        }

    def answer(self, client: ClientState, message: Message) -> None:
        """Answers a valid request. Raises WireError for one that cannot be granted."""
        body = self._answers[message.type](client, message)
        self._front.clients.reply(
            client.routing_id, Message("ok", body=body, reply_to=message.id, session=message.session)
        )

    def let_in(self, routing_id: bytes, message: Message) -> None:
        """Answers a stranger's first message, which must be hello with the right token.

        Raises:
            WireError: ``hello_first``, ``malformed``, ``wrong_token``, ``wrong_protocol`` or ``busy``.
        """
        if message.type != "hello":
            raise WireError(
                "hello_first",
                "The backend does not know this program yet.",
                "Connect again.",
                request_id=message.id,
            )
        validate(message)
        try:
            body = self._hello(None, message)
            self._front.clients.let_in(routing_id, message.body["client"][:100])
        except WireError as error:
            error.request_id = message.id
            raise
        _log.info("client %r connected", message.body["client"][:100])
        self._front.clients.reply(routing_id, Message("ok", body=body, reply_to=message.id))

    def _hello(self, _client: ClientState | None, message: Message) -> dict[str, Any]:
        token = message.body["token"].encode("utf-8", "replace")
        # The token comes first: a stranger learns nothing, not even the version.
        if not compare_digest(token, self._front.token.encode()):
            raise WireError(
                "wrong_token",
                "The backend does not accept this program's key.",
                "Connect again; if it happens again, restart the backend.",
            )
        for major in (message.body["protocol"][0], message.protocol[0]):
            if major != PROTOCOL[0]:
                raise wrong_protocol(major, message.id)
        return {"server_version": self._front.options.version, "protocol": list(PROTOCOL), "pid": os.getpid()}

    def _status(self, _client: ClientState, _message: Message) -> dict[str, Any]:
        slots = self._front.pool.slots
        best = min(slots, key=lambda slot: _STATES.index(slot.state) if slot.state in _STATES else 9)
        loaded = {name for slot in slots for name in _texts(slot.report.get("models_loaded"))}
        return {
            "state": best.state,
            "device": str(best.report.get("device", best.device)),
            "models_loaded": sorted(loaded),
            "sessions": len(self._front.registry.sessions),
            "clients": len(self._front.clients.table),
            "queued": sum(len(slot.queue) for slot in slots),
            "uptime": time.monotonic() - self._front.started,
            "log_folder": str(log_folder()),
            "workers": [
                {
                    "state": slot.state,
                    "device": str(slot.report.get("device", slot.device)),
                    "pid": slot.process.pid if slot.process is not None else None,
                    "restarts": max(0, len(slot.starts) - 1),
                    "busy": [job.type for job in slot.running.values() if job is not None],
                    "queued": len(slot.queue),
                }
                for slot in slots
            ],
        }

    def _models(self, _client: ClientState, _message: Message) -> dict[str, Any]:
        # Late, because hello must not wait for it.
        from backend.models.catalogue import available

        return {"models": [{**asdict(model), "path": str(model.path)} for model in available()]}

    def _sessions(self, _client: ClientState, _message: Message) -> dict[str, Any]:
        open_ones = self._front.registry.sessions
        return {
            "sessions": [
                {**entry, "open": entry["session"] in open_ones}
                for entry in listing.list_sessions(sessions_folder())
            ]
        }

    def _close(self, client: ClientState, message: Message) -> dict[str, Any]:
        session = self._front.registry.held(message.session, client)
        forget = bool(message.body.get("forget", False))
        if forget:
            # On disk at once: it stays forgotten even if everything is killed before the folder is deleted.
            listing.mark_forgotten(sessions_folder(), session.name)
        self._front.stop(session, None if forget else client.routing_id)
        if self._front.registry.let_go(session, client) or forget:
            self._front.release(session, forget)
        return {}

    def _stop(self, client: ClientState, message: Message) -> dict[str, Any]:
        session = self._front.registry.held(message.session, client)
        jobs = [(slot, job) for slot, job in self._front.pool.jobs_of(session.name) if job.stoppable]
        number = message.body.get("request")
        # The session's inversion and drags are everybody's who works in it; a result is only its asker's.
        own = [(slot, job) for slot, job in jobs if job.client == client.routing_id]
        if number is not None:
            chosen = [(slot, job) for slot, job in own if job.request == number]
        else:
            # A result that is looked at while the drag goes on must not keep the drag from being stopped, and what
            # waits for the drag's end shall come.
            chosen = [(slot, job) for slot, job in jobs if job.lane is Lane.LONG] or own
        for slot, job in chosen:
            self._front.stop_job(slot, job)
        return {"running": bool(chosen)}

    def _retarget(self, client: ClientState, message: Message) -> dict[str, Any]:
        front = self._front
        session = front.registry.held(message.session, client)
        jobs = [(slot, job) for slot, job in front.pool.jobs_of(session.name) if job.type == "drag.start"]
        if not jobs:
            raise WireError("not_running", "Nothing is being pulled at the moment.", "Start the pull first.")
        pair, target = message.body["pair"], message.body["target"]
        session.check_point(target)
        for slot, job in jobs:
            if pair >= len(job.body["pairs"]):
                raise WireError(
                    "bad_points", "There is no such pair of points.", "Move a target that is on the canvas."
                )
            if job.dispatched:
                front.pool.tell(slot, "worker.retarget", job, pair=pair, target=target)
            else:
                job.body["pairs"][pair][1] = target
        return {}


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
