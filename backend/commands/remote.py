"""One picture on the server: open, invert, drag, fetch, with progress and a clean Ctrl+C."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import PullfaceError
from backend.wire.client import Client, RemoteError, Request
from backend.wire.launch import ensure_server
from backend.wire.messages import Event, Reply

from .deep import Pixels
from .display import STAGE_WORDS, Bar, say
from .stopping import Stopping

Mask = NDArray[np.uint8]
Point = tuple[float, float]
Pair = tuple[Point, Point]
CropChoice = str | list[int | float]

_POLL_SECONDS = 0.1
_STARTING = "Starting the backend"


@dataclass
class Pull:
    """How a drag ended.

    Attributes:
        outcome: ``"arrived"``, ``"stuck"``, ``"limit"`` or ``"stopped"``.
        reason: why it is stuck, a sentence.
        steps: how many steps were made.
        best_step: the step whose handles were closest to their targets.
        distance: mean distance of that step's handles from their targets, in image pixels.
        distance_model: the same in pixels of the model's resolution.
        handles: where the handles are at the last step, image space.
        previews: how many previews arrived.
        seconds: how long it took.
        first_preview: seconds until the first preview, or None.
    """

    outcome: str = "stopped"
    reason: str = ""
    steps: int = 0
    best_step: int = 0
    distance: float = float("inf")
    distance_model: float = float("inf")
    handles: list[list[float]] = field(default_factory=list)
    previews: int = 0
    seconds: float = 0.0
    first_preview: float | None = None


@dataclass(frozen=True)
class Edit:
    """A step of the drag as pixels.

    Attributes:
        rgba: [H, W, 4], the whole picture, as deep as the source.
        changed: uint8 [H, W], above 0 where it may differ from the source.
        rect: (x, y, w, h) in image space, the bounding box of what changed; one pixel when nothing did.
    """

    rgba: Pixels
    changed: Mask
    rect: tuple[int, int, int, int]


class RemotePicture:
    """A session on the server for one picture whose image space begins at (0, 0).

    Use as a context manager; leaving it ends whatever still runs there. The session stays on the disk, so that the
    same picture need not be inverted again.
    """

    def __init__(
        self,
        rgba: Pixels,
        model: str | None,
        crop: CropChoice,
        selection: Mask | None = None,
        point: Point | None = None,
        face: int | None = None,
    ) -> None:
        self._rgba = rgba
        self.stopping = Stopping()
        self.seconds: dict[str, float] = {}
        begun = time.monotonic()
        self.client = Client(ensure_server(), client_name="cli")
        self.seconds["start"] = time.monotonic() - begun
        try:
            self._open(model, crop, selection, {"point": point and list(point), "face": face})
        except BaseException:
            self.client.close()
            raise

    def _open(
        self, model: str | None, crop: CropChoice, selection: Mask | None, which: dict[str, Any]
    ) -> None:
        begun = time.monotonic()
        body: dict[str, Any] = {"layer": described(self._rgba), "offset": [0, 0], "crop": crop}
        body.update((name, value) for name, value in which.items() if value is not None)
        buffers = [np.ascontiguousarray(self._rgba)]
        if model is not None:
            body["model"] = model
        if selection is not None:
            body["selection"] = described(selection)
            buffers.append(np.ascontiguousarray(selection))
        bar = Bar(_STARTING)
        try:
            reply = self._follow(
                self.client.start("session.open", body, buffers),
                lambda event: bar.show(_STARTING, event.body.get("fraction") or 0.0),
            )
        except BaseException:
            bar.leave()
            raise
        self.session = str(reply.body["session"])
        self.crop = tuple(reply.body["crop"])
        self.chosen_by = str(reply.body["chosen_by"])
        self.model = str(reply.body["model"])
        self.resolution = int(reply.body["resolution"])
        self._labels = int(reply.body["labels"])
        self._label_names = [str(name) for name in reply.body["label_names"]]
        height, width = int(reply.body["height"]), int(reply.body["width"])
        size = f"{self.resolution}" if height == width else f"{width} × {height}"
        bar.close(f"model {self.model}, {size} px")
        if reply.body.get("note"):
            say(str(reply.body["note"]))
        self.seconds["open"] = time.monotonic() - begun

    @property
    def scale(self) -> float:
        """Image pixels in a pixel of the model."""
        return float(self.crop[2]) / self.resolution

    def label(self, named: str) -> int:
        """The number of a label of the model, by that number or by its name.

        Raises:
            PullfaceError: ``bad_options``, there is none.
        """
        if named in self._label_names:
            return self._label_names.index(named)
        if named.isdecimal() and int(named) < self._labels:
            return int(named)
        raise PullfaceError(
            "bad_options",
            f"The model {self.model} has no label {named}.",
            f"Choose {', '.join(self._label_names) or f'a number from 0 to {self._labels - 1}'}."
            if self._labels
            else "It knows one kind of pictures only: leave --label out.",
        )

    def invert(self, settings: dict[str, Any] | None = None) -> Reply:
        """Find the picture in the model. Fetched from the disk when the same picture was inverted before.

        Args:
            settings: of the inversion, see ``docs/protocol.md``; the model's own where they are not given.

        Raises:
            KeyboardInterrupt: Ctrl+C; there is nothing to keep yet.
            RemoteError: the server's error.
        """
        begun = time.monotonic()
        bar = Bar(STAGE_WORDS["pivot"])

        def show(event: Event) -> None:
            words = STAGE_WORDS.get(str(event.body.get("stage")), "Working")
            left = event.body.get("seconds_left")
            detail = f"{left:.0f} s left" if isinstance(left, (int, float)) else ""
            bar.show(words, float(event.body.get("fraction") or 0.0), detail)

        body = {"settings": settings} if settings else {}
        try:
            reply = self._follow(self.client.start("session.invert", body, session=self.session), show)
        except BaseException:
            bar.leave()
            raise
        bar.close("known already" if reply.body.get("cached") else "")
        self.seconds["invert"] = time.monotonic() - begun
        return reply

    def drag(self, pairs: Sequence[Pair], mask: Mask | None, options: dict[str, Any]) -> Pull:
        """Pull the handles to their targets; the first Ctrl+C stops the loop and keeps what it has reached.

        Args:
            pairs: (handle, target), image space.
            mask: uint8 [H, W], 255 may move; None lets everything move.
            options: options of the loop, see ``docs/protocol.md``.

        Raises:
            KeyboardInterrupt: a second Ctrl+C.
            RemoteError: the server's error.
        """
        pull = Pull()
        first: list[float] = []
        begun = time.monotonic()
        bar = Bar(STAGE_WORDS["drag"])

        def show(event: Event) -> None:
            if event.type == "preview":
                pull.previews += 1
                if pull.first_preview is None:
                    pull.first_preview = time.monotonic() - begun
            step, distance = event.body.get("step"), event.body.get("distance")
            if not isinstance(step, int) or not isinstance(distance, (int, float)):
                return
            first.append(float(distance)) if not first else None
            if distance < pull.distance:
                pull.distance, pull.best_step = float(distance), step
            fraction = 1.0 - pull.distance / first[0] if first[0] > 0 else 1.0
            bar.show(STAGE_WORDS["drag"], fraction, f"step {step}, {distance:.1f} px to go")

        body: dict[str, Any] = {"pairs": [[list(handle), list(target)] for handle, target in pairs]}
        buffers = []
        if mask is not None:
            body["mask"] = described(mask)
            buffers.append(np.ascontiguousarray(mask))
        if options:
            body["options"] = options
        try:
            request = self.client.start("drag.start", body, buffers, session=self.session)
            reply = self._follow(request, show, self._stop)
        except BaseException:
            bar.leave()
            raise
        pull.outcome, pull.steps = str(reply.body["outcome"]), int(reply.body["steps"])
        pull.reason = str(reply.body.get("reason", ""))
        pull.handles = [[float(value) for value in point] for point in reply.body["handles"]]
        last, distance = int(reply.body["step"]), float(reply.body["distance"])
        # The loop may have been nearer before its limit; where it arrived the last step is the answer.
        if pull.outcome == "arrived" or distance <= pull.distance:
            pull.best_step, pull.distance = last, distance
        pull.distance_model = pull.distance / self.scale
        pull.seconds = self.seconds["drag"] = time.monotonic() - begun
        bar.close(f"{pull.steps} steps, {pull.distance:.1f} px left")
        return pull

    def _stop(self) -> None:
        say("Stopping; the best step so far is kept. (Ctrl+C again to give up.)")
        self.client.start("drag.stop", {}, session=self.session)

    def result(self, step: int | None = None) -> Edit:
        """A step of the last drag as a whole picture.

        Raises:
            RemoteError: the server's error.
        """
        body = {} if step is None else {"step": step}
        reply = self.client.request("session.result", body, session=self.session)
        x, y, width, height = (int(value) for value in reply.body["rect"])
        window = np.frombuffer(reply.buffers[0], dtype=self._rgba.dtype).reshape(height, width, 4)
        moved = np.frombuffer(reply.buffers[1], dtype=np.uint8).reshape(height, width)
        rgba = self._rgba.copy()
        changed = np.zeros(rgba.shape[:2], dtype=np.uint8)
        rgba[y : y + height, x : x + width] = window
        changed[y : y + height, x : x + width] = moved
        return Edit(rgba, changed, (x, y, width, height))

    def _follow(
        self, request: Request, show: Callable[[Event], None], stop: Callable[[], None] | None = None
    ) -> Reply:
        """Wait for the last reply, showing events; without ``stop`` the first Ctrl+C ends the wait."""
        stopped = False
        while not request.done:
            try:
                self.client.wait(request, _POLL_SECONDS)
            except RemoteError as error:
                if error.code != "timeout":
                    raise
            for event in request.take_events():
                show(event)
            if self.stopping.asked and not stopped and not request.done:
                if stop is None:
                    raise KeyboardInterrupt
                stop()
                stopped = True
        return request.result()

    def __enter__(self) -> RemotePicture:
        self.stopping.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self.stopping.__exit__(*details)
        self.client.close()


def described(pixels: Pixels) -> dict[str, Any]:
    """How the body of a message describes a buffer."""
    return {"shape": [int(side) for side in pixels.shape], "dtype": pixels.dtype.name}
