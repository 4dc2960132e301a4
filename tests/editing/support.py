"""A layer in memory and an event loop, so that a pull can be driven against the real backend without an editor."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.editing.connection import Connection
from backend.editing.geometry import Point, Rect, Square
from backend.editing.host import AreaOptions, CropChoice, Edit, EditingError, LayerPicture, Mask
from backend.editing.pull import Pull
from backend.editing.state import Phase
from backend.wire.client import Client
from tests.server.support import PATIENCE, QUICK_INVERSION, Server

PIXELS = NDArray[np.uint8] | NDArray[np.float32]


class Loop:
    """What an editor's event loop does for a pull."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.connections: list[Connection] = []

    def later(self, seconds: float, function: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), function))

    def turn(self) -> None:
        for connection in self.connections:
            connection.poll()
        now = time.monotonic()
        due = []
        while self._due and self._due[0][0] <= now:
            due.append(heapq.heappop(self._due)[2])
        for function in due:
            function()

    def until(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.turn()
            time.sleep(0.001)

    def run_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()
            time.sleep(0.001)


class MemorySource:
    """A layer that is an array, at a place of its own in the image; keeps what was written."""

    def __init__(self, pixels: PIXELS, offset: tuple[int, int] = (0, 0)) -> None:
        self.pixels = pixels
        self.offset = offset
        self.selection: Mask | None = None
        self.there = True
        self.record = b""
        self.written: list[tuple[str, Edit]] = []
        self.animations: list[tuple[str, list[Edit]]] = []
        self.options: list[AreaOptions] = []
        self.reads: list[tuple[Rect, bool]] = []

    @property
    def name(self) -> str:
        return "Paint layer"

    keeps_selection = False

    def exists(self) -> bool:
        return self.there

    def bounds(self) -> Rect:
        return Rect(*self.offset, self.pixels.shape[1], self.pixels.shape[0])

    def selection_bounds(self) -> Rect | None:
        return self.selection.rect if self.selection is not None else None

    @property
    def deep(self) -> bool:
        return self.pixels.dtype != np.uint8

    def read(self, rect: Rect, eight_bits: bool = False) -> Generator[None, None, LayerPicture]:
        part = np.zeros((rect.height, rect.width, 4), self.pixels.dtype)
        bounds = self.bounds()
        both = rect.intersected(bounds)
        part[both.y - rect.y :, both.x - rect.x :][: both.height, : both.width] = self.pixels[
            both.y - bounds.y :, both.x - bounds.x :
        ][: both.height, : both.width]
        self.reads.append((rect, eight_bits))
        yield
        if eight_bits and self.deep:
            part = (part.clip(0, 1) * 255).round().astype(np.uint8)
        digest = hashlib.blake2b(part.tobytes() + repr(rect).encode(), digest_size=16).hexdigest()
        return LayerPicture(rect, part.tobytes(), digest, "uint8" if part.dtype == np.uint8 else "float32")

    def for_screen(self, edit: Edit) -> Generator[None, None, Edit]:
        yield
        if edit.dtype == "uint8":
            return edit
        pixels = np.frombuffer(edit.pixels, np.float32).clip(0, 1) * 255
        return replace(edit, shown=pixels.round().astype(np.uint8).tobytes())

    def movable(
        self, options: AreaOptions, pairs: Sequence[tuple[Point, Point]], crop: Square, rect: Rect
    ) -> Generator[None, None, Mask | None]:
        self.options.append(options)
        yield
        if options.movable == "selection" and self.selection is None:
            raise EditingError("empty_selection", "Nothing is selected.", "Select what may move.")
        if options.movable == "crop":
            return None
        area = np.zeros((rect.height, rect.width), np.uint8)
        if self.selection is not None:
            x, y, width, height = self.selection.rect
            area[y - rect.y : y - rect.y + height, x - rect.x : x - rect.x + width] = 255
        else:
            for handle, _ in pairs:
                x, y = int(handle.x) - rect.x, int(handle.y) - rect.y
                area[max(0, y - 24) : y + 24, max(0, x - 24) : x + 24] = 255
        return Mask(rect, area.tobytes())

    def write(self, title: str, edit: Edit) -> Generator[None, None, str | None]:
        yield
        if not self.there:
            raise EditingError("no_layer", "The layer is gone.")
        self.written.append((title, edit))
        return None

    def write_animation(
        self, title: str, frames: Iterable[Edit | None], count: int
    ) -> Generator[None, None, str | None]:
        yield
        self.animations.append((title, [frame for frame in frames if frame is not None]))
        return None

    def thumbnail(self, width: int, height: int, rgb: object) -> bytes:
        return f"thumbnail {width}×{height}".encode()

    def save_record(self, record: bytes) -> None:
        self.record = record


class Bench:
    """A loop, a connection to one server, and pulls with a tiny model."""

    def __init__(self, server: Server, model: Path) -> None:
        self.loop = Loop()
        self.model = model
        self.server = server
        self.connection = Connection("test", lambda: Client(self.server.info, "test", timeout=PATIENCE))
        self.loop.connections.append(self.connection)
        self.pulls: list[Pull] = []

    def pull(self, source: MemorySource, record: bytes = b"", crop: CropChoice = "layer") -> Pull:
        pull = Pull(source, self.connection, self.loop.later, record)
        if not record:
            pull.set_model(str(self.model))
            pull.set_crop(crop)
        pull.inversion_settings = dict(QUICK_INVERSION)
        self.pulls.append(pull)
        return pull

    def rest(self, pull: Pull) -> None:
        """Turns until nothing runs."""
        self.loop.until(lambda: not pull.busy and pull.phase in (Phase.READY, Phase.IDLE))

    def close(self) -> None:
        for pull in self.pulls:
            pull.close()
        self.connection.close()
