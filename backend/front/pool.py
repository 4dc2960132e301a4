"""The workers behind the front: one or several, started again when they die, sessions kept at theirs."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Any

import zmq

from backend.front.clients import bind_loopback
from backend.front.jobs import Job
from backend.front.refusals import worker_lost
from backend.front.slots import LANES, WorkerSlot
from backend.wire.codec import decode, encode
from backend.wire.errors import WireError
from backend.wire.limits import MAX_BUFFER_BYTES
from backend.wire.messages import Message

_log = logging.getLogger(__name__)

_ENDED = "inproc://worker-ended"
_GRACE_SECONDS = 2.0

Answer = Callable[[WorkerSlot, Job, Message], None]
Loss = Callable[[WorkerSlot, Job], None]


class WorkerPool:
    """Spawns workers, hands them jobs one long and one short at a time, and notices when one dies.

    Args:
        context: the front's ZeroMQ context.
        devices: one worker is started for each.
        on_answer: called with each message about a running job: ``progress``, ``preview``, ``ok`` or ``error``.
            For the last two the job is already out of the slot.
        on_loss: called for each job that a dead worker was running, and for queued jobs when it stays dead.
    """

    def __init__(
        self, context: zmq.Context[Any], devices: Sequence[str], on_answer: Answer, on_loss: Loss
    ) -> None:
        self._context = context
        self._on_answer = on_answer
        self._on_loss = on_loss
        self.slots = [WorkerSlot(index, device) for index, device in enumerate(devices)]
        self.socket: zmq.Socket[Any] = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_BUFFER_BYTES)
        # The front bounds what it hands to a worker; nothing of that may get lost in the socket.
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self._endpoint = bind_loopback(self.socket)
        self.ended: zmq.Socket[Any] = context.socket(zmq.PULL)
        self.ended.bind(_ENDED)
        self._closing = False

    # Starting and losing processes

    def start(self) -> None:
        """Starts all workers."""
        for slot in self.slots:
            self._spawn(slot)

    def _spawn(self, slot: WorkerSlot) -> None:
        try:
            process = slot.spawn(self._endpoint)
        except OSError:
            _log.exception("worker %d cannot be started", slot.index)
            self._give_up(slot)
            return
        # A blocking wait in a thread notices the end at once on every platform, without polling.
        threading.Thread(target=self._wait, args=(slot.index, process), daemon=True).start()

    def _wait(self, index: int, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        with contextlib.suppress(zmq.ZMQError):
            socket: zmq.Socket[Any] = self._context.socket(zmq.PUSH)
            socket.connect(_ENDED)
            socket.send(f"{index} {process.pid}".encode())
            socket.close()

    def take_ended(self) -> None:
        """Handles the processes that have ended: their running jobs are lost, they are started again."""
        while True:
            try:
                index, pid = map(int, self.ended.recv(zmq.NOBLOCK).split())
            except zmq.Again:
                return
            slot = self.slots[index]
            if slot.process is None or slot.process.pid != pid:
                continue
            # What it had said before it died counts.
            self.take_messages()
            self._lost(slot)

    def _lost(self, slot: WorkerSlot) -> None:
        assert slot.process is not None
        status = slot.process.returncode
        _log.warning("worker %d (process %d) ended with status %s", slot.index, slot.process.pid, status)
        if slot.process.stdin is not None:
            with contextlib.suppress(OSError):
                slot.process.stdin.close()
        slot.process = None
        slot.routing_id = None
        running = [job for job in slot.running.values() if job is not None]
        slot.running = dict.fromkeys(LANES)
        if not self._closing and slot.may_restart():
            self._spawn(slot)
        elif not self._closing:
            self._give_up(slot)
        for job in running:
            self._on_loss(slot, job)

    def _give_up(self, slot: WorkerSlot) -> None:
        _log.error("worker %d died too often and is not started again for now", slot.index)
        slot.state = "lost"
        waiting, slot.queue = slot.queue, []
        for job in waiting:
            other = self.choose()
            if other.state != "lost":
                other.queue.append(job)
                self.pump(other)
            else:
                self._on_loss(slot, job)

    def revive(self, slot: WorkerSlot) -> bool:
        """Tries a lost worker again once enough time has passed. Returns whether it is not lost (any more)."""
        if slot.state == "lost" and slot.process is None and slot.may_restart():
            self._spawn(slot)
        return slot.state != "lost"

    def check(self) -> None:
        """Ends workers that hang; to be called about every second."""
        for slot in self.slots:
            if slot.hangs():
                _log.error("worker %d has been silent for too long and is ended", slot.index)
                slot.heard = time.monotonic()
                slot.kill()
            elif slot.routing_id is not None:
                self._send(slot, Message("front.beat"))

    def close(self) -> None:
        """Ends all workers: the closed pipe tells them, and who does not listen is killed."""
        self._closing = True
        for slot in self.slots:
            if slot.process is not None and slot.process.stdin is not None:
                with contextlib.suppress(OSError):
                    slot.process.stdin.close()
        deadline = time.monotonic() + _GRACE_SECONDS
        for slot in self.slots:
            if slot.process is None:
                continue
            try:
                slot.process.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                slot.kill()
        self.socket.close(0)
        self.ended.close(0)

    # Jobs

    def choose(self) -> WorkerSlot:
        """The worker for a new session: the one with the least to do."""
        return min(self.slots, key=WorkerSlot.load)

    def submit(self, slot: WorkerSlot, job: Job) -> None:
        """Queues a job and hands it over when the worker is free.

        Raises:
            WireError: ``worker_lost`` when the worker died too often, ``busy`` when its queue is full.
        """
        if not self.revive(slot):
            raise worker_lost()
        if job.client is not None and slot.full(job):
            raise WireError(
                "busy",
                "The backend has too much to do at the moment.",
                "Wait until the running work is done.",
            )
        slot.queue.append(job)
        self.pump(slot)

    def pump(self, slot: WorkerSlot) -> None:
        """Hands over what the worker can begin."""
        while (job := slot.next_job()) is not None:
            self._send(slot, job.message())
            # The frames now belong to the socket; keeping them here would keep a whole layer in memory.
            job.buffers = ()

    def jobs_of(self, session: str) -> list[tuple[WorkerSlot, Job]]:
        """The running and queued jobs of a session, wherever they are."""
        return [(slot, job) for slot in self.slots for job in slot.jobs() if job.session == session]

    def tell(self, slot: WorkerSlot, kind: str, job: Job, **body: Any) -> None:
        """Sends control about a running job: ``worker.stop``, ``worker.retarget`` or ``worker.ack``."""
        self._send(slot, Message(kind, 0, body, reply_to=job.number, session=job.session))

    def _send(self, slot: WorkerSlot, message: Message) -> None:
        if slot.routing_id is None:
            return
        try:
            self.socket.send_multipart([slot.routing_id, *encode(message)], zmq.NOBLOCK, copy=False)
        except zmq.ZMQError as error:
            # Its end is noticed by the thread that waits for the process.
            _log.warning("worker %d does not take messages: %s", slot.index, error)

    # Messages

    def take_messages(self) -> None:
        """Handles everything that workers have sent."""
        while True:
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            try:
                self._take(frames[0].bytes, decode(frames[1:]))
            except WireError:
                _log.exception("a message to the workers' socket cannot be understood")

    def _take(self, routing_id: bytes, message: Message) -> None:
        slot = next((slot for slot in self.slots if slot.routing_id == routing_id), None)
        if message.type == "worker.hello":
            self._let_in(routing_id, message)
            return
        if slot is None:
            return
        slot.heard = time.monotonic()
        if message.type == "worker.beat":
            slot.state = str(message.body.get("state", slot.state))
            slot.report = message.body
            return
        job = slot.job(message.reply_to) if message.reply_to is not None else None
        if job is None:
            return
        if message.type in ("ok", "error"):
            slot.finish(job)
            self._on_answer(slot, job, message)
            self.pump(slot)
        else:
            self._on_answer(slot, job, message)

    def _let_in(self, routing_id: bytes, message: Message) -> None:
        secret = message.body.get("secret")
        given = secret.encode("utf-8", "replace") if isinstance(secret, str) else b""
        for slot in self.slots:
            waits = slot.process is not None and slot.routing_id is None
            if waits and compare_digest(given, slot.secret.encode()):
                slot.routing_id = routing_id
                slot.heard = time.monotonic()
                slot.state = "loading"
                self.pump(slot)
                return
        _log.warning("a stranger came to the workers' socket")
