"""One session in the backend, as the artist's side knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..wire.messages import Reply
from .connection import Connection, OnEvent
from .geometry import Point, Rect, Square
from .host import Depth, Edit, LayerPicture, Mask
from .tasks import Steps, Waiting


@dataclass
class SessionFacts:
    """What is known of a session; kept in the document.

    Attributes:
        name: 32 hexadecimal digits.
        digest: of the layer's pixels that it was opened with.
        wish: what was chosen: model, way of the crop, drawn crop, and further what is not the default: label, settings
            of the inversion. Another wish means another session.
        rect: of those pixels, image space.
        crop: that the model sees, with the aspect of the model's pictures.
        inverted: whether the picture has been found in the model.
        last_step: the last saved step.
        drags: [first step, step that it started from] of each drag.
        labels, label_names: that the model has to choose from, see ``models.list``.
    """

    name: str
    digest: str
    wish: list[Any]
    rect: Rect
    crop: Square
    inverted: bool = False
    last_step: int = 0
    drags: list[tuple[int, int]] = field(default_factory=list)
    labels: int = 0
    label_names: list[str] = field(default_factory=list)

    def first_step_of(self, step: int) -> int:
        """The first step of the drag that a step (from 1) belongs to."""
        return max((first for first, _ in self.drags if first <= step), default=1)

    def path_to(self, step: int) -> list[int]:
        """The steps from the inversion (0) to ``step``, through every drag that led there."""
        path: list[int] = []
        while step > 0:
            known = [drag for drag in self.drags if drag[0] <= step]
            first, start = known[-1] if known else (1, 0)  # the backend tells of the last hundred drags only
            path[:0] = range(first, step + 1)
            step = min(start, first - 1)
        return [0, *path]

    def sampled_path(self, step: int, count: int) -> list[int]:
        """At most ``count`` steps of the way to ``step`` (from 1), evenly spread, the first and the last among them."""
        path = self.path_to(step)[1:]
        count = min(count, len(path))
        return [path[round(index * (len(path) - 1) / max(1, count - 1))] for index in range(count)]

    def to_json(self) -> dict[str, Any]:
        """For the document's record."""
        return {**asdict(self), "crop": self.crop.numbers, "aspect": self.crop.aspect}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SessionFacts:
        """From the document's record. Raises KeyError, TypeError or ValueError when it is not one."""
        return cls(
            name=str(value["name"]),
            digest=str(value["digest"]),
            wish=list(value["wish"]),
            rect=Rect(*(int(part) for part in value["rect"])),
            crop=Square.of(value["crop"])._replace(aspect=_aspect(value.get("aspect", 1.0))),
            inverted=bool(value["inverted"]),
            last_step=int(value["last_step"]),
            drags=[(int(first), int(start)) for first, start in value["drags"]],
            labels=int(value.get("labels", 0)),
            label_names=[str(name) for name in value.get("label_names", [])],
        )


