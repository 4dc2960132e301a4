"""A pull and a connection without a backend: the attributes and methods that the docker uses, every call noted."""

from __future__ import annotations

import struct
import time
import zlib
from typing import Any

from krita_plugin.pullface.backend.editing.geometry import Point, Square
from krita_plugin.pullface.backend.editing.host import AreaOptions
from krita_plugin.pullface.backend.editing.messages import Message, Observers
from krita_plugin.pullface.backend.editing.pairs import PairList
from krita_plugin.pullface.backend.editing.record import Result
from krita_plugin.pullface.backend.editing.state import Phase, Progress


class FakePull:
    def __init__(self, **state: Any) -> None:
        self.pairs = PairList()
        self.area = AreaOptions()
        self.crop_choice = "face"
        self.faces: tuple[Square, ...] = ()
        self.face_number: int | None = None
        self.drawn_crop: Square | None = None
        self.model = ""
        self.label: int | None = None
        self.labels: list[str] = []
        self.phase = Phase.IDLE
        self.progress = Progress()
        self.last_step = 0
        self.distance: float | None = None
        self.results: list[Result] = []
        self.message: Message | None = None
        self.calls: list[tuple[Any, ...]] = []
        self.observers = Observers()
        for name, value in state.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name in (
            "invert",
            "drag",
            "stop",
            "show",
            "apply",
            "animate",
            "apply_result",
            "delete_result",
            "forget",
            "next_face",
        ):
            return lambda *arguments: self.calls.append((name, *arguments))
        raise AttributeError(name)

    @property
    def busy(self) -> bool:
        return self.phase not in (Phase.IDLE, Phase.READY)

    @property
    def step(self) -> int:
        return self.pairs.step

    @property
    def can_invert(self) -> bool:
        return not self.busy

    @property
    def can_drag(self) -> bool:
        return not self.busy and len(self.pairs) > 0

    @property
    def can_stop(self) -> bool:
        return self.busy

    @property
    def can_apply(self) -> bool:
        return not self.busy and self.step > 0

    can_animate = can_apply

    @property
    def can_show(self) -> bool:
        return not self.busy and self.last_step > 0

    @property
    def can_edit_pairs(self) -> bool:
        return not self.busy

    def observe(self, function: Any) -> Any:
        return self.observers.add(function)

    def tell(self, topic: str, **state: Any) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.observers.tell(topic)

    def set_area(self, area: AreaOptions) -> None:
        self.calls.append(("set_area", area))
        self.tell("options", area=area)

    def set_crop(self, choice: str, square: Square | None = None) -> None:
        self.calls.append(("set_crop", choice))
        self.tell("options", crop_choice=choice)

    def set_model(self, model: str) -> None:
        self.calls.append(("set_model", model))
        self.tell("options", model=model)

    def set_label(self, label: int | None) -> None:
        self.calls.append(("set_label", label))
        self.tell("options", label=label)

    def dismiss(self) -> None:
        self.calls.append(("dismiss",))
        self.tell("message", message=None)


class FakeConnection:
    def __init__(self, state: str = "ready", device: str = "cpu", message: Message | None = None) -> None:
        self.state = state
        self.device = device
        self.message = message
        self.models: list[dict[str, Any]] = MODELS if state in ("ready", "loading") else []
        self.log_folder = "/home/artist/logs"
        self.generation = 1
        self.transport = ""
        self.calls: list[str] = []
        self.observers = Observers()

    def observe(self, function: Any) -> Any:
        return self.observers.add(function)

    def tell(self, **state: Any) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.observers.tell("connection")

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")


MODELS = [
    {"name": "toon", "description": "Drawn faces in the style of comics", "licence": "MIT"},
    {"name": "portraits-512", "description": "Photographs of faces", "licence": "CC BY-NC 4.0"},
]

ERROR = Message(
    "error",
    "There was not enough memory.",
    "Close other programs, choose a smaller model or a smaller crop, and try again.",
    "dragging: out_of_memory",
)


def thumbnail(hue: int, side: int = 96) -> bytes:
    """A PNG of a disc on a ground."""
    rows = b""
    for y in range(side):
        rows += b"\0"
        for x in range(side):
            inside = (x - side / 2) ** 2 + (y - side / 2) ** 2 < (side * 0.36) ** 2
            rows += bytes((240, 200, 180)) if inside else bytes((hue, 120, 255 - hue))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def result(number: int, applied: int = 0) -> Result:
    return Result(
        identifier=f"r{number}",
        session="0" * 32,
        step=number * 17,
        title=f"Pull {number}",
        thumbnail=thumbnail(40 * number % 256),
        created=time.time(),
        applied=applied,
    )


def with_pairs(pull: FakePull, count: int = 2, step: int = 0) -> FakePull:
    """Gives the pull points, at a step."""
    for index in range(count):
        pull.pairs.add(Point(100.0 + index, 200.0), Point(140.0 + index, 190.0))
    pull.pairs.track([pair.handle for pair in pull.pairs], step)
    return pull
