"""The table of protocol 1: every type with its body, reply, events and the lane in which it is served.

``docs/protocol.md`` describes the same table for people; a test compares the two field by field.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .checks import (
    Anything,
    Array,
    Check,
    CropChoice,
    Flag,
    Integer,
    Number,
    Offset,
    Options,
    Pairs,
    Point,
    SessionName,
    Text,
    Version,
)
from .codec import malformed
from .errors import WireError
from .limits import MAX_PAIRS
from .messages import Message


class Lane(Enum):
    """Who serves a request. ``FRONT`` is answered at once and never waits behind compute."""

    FRONT = "front"
    SHORT = "short"
    LONG = "long"


@dataclass(frozen=True)
class Field:
    """One field of a body."""

    name: str
    check: Check
    required: bool = True


@dataclass(frozen=True)
class RequestType:
    """A request that a client may send.

    Attributes:
        fields: the request's body. A field whose check is an ``Array`` announces a raw buffer; buffers follow
            the header in the order of these fields.
        reply: the body of ``ok``; again in the order of the buffers.
        events: names of the events that may come before the last reply.
        session: whether the header must name a session.
        lane: who serves it.
    """

    name: str
    fields: tuple[Field, ...] = ()
    reply: tuple[Field, ...] = ()
    events: tuple[str, ...] = ()
    session: bool = False
    lane: Lane = Lane.FRONT


_POINTS = Anything("points")
_PICTURE = Anything("picture")
_QUEUED = ("progress",)
_FACES = Anything("faces")
_MODEL = (
    Field("model", Text()),
    Field("resolution", Integer()),
    Field("height", Integer()),
    Field("width", Integer()),
    Field("labels", Integer()),
    Field("label_names", Anything("texts")),
)
_CHOICE = (Field("chosen_by", Text()), Field("faces", _FACES), Field("note", Anything("text or null")))

REQUESTS: dict[str, RequestType] = {
    request.name: request
    for request in (
        RequestType(
            "hello",
            fields=(Field("token", Text()), Field("protocol", Version()), Field("client", Text())),
            reply=(Field("server_version", Text()), Field("protocol", Version()), Field("pid", Integer())),
        ),
        RequestType("ping"),
        RequestType(
            "status",
            reply=(
                Field("state", Text()),
                Field("device", Text()),
                Field("models_loaded", Anything("texts")),
                Field("sessions", Integer()),
                Field("clients", Integer()),
                Field("queued", Integer()),
                Field("uptime", Number()),
                Field("log_folder", Text()),
                Field("workers", Anything("workers")),
            ),
        ),
        RequestType("models.list", reply=(Field("models", Anything("models")),)),
        RequestType(
            "faces.find",
            fields=(Field("layer", Array(4, deep=True)), Field("offset", Offset(), required=False)),
            reply=(Field("faces", _FACES),),
            events=_QUEUED,
            lane=Lane.SHORT,
        ),
        RequestType(
            "session.open",
            fields=(
                Field("layer", Array(4, deep=True)),
                Field("selection", Array(1), required=False),
                Field("offset", Offset(), required=False),
                Field("crop", CropChoice(), required=False),
                Field("point", Point(), required=False),
                Field("face", Integer(0, 63), required=False),
                Field("model", Text(), required=False),
            ),
            reply=(
                Field("session", SessionName()),
                Field("crop", Anything("square")),
                *_CHOICE,
                Field("layer", Anything("rect")),
                *_MODEL,
            ),
            events=_QUEUED,
            lane=Lane.SHORT,
        ),
        RequestType(
            "session.invert",
            fields=(Field("settings", Options(), required=False),),
            reply=(
                Field("seconds", Number()),
                Field("distance", Number()),
                Field("perceptual", Text()),
                Field("cached", Flag()),
            ),
            events=("progress", "preview"),
            session=True,
            lane=Lane.LONG,
        ),
        RequestType(
            "drag.start",
            fields=(
                Field("pairs", Pairs()),
                Field("mask", Array(1), required=False),
                Field("options", Options(), required=False),
                Field("from_step", Integer(), required=False),
            ),
            reply=(
                Field("outcome", Text()),
                Field("reason", Text(), required=False),
                Field("step", Integer()),
                Field("steps", Integer()),
                Field("distance", Number()),
                Field("distance_model", Number()),
                Field("handles", _POINTS),
                Field("targets", _POINTS),
            ),
            events=("progress", "preview"),
            session=True,
            lane=Lane.LONG,
        ),
        RequestType(
            "drag.retarget",
            fields=(Field("pair", Integer(0, MAX_PAIRS - 1)), Field("target", Point())),
            session=True,
        ),
        RequestType(
            "drag.stop",
            fields=(Field("request", Integer(0, 2**63 - 1), required=False),),
            reply=(Field("running", Flag()),),
            session=True,
        ),
        RequestType(
            "step.show",
            fields=(Field("step", Integer()),),
            reply=(
                Field("step", Integer()),
                Field("shape", Anything("shape")),
                Field("dtype", Text()),
                Field("handles", _POINTS),
                Field("targets", _POINTS),
                Field("distance", Number()),
            ),
            events=_QUEUED,
            session=True,
            lane=Lane.SHORT,
        ),
        RequestType(
            "session.result",
            fields=(
                Field("step", Integer(), required=False),
                Field("only_changed", Flag(), required=False),
            ),
            reply=(
                Field("rect", Anything("rect")),
                Field("opaque", Flag()),
                Field("step", Integer()),
                Field("steps", Integer()),
                Field("picture", _PICTURE),
                Field("changed", _PICTURE),
            ),
            events=_QUEUED,
            session=True,
            lane=Lane.SHORT,
        ),
        RequestType("session.list", reply=(Field("sessions", Anything("sessions")),)),
        RequestType(
            "session.resume",
            reply=(
                Field("session", SessionName()),
                Field("crop", Anything("square")),
                *_CHOICE,
                Field("layer", Anything("rect")),
                *_MODEL,
                Field("inverted", Flag()),
                Field("label", Anything("integer or null")),
                Field("steps", Integer()),
                Field("last", Anything("step or null")),
                Field("drags", Anything("drags")),
            ),
            events=_QUEUED,
            session=True,
            lane=Lane.SHORT,
        ),
        RequestType(
            "session.close",
            fields=(Field("forget", Flag(), required=False),),
            session=True,
        ),
    )
}
"""Every request, by name."""

EVENTS: dict[str, tuple[Field, ...]] = {
    "progress": (
        Field("stage", Text()),
        Field("fraction", Number(), required=False),
        Field("seconds_left", Number(), required=False),
        Field("loss", Number(), required=False),
        Field("step", Integer(), required=False),
        Field("distance", Number(), required=False),
        Field("distance_model", Number(), required=False),
        Field("handles", _POINTS, required=False),
        Field("targets", _POINTS, required=False),
    ),
    "preview": (
        Field("stage", Text()),
        Field("shape", Anything("shape")),
        Field("dtype", Text()),
        Field("fraction", Number(), required=False),
        Field("step", Integer(), required=False),
        Field("distance", Number(), required=False),
        Field("distance_model", Number(), required=False),
        Field("handles", _POINTS, required=False),
        Field("targets", _POINTS, required=False),
    ),
}
"""Events before a last reply; ``reply_to`` names the request."""

HEARTBEAT = "heartbeat"
"""Server → client, regularly, with an empty body; needs no answer."""

ACKNOWLEDGE = "preview.ack"
"""Client → server: the preview of the request ``reply_to`` was shown. The one message without an answer."""

OK = "ok"
ERROR = "error"

STAGES: tuple[str, ...] = ("queued", "pivot", "tuning", "drag", "composite")
"""Values of ``stage`` in events."""


def validate(message: Message) -> RequestType:
    """The type of a request whose session, body and buffers fit it; unknown fields are ignored.

    Raises:
        WireError: ``unknown_type``, ``malformed``, ``wrong_buffer_size`` or the code of the field's own check
            (``bad_points``, ``layer_too_large``, …), with ``request_id`` set.
    """
    try:
        return _validate(message)
    except WireError as error:
        error.request_id = message.id
        raise


def _validate(message: Message) -> RequestType:
    request = REQUESTS.get(message.type)
    if request is None:
        raise WireError(
            "unknown_type",
            f"The backend does not know the request {message.type[:64]!r}.",
            "Update the backend, or the plugin that asked.",
        )
    if request.session and message.session is None:
        raise malformed("it names no session")
    expected: list[tuple[str, int]] = []
    for field in request.fields:
        value = message.body.get(field.name)
        if value is None:
            if field.required:
                raise malformed(f"{field.name} is missing")
            continue
        field.check(field.name, value)
        if isinstance(field.check, Array):
            expected.append((field.name, field.check.bytes(value)))
    sizes = [memoryview(buffer).nbytes for buffer in message.buffers]
    if len(sizes) != len(expected):
        raise WireError(
            "wrong_buffer_size",
            f"{len(sizes)} pictures came where {len(expected)} were announced.",
            "Try again; if it happens again, update the plugin.",
        )
    for (name, size), actual in zip(expected, sizes, strict=True):
        if size != actual:
            raise WireError(
                "wrong_buffer_size",
                f"The {name} should hold {size} bytes but holds {actual}.",
                "Try again; if it happens again, update the plugin.",
            )
    layer, selection = message.body.get("layer"), message.body.get("selection")
    if request.name == "session.open" and layer and selection and selection["shape"] != layer["shape"][:2]:
        raise WireError(
            "wrong_buffer_size",
            "The selection does not have the layer's size.",
            "Try again; if it happens again, update the plugin.",
        )
    return request
