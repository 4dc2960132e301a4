"""The worker's connection to the front, in a thread of its own: control is heard while the main thread computes."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import zmq

from backend.wire.codec import decode, encode
from backend.wire.errors import WireError
from backend.wire.limits import MAX_BUFFER_BYTES
from backend.wire.messages import Buffer, Message
from backend.wire.types import ERROR, OK

BEAT_SECONDS = 0.5
FRONT_SILENCE_SECONDS = 30.0
"""Without a word from the front for so long the worker ends, should the closed pipe not have told it."""

_OUTGOING = "inproc://outgoing"

_log = logging.getLogger(__name__)


@dataclass
class Task:
    """A job from the front with the control that came for it. The link's thread writes, the main thread reads.

    Attributes:
        message: the job; its id is the front's number for it.
        stopped: whether the front wants it to stop.
        preview_wanted: whether the last preview was acknowledged.
        retargets: (pair, (x, y)) in image space, oldest first.
    """

    message: Message
    stopped: bool = False
    preview_wanted: bool = True
    retargets: deque[tuple[int, tuple[float, float]]] = field(default_factory=deque)

    @property
    def body(self) -> dict[str, Any]:
        """The request's fields."""
        return self.message.body

    @property
    def session(self) -> str:
        """The session that it works on."""
        return self.message.session or ""


@dataclass
class WorkerState:
    """What the heartbeat tells the front; the main thread changes it."""

    state: str = "loading"
    device: str = ""
    models_loaded: list[str] = field(default_factory=list)


class Link(threading.Thread):
    """Receives jobs into ``inbox``, applies control at once, sends heartbeats, and ends the process with the front.

    Args:
        endpoint: of the front's socket for workers.
        secret: that proves who we are.
    """

    def __init__(self, endpoint: str, secret: str) -> None:
        super().__init__(name="link", daemon=True)
        self.inbox: queue.Queue[Task] = queue.Queue()
        self.state = WorkerState()
        self._endpoint = endpoint
        self._secret = secret
        self._tasks: dict[int, Task] = {}
        self._context: zmq.Context[Any] = zmq.Context()
        self._incoming: zmq.Socket[Any] = self._context.socket(zmq.PULL)
        self._incoming.bind(_OUTGOING)
        self._outgoing: zmq.Socket[Any] = self._context.socket(zmq.PUSH)
        self._outgoing.connect(_OUTGOING)

    # For the main thread

    def send(
        self, kind: str, task: Task, body: dict[str, Any] | None = None, buffers: Sequence[Buffer] = ()
    ) -> None:
        """Sends an event or the last reply for a task. Buffers are not copied: do not change them afterwards."""
        message = Message(
            kind, 0, body or {}, reply_to=task.message.id, session=task.session, buffers=buffers
        )
        self._outgoing.send_multipart(encode(message), copy=False)
        if kind in (OK, ERROR):
            self._tasks.pop(task.message.id, None)

    # The thread

    def run(self) -> None:
        """Serves until the front is gone, then ends the whole process."""
        try:
            self._serve()
        except Exception:
            _log.exception("the link to the front broke")
        finally:
            end_process("the front is silent")

    def _serve(self) -> None:
        socket: zmq.Socket[Any] = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_BUFFER_BYTES)
        socket.connect(self._endpoint)
        socket.send_multipart(encode(Message("worker.hello", body={"secret": self._secret})))
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(self._incoming, zmq.POLLIN)
        heard = time.monotonic()
        next_beat = heard
        while time.monotonic() - heard < FRONT_SILENCE_SECONDS:
            pause = max(0.0, next_beat - time.monotonic())
            ready = dict(poller.poll(int(pause * 1000) + 1))
            if socket in ready:
                heard = time.monotonic()
                self._take(socket.recv_multipart(copy=False))
            if self._incoming in ready:
                socket.send_multipart(self._incoming.recv_multipart(copy=False), copy=False)
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT_SECONDS
                socket.send_multipart(encode(Message("worker.beat", body=dict(vars(self.state)))))

    def _take(self, frames: Sequence[Any]) -> None:
        try:
            message = decode(frames)
        except WireError:
            _log.exception("a message from the front cannot be understood")
            return
        if not message.type.startswith(("front.", "worker.")) or message.type == "worker.release":
            task = Task(message)
            self._tasks[message.id] = task
            self.inbox.put(task)
            return
        known = self._tasks.get(message.reply_to) if message.reply_to is not None else None
        if known is not None:
            _apply(message, known)


def _apply(message: Message, task: Task) -> None:
    if message.type == "worker.stop":
        task.stopped = True
    elif message.type == "worker.ack":
        task.preview_wanted = True
    elif message.type == "worker.retarget":
        x, y = message.body["target"]
        task.retargets.append((message.body["pair"], (float(x), float(y))))


def end_process(reason: str) -> None:
    """Ends the worker at once; everything worth keeping is on disk already."""
    _log.info("ending: %s", reason)
    logging.shutdown()
    os._exit(0)


def end_with_front() -> None:
    """Watches, in a thread, the pipe from the front: its end means that the front has ended, however it did."""

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        end_process("the front has ended")

    threading.Thread(target=watch, name="front-watch", daemon=True).start()