class RemoteSession:
    """Speaks about one session. Every method is a part of a job (``tasks.py``) and raises ``RemoteError``.

    Attributes:
        facts: what is known of it.
        generation: of the connection in which it is open; −1 while it is not.
        note: what the backend had to say about the crop when it was opened; empty for nothing.
    """

    def __init__(self, connection: Connection, facts: SessionFacts, generation: int = -1) -> None:
        self._connection = connection
        self.facts = facts
        self.generation = generation
        self.note = ""
        self._stoppable = Waiting()

    @classmethod
    def open(
        cls, connection: Connection, picture: LayerPicture, crop: Square | None, model: str, wish: list[Any]
    ) -> Steps[RemoteSession]:
        """Opens a new one for a layer's picture; without a crop the model sees the layer's bounds."""
        rect = picture.rect
        body: dict[str, Any] = {
            "layer": {"shape": [rect.height, rect.width, 4], "dtype": picture.dtype},
            "offset": [rect.x, rect.y],
            "crop": crop.numbers if crop is not None else "layer",
        }
        if model:
            body["model"] = model
        waiting = connection.send("session.open", body, [picture.pixels])
        try:
            reply = yield waiting
        except GeneratorExit:
            # Given up, but the backend opens it all the same, and would keep it for us.
            waiting.then(lambda: _let_go(connection, waiting))
            raise
        told = reply.body
        aspect = _aspect(told.get("width", 1) / told.get("height", 1))
        facts = SessionFacts(
            name=told["session"],
            digest=picture.digest,
            wish=wish,
            rect=rect,
            crop=Square.of(told["crop"])._replace(aspect=aspect),
            labels=int(told.get("labels", 0)),
            label_names=[str(name) for name in told.get("label_names", [])],
        )
        session = cls(connection, facts, connection.generation)
        session.note = reply.body.get("note") or ""
        return session

    @property
    def is_open(self) -> bool:
        """Whether the present backend knows that it is ours."""
        return self.generation == self._connection.generation and self._connection.connected

    def resume(self) -> Steps[Reply]:
        """Opens the saved session again and takes over what the backend knows of it."""
        reply: Reply = yield self._send("session.resume")
        body = reply.body
        self.generation = self._connection.generation
        self.facts.inverted = bool(body["inverted"])
        self.facts.last_step = int(body["steps"])
        self.facts.drags = [(int(drag["first_step"]), int(drag["from_step"])) for drag in body["drags"]]
        return reply

    def invert(self, settings: dict[str, Any], on_event: OnEvent) -> Steps[Reply]:
        """Finds the picture in the model."""
        self._stoppable = self._send("session.invert", {"settings": settings}, on_event=on_event)
        reply: Reply = yield self._stoppable
        self.facts.inverted = True
        return reply

    def drag(
        self,
        pairs: Sequence[tuple[Point, Point]],
        mask: Mask | None,
        from_step: int,
        options: dict[str, Any],
        on_event: OnEvent,
    ) -> Steps[Reply]:
        """Pulls; the steps are counted as their events come."""
        body: dict[str, Any] = {
            "pairs": [[list(handle), list(target)] for handle, target in pairs],
            "from_step": from_step,
            "options": options,
        }
        buffers = []
        if mask is not None:
            body["mask"] = {"shape": [mask.rect.height, mask.rect.width], "dtype": "uint8"}
            buffers.append(mask.pixels)
        self.facts.drags.append((self.facts.last_step + 1, from_step))
        self._stoppable = self._send("drag.start", body, buffers, on_event)
        reply: Reply = yield self._stoppable
        self.facts.last_step = max(self.facts.last_step, int(reply.body["step"]))
        return reply

    def retarget(self, pair: int, target: Point) -> None:
        """Moves a target of the running drag; what comes back does not matter."""
        self._send("drag.retarget", {"pair": pair, "target": list(target)})

    def stop(self) -> None:
        """Stops the inversion, drag or result that was asked for last; what comes back does not matter."""
        if self._stoppable.outcome is None and self._stoppable.request >= 0:
            self._send("drag.stop", {"request": self._stoppable.request})

    def show(self, step: int) -> Steps[Reply]:
        """The model's picture of a step."""
        reply: Reply = yield self._send("step.show", {"step": step})
        return reply

    def ask_for_edit(self, step: int, on_event: OnEvent | None = None) -> Waiting:
        """Asks for the composited edit of a step; give the answer to ``edit_of``."""
        body = {"step": step, "only_changed": True}
        self._stoppable = self._send("session.result", body, on_event=on_event)
        return self._stoppable

    def close(self, forget: bool = False) -> None:
        """Lets go of it; with ``forget`` it is deleted."""
        if self._connection.connected:
            self._send("session.close", {"forget": forget})
        self.generation = -1

    def _send(
        self,
        type: str,
        body: dict[str, Any] | None = None,
        buffers: Sequence[Any] = (),
        on_event: OnEvent | None = None,
    ) -> Waiting:
        return self._connection.send(type, body, buffers, self.facts.name, on_event)


def _aspect(value: Any) -> float:
    """Width by height. Raises ValueError or TypeError for what is none."""
    aspect = float(value)
    if not 1 / 64 <= aspect <= 64:
        raise ValueError("an aspect that no model has")
    return aspect


def _let_go(connection: Connection, opening: Waiting) -> None:
    if isinstance(opening.outcome, Reply):
        connection.send("session.close", session=opening.outcome.body["session"])


def edit_of(reply: Reply) -> Edit:
    """The edit in the answer to ``ask_for_edit``."""
    body, (pixels, changed) = reply.body, reply.buffers
    dtype: Depth = "float32" if body["picture"]["dtype"] == "float32" else "uint8"
    opaque = bool(body["opaque"])
    # Among opaque pixels of 8 bits those that changed are those that there are.
    told = None if opaque and dtype == "uint8" else changed
    return Edit(Rect(*body["rect"]), pixels, opaque, dtype, told)
