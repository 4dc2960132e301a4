"""One worker as the front sees it: its process, its queue and what it is working on."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

from backend.front.jobs import Job
from backend.wire.connection import new_token
from backend.wire.folders import log_folder
from backend.wire.limits import MAX_QUEUE, MAX_QUEUE_BYTES
from backend.wire.processes import child_environment
from backend.wire.types import Lane

RESTART_LIMIT = 3
RESTART_WINDOW = 60.0
SILENCE_SECONDS = 60.0
"""A worker whose heartbeat stops for so long hangs in native code and is ended. Loading libraries from a slow disk
can hold the interpreter for many seconds, hence the long time."""

LANES = (Lane.SHORT, Lane.LONG)

_log = logging.getLogger(__name__)


class WorkerSlot:
    """A place for a worker process; the process may die and be started again, queued jobs stay.

    Args:
        index: its number in the pool.
        device: the device to compute on, or "auto".
    """

    def __init__(self, index: int, device: str) -> None:
        self.index = index
        self.device = device
        self.secret = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.routing_id: bytes | None = None
        self.state = "starting"
        self.report: dict[str, object] = {}
        self.heard = time.monotonic()
        self.starts: deque[float] = deque(maxlen=RESTART_LIMIT + 1)
        self.queue: list[Job] = []
        self.running: dict[Lane, Job | None] = dict.fromkeys(LANES)

    # The process

    def spawn(self, endpoint: str) -> subprocess.Popen[bytes]:
        """Starts the process and tells it, through its standard input, where to connect and with which secret.

        The front keeps the pipe open: its end, however the front dies, is the worker's sign to end as well.
        """
        self.secret = new_token()
        self.routing_id = None
        self.state = "starting"
        self.report = {}
        self.heard = time.monotonic()
        self.starts.append(self.heard)
        output = log_folder() / f"worker-{self.index}.out"
        with contextlib.suppress(OSError):
            output.replace(output.with_suffix(".out.old"))
        flags = 0
        if sys.platform == "win32":
            # What NICENESS is elsewhere, see backend/worker.py.
            flags = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        with open(output, "wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "backend.worker"],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                # Idle threads must sleep: when the editor needs a core, threads that spin for each other
                # made a step of the loop more than ten times slower.
                env={"OMP_WAIT_POLICY": "PASSIVE", **child_environment()},
                cwd=Path(__file__).resolve().parents[2],
                creationflags=flags,
            )
        configuration = {
            "endpoint": endpoint,
            "secret": self.secret,
            "index": self.index,
            "device": self.device,
            "front": os.getpid(),
        }
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(configuration).encode() + b"\n")
            process.stdin.flush()
        self.process = process
        _log.info("worker %d started, process %d", self.index, process.pid)
        return process

    def may_restart(self) -> bool:
        """Whether it died seldom enough to be started again."""
        if len(self.starts) <= RESTART_LIMIT:
            return True
        return time.monotonic() - self.starts[0] > RESTART_WINDOW

    def kill(self) -> None:
        """Ends the process at once."""
        if self.process is not None:
            with contextlib.suppress(OSError):
                self.process.kill()

    def hangs(self) -> bool:
        """Whether nothing was heard for too long from a process that should be alive."""
        return self.process is not None and time.monotonic() - self.heard > SILENCE_SECONDS

    # The queue

    def full(self, job: Job) -> bool:
        """Whether ``job`` does not fit into the queue any more."""
        waiting = sum(other.bytes for other in self.queue)
        return len(self.queue) >= MAX_QUEUE or (bool(self.queue) and waiting + job.bytes > MAX_QUEUE_BYTES)

    def next_job(self) -> Job | None:
        """Takes the next job that the worker can begin now out of the queue.

        Jobs of one session keep their order, except that reading a named step need not wait for a running drag.
        """
        if self.routing_id is None:
            return None
        blocked: set[str] = set()
        busy = {job.session: job for job in self.running.values() if job is not None}
        for position, job in enumerate(self.queue):
            conflict = busy.get(job.session)
            waits = job.session in blocked or (conflict is not None and not self._may_join(job, conflict))
            if self.running[job.lane] is None and not waits:
                del self.queue[position]
                self.running[job.lane] = job
                job.dispatched = True
                return job
            blocked.add(job.session)
        return None

    @staticmethod
    def _may_join(job: Job, running: Job) -> bool:
        return job.reads_only and running.type == "drag.start"

    def job(self, number: int) -> Job | None:
        """The running job with this number."""
        return next((job for job in self.running.values() if job is not None and job.number == number), None)

    def finish(self, job: Job) -> None:
        """Takes a job out, wherever it is."""
        if self.running[job.lane] is job:
            self.running[job.lane] = None
        elif job in self.queue:
            self.queue.remove(job)

    def jobs(self) -> list[Job]:
        """Running and queued jobs."""
        return [job for job in self.running.values() if job is not None] + list(self.queue)

    def load(self) -> int:
        """How much waits here; a lost worker counts as very busy."""
        return len(self.jobs()) + (1000 if self.state == "lost" else 0)
