"""A real server process for tests, a small random model, and a raw peer that may break every rule."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
import zmq
from numpy.typing import NDArray

from backend.models.model import Model, w_statistics
from backend.models.storage import write
from backend.wire.client import Client
from backend.wire.codec import decode, encode
from backend.wire.connection import ConnectionInfo, read_connection
from backend.wire.limits import MAX_BUFFER_BYTES
from backend.wire.messages import Message
from stylegan_ops import stylegan2, stylegan3
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.generator import StyleGenerator

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
"""Seconds for anything that needs torch; only a hang or an overloaded machine comes near it."""

QUICK_INVERSION = {"pivot_steps": 2, "tuning_steps": 1}
ENDLESS = {"engine": "reference", "steps": 50_000, "learning_rate": 1e-8}
"""A drag that never arrives."""

PAIRS = [[[40.0, 40.0], [56.0, 48.0]]]


def write_model(
    path: Path,
    resolution: int = 32,
    channels: int = 16,
    family: str = "stylegan2",
    labels: Sequence[str] = (),
    **more: Any,
) -> Path:
    """A random model file of ours; ``more`` goes to both networks of a StyleGAN2, to the generator of a StyleGAN3."""
    torch.manual_seed(0)
    sizes = {"img_resolution": resolution, "channel_base": channels * resolution, "channel_max": channels}
    generator_arguments = {"z_dim": 16, "c_dim": len(labels), "w_dim": 32, **sizes, **more}
    discriminator_arguments = {"c_dim": 0, **sizes, **(more if family == "stylegan2" else {})}
    generator: StyleGenerator
    if family == "stylegan3":
        third = stylegan3.Generator(**generator_arguments)
        with torch.no_grad():  # untrained, it draws grey on grey
            third.synthesis.layer(third.synthesis.layer_names[-1]).weight.mul_(20)
        generator = third
    else:
        generator = stylegan2.Generator(**generator_arguments)
    mean, covariance = w_statistics(generator, samples=500)
    discriminator = Discriminator(**discriminator_arguments)
    model = Model("tiny", "noise", "CC0-1.0", generator, discriminator, mean, covariance)
    write(path, model, "Random weights.", generator_arguments, discriminator_arguments, label_names=labels)
    return path


def picture(height: int = 96, width: int = 80, seed: int = 0) -> NDArray[np.uint8]:
    """An opaque RGBA picture of smooth noise."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (height // 8 + 1, width // 8 + 1, 4), dtype=np.uint8)
    layer = np.ascontiguousarray(coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])
    layer[..., 3] = 255
    return layer


def described(array: NDArray[np.uint8]) -> dict[str, Any]:
    return {"shape": list(array.shape), "dtype": "uint8"}


class Server:
    """``python -m backend.server`` in a home of its own. As a context manager it is ended for certain."""

    def __init__(self, home: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.home = home
        self._path = home / "run" / "connection.json"
        variables = {**os.environ, "PULLFACE_HOME": str(home), "OMP_NUM_THREADS": "1"}
        # Bytecode is what an installed server has as well; without it each start compiles every module anew.
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        variables.update(environment or {})
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backend.server", *arguments],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
        )

    @property
    def info(self) -> ConnectionInfo:
        """Waits until the server has written its connection file."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            info = read_connection(self._path)
            if info is not None and info.pid == self.process.pid:
                return info
            assert self.process.poll() is None, "the server ended while it was starting"
            time.sleep(0.002)
        raise AssertionError("the server does not listen")

    def client(self, name: str = "test") -> Client:
        return Client(self.info, name, timeout=PATIENCE)

    def log(self, name: str = "worker-0") -> str:
        return (self.home / "log" / f"{name}.log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Asks it to end and waits. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def worker_pids(client: Client) -> list[int]:
    return [worker["pid"] for worker in client.request("status", timeout=PATIENCE).body["workers"]]


def open_session(
    client: Client, model: Path, layer: NDArray[np.uint8] | None = None, invert: bool = True, **body: Any
) -> str:
    """Opens a layer and inverts it quickly; of equal content only the first takes time."""
    layer = picture() if layer is None else layer
    body = {"layer": described(layer), "crop": [0, 0, 80], "model": str(model), **body}
    session = str(client.request("session.open", body, [layer], timeout=PATIENCE).body["session"])
    if invert:
        client.request("session.invert", {"settings": QUICK_INVERSION}, session=session, timeout=PATIENCE)
    return session


def wait_gone(pid: int, seconds: float) -> bool:
    """Waits until a process, not our child, has ended. Returns whether it has."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def overloaded() -> bool:
    """Whether this machine has more to do than it can: then times are bounded generously, but still bounded."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


def memory(pid: int, field: str) -> int:
    """``VmRSS``, ``VmHWM`` or ``VmSize`` of a process in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


class RawPeer:
    """A DEALER that sends whatever it is told."""

    def __init__(self, endpoint: str) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self.socket: zmq.Socket[Any] = self._context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_BUFFER_BYTES)
        self._monitor: zmq.Socket[Any] = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self.socket.connect(endpoint)

    def send(self, frames: Sequence[Any]) -> None:
        self.socket.send_multipart(list(frames))

    def message(self, kind: str, number: int, body: dict[str, Any] | None = None, **more: Any) -> None:
        self.send(encode(Message(kind, number, body or {}, **more)))

    def hello(self, info: ConnectionInfo, number: int = 0, **changes: Any) -> Message:
        self.message("hello", number, {"token": info.token, "protocol": [1, 0], "client": "raw", **changes})
        return self.answer(number)

    def receive(self, seconds: float = PATIENCE) -> Message | None:
        """The next message but heartbeats; None when the server closed the door or time ran out."""
        deadline = time.monotonic() + seconds
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            ready = dict(poller.poll(int(left * 1000) + 1))
            if self.socket in ready:
                message = decode(self.socket.recv_multipart())
                if message.type != "heartbeat":
                    return message
            elif self._monitor in ready:
                return None
        return None

    def answer(self, number: int) -> Message:
        """The last reply to a request; everything else on the way is thrown away."""
        while (message := self.receive()) is not None:
            if message.reply_to == number and message.type in ("ok", "error"):
                return message
        raise AssertionError("no answer")

    @property
    def closed_by_server(self) -> bool:
        return bool(self._monitor.getsockopt(zmq.EVENTS) & zmq.POLLIN)

    def close(self) -> None:
        self.socket.disable_monitor()
        self._monitor.close(0)
        self.socket.close(0)
        self._context.term()

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *details: object) -> None:
        with contextlib.suppress(zmq.ZMQError):
            self.close()
