"""Which sessions are open, at which worker, and which clients hold them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from backend.front.clients import ClientState
from backend.front.slots import WorkerSlot
from backend.wire.errors import WireError


@dataclass
class OpenSession:
    """A session that at least one client holds.

    Attributes:
        slot: the worker that it sticks to.
        crop: [x, y, size] or [x, y, size, angle] in image space.
        layer: [x, y, width, height] in image space.
        parts: width and height of what the model sees, as parts of the crop's side.
    """

    name: str
    slot: WorkerSlot
    crop: list[float]
    layer: list[int]
    parts: tuple[float, float] = (1.0, 1.0)
    clients: set[bytes] = field(default_factory=set)

    def check_mask(self, shape: list[int]) -> None:
        """Raises ``wrong_buffer_size`` for a mask that does not have the layer's size."""
        if shape != [self.layer[3], self.layer[2]]:
            raise WireError(
                "wrong_buffer_size",
                f"The mask has {shape[1]} × {shape[0]} pixels, the layer {self.layer[2]} × {self.layer[3]}.",
                "Select the layer that was opened, or open the changed layer again.",
            )

    def check_point(self, point: list[float]) -> None:
        """Raises ``points_outside`` for a point outside the crop; image space."""
        x, y, size, *turned = self.crop
        across, down = point[0] - x - size / 2, point[1] - y - size / 2
        angle = math.radians(turned[0]) if turned else 0.0
        if angle:
            cosine, sine = math.cos(angle), math.sin(angle)
            across, down = cosine * across + sine * down, cosine * down - sine * across
        half_width, half_height = (part * size / 2 for part in self.parts)
        if not (-half_width <= across < half_width and -half_height <= down < half_height):
            raise WireError(
                "points_outside",
                "A point lies outside the part of the picture that is being edited.",
                "Move the point inside the frame, or choose a larger crop.",
            )


class Registry:
    """The open sessions by name."""

    def __init__(self) -> None:
        self.sessions: dict[str, OpenSession] = {}

    def held(self, name: str | None, client: ClientState) -> OpenSession:
        """The session, if this client holds it.

        Raises:
            WireError: ``unknown_session``.
        """
        session = self.sessions.get(name or "")
        if session is None or client.routing_id not in session.clients:
            raise WireError(
                "unknown_session",
                "This picture is not open in the backend.",
                "Resume the session, or open the layer again.",
            )
        return session

    def hold(
        self, name: str, slot: WorkerSlot, body: dict[str, Any], client: ClientState | None
    ) -> OpenSession:
        """Notes that a worker has opened a session for a client, or for one that has gone meanwhile."""
        session = self.sessions.get(name)
        if session is None:
            longer = max(body["width"], body["height"])
            parts = body["width"] / longer, body["height"] / longer
            session = OpenSession(name, slot, list(body["crop"]), list(body["layer"]), parts)
            self.sessions[name] = session
        if client is not None:
            session.clients.add(client.routing_id)
            client.sessions.add(name)
        return session

    def let_go(self, session: OpenSession, client: ClientState) -> bool:
        """Notes that a client does not hold it any more. Returns whether nobody does."""
        session.clients.discard(client.routing_id)
        client.sessions.discard(session.name)
        return not session.clients
