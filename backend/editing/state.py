"""What the artist sees of a pull: its phase, pictures, choices and history, and how they are kept."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..wire.errors import RemoteError
from .connection import Connection
from .geometry import Square, distance
from .host import AreaOptions, CropChoice, Edit, Mask, Source
from .messages import Message, Observers, message_of
from .pairs import PairList
from .record import Record, Result
from .remote_session import RemoteSession
from .tasks import Later

RECORD_SECONDS = 0.2
"""How long after a change the record goes into the document."""


class Phase(Enum):
    """What is going on."""

    IDLE = "idle"
    WAITING = "waiting"
    READING = "reading"
    OPENING = "opening"
    INVERTING = "inverting"
    READY = "ready"
    DRAGGING = "dragging"
    FINISHING = "finishing"
    APPLYING = "applying"


_TEXTS = {
    Phase.IDLE: "",
    Phase.WAITING: "Waiting for the backend",
    Phase.READING: "Reading the layer",
    Phase.OPENING: "Sending the picture",
    Phase.INVERTING: "Finding the face in the model",
    Phase.READY: "",
    Phase.DRAGGING: "Pulling",
    Phase.FINISHING: "Finishing the picture",
    Phase.APPLYING: "Writing the layer",
}

_STAGES = {
    "queued": "Waiting for the backend",
    "pivot": "Finding the face in the model",
    "tuning": "Fitting the model to your picture",
}
"""What an inversion does, by the ``stage`` of its progress; see ``docs/protocol.md``."""


@dataclass(frozen=True)
class Progress:
    """How far it is.

    Attributes:
        fraction: 0 to 1; None when nobody knows.
        seconds_left: an estimate; None when there is none.
        text: what is going on.
    """

    fraction: float | None = None
    seconds_left: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Preview:
    """The model's picture of the crop: RGB uint8 [height, width, 3]."""

    square: Square
    width: int
    height: int
    rgb: Any = field(repr=False)


class PullState:
    """The state of one layer's pull; ``Pull`` gives it its orders.

    Args:
        source: the layer.
        connection: to the backend, shared.
        later: calls a function from the event loop after so many seconds.
        record: what the document had kept, see ``Record``; unreadable bytes are told and ignored.

    Attributes:
        pairs: edit them directly.
        area, crop_choice, drawn_crop, face, model: the artist's choices; set them with the methods. ``face`` is the one
            that was chosen of several, None for the best.
        label: of a conditional model, which kind of picture this is; None for any. Set it with ``set_label``.
        phase, progress, message: what is going on.
        preview, edit: what to draw over the canvas; ``edit`` (exact) before ``preview`` (the model's picture).
        mask: what may move in the running or last drag; None before the first, or when everything may.
        results: finished drags, the oldest first.
        inversion_settings, drag_options: handed to the backend as they are, see ``docs/protocol.md``; the record keeps
            them.
    """

    def __init__(self, source: Source, connection: Connection, later: Later, record: bytes = b"") -> None:
        self.source = source
        self.pairs = PairList()
        self.phase = Phase.IDLE
        self.progress = Progress()
        self.message: Message | None = None
        self.preview: Preview | None = None
        self.edit: Edit | None = None
        self._connection = connection
        self._later = later
        self._observers = Observers()
        self._session: RemoteSession | None = None
        self._record_due = False
        self._closed = False
        self.model = ""
        self.label: int | None = None
        self.crop_choice: CropChoice = "face"
        self.drawn_crop: Square | None = None
        self.face: Square | None = None
        self.area = AreaOptions()
        self.mask: Mask | None = None
        self.results: list[Result] = []
        self.inversion_settings: dict[str, Any] = {}
        self.drag_options: dict[str, Any] = {}
        self._load(record)

    @property
    def busy(self) -> bool:
        """Whether something runs that can be stopped."""
        raise NotImplementedError

    @property
    def step(self) -> int:
        """The step that is shown."""
        return self.pairs.step

    @property
    def distance(self) -> float | None:
        """Mean px from the handles to their targets; None without pairs."""
        if not len(self.pairs):
            return None
        return sum(distance(pair.handle, pair.target) for pair in self.pairs) / len(self.pairs)

    @property
    def last_step(self) -> int:
        """The last step of the session; 0 before the first drag."""
        return self._session.facts.last_step if self._session is not None else 0

    def observe(self, function: Callable[[str], None]) -> Callable[[], None]:
        """Calls ``function(topic)`` after every change: state, pairs, preview, message, results, options.

        Returns what ends that.
        """
        return self._observers.add(function)

    # Choices

    def set_area(self, area: AreaOptions) -> None:
        """How the movable area is made; counts from the next drag."""
        if area != self.area:
            self.area = area
            self._option_changed()

    def set_model(self, model: str) -> None:
        """A model's name, or the path of a model file; empty for the default. Counts from the next inversion."""
        if model != self.model:
            self.model, self.label = model, None
            self._option_changed()

    def set_label(self, label: int | None) -> None:
        """Which of a conditional model's kinds of pictures this is; None for any. Counts from the next inversion."""
        if label != self.label:
            self.label = label
            self._option_changed()

    @property
    def aspect(self) -> float:
        """Width by height of the model's pictures; 1 where that is not known yet."""
        known = self._known_model()
        if known is not None:
            return float(known.get("width") or 1) / float(known.get("height") or 1)
        return self._session.facts.crop.aspect if self._session is not None and self._of_this_model() else 1.0

    @property
    def labels(self) -> list[str]:
        """What there is to choose from with ``set_label``, by its names or numbers; empty for most models."""
        known = self._known_model()
        if known is not None:
            count, names = int(known.get("labels") or 0), list(known.get("label_names") or [])
        elif self._session is not None and self._of_this_model():
            count, names = self._session.facts.labels, self._session.facts.label_names
        else:
            return []
        return names if len(names) == count else [str(number) for number in range(count)]

    def _known_model(self) -> dict[str, Any] | None:
        """What ``models.list`` says of the chosen model; None for a file, and before the backend has told."""
        models = self._connection.models
        if not self.model:
            return models[0] if models else None
        return next((one for one in models if one["name"] == self.model), None)

    def _of_this_model(self) -> bool:
        return self._session is not None and self._session.facts.wish[:1] == [self.model]

    def _option_changed(self) -> None:
        self._observers.tell("options")
        self._observers.tell("state")
        self._record_soon()

    # Changes, for ``Pull``

    def _rest_phase(self) -> Phase:
        """The phase while nothing runs."""
        return Phase.READY if self._session is not None and self._session.facts.inverted else Phase.IDLE

    def _set_phase(self, phase: Phase) -> None:
        self.phase = phase
        self.progress = Progress(text=_TEXTS[phase])
        self._observers.tell("state")

    def _set_progress(
        self, fraction: float | None, seconds_left: float | None = None, stage: str = ""
    ) -> None:
        self.progress = Progress(fraction, seconds_left, _STAGES.get(stage) or _TEXTS[self.phase])
        self._observers.tell("state")

    def _set_preview(self, shape: Sequence[int], rgb: Any) -> None:
        if self._session is not None:
            self.preview = Preview(self._session.facts.crop, int(shape[1]), int(shape[0]), rgb)
            self.edit = None
            self._observers.tell("preview")

    def _set_edit(self, edit: Edit) -> None:
        self.edit = edit
        self._observers.tell("preview")

    def _clear_picture(self) -> None:
        self.preview = self.edit = None
        self._observers.tell("preview")

    def _say(self, message: Message | None) -> None:
        if message != self.message:
            self.message = message
            self._observers.tell("message")

    def _say_error(self, error: BaseException, doing: str) -> None:
        """Tells what went wrong; what the artist stopped did not go wrong."""
        if not (isinstance(error, RemoteError) and error.code == "cancelled"):
            self._say(message_of(error, doing))

    def _set_results(self, results: list[Result]) -> None:
        self.results = results
        self._observers.tell("results")
        self._record_soon()

    def _result_at(self, step: int) -> Result | None:
        """The finished drag that ended at a step of the present session."""
        name = self._session.facts.name if self._session is not None else ""
        found = [item for item in self.results if (item.session, item.step) == (name, step)]
        return found[-1] if found else None

    def _add_result(self, name: str, step: int) -> None:
        """Puts a finished drag into the history, with the shown picture as its thumbnail."""
        preview = self.preview
        if preview is None or self._result_at(step) is not None:
            return
        thumbnail = self.source.thumbnail(preview.width, preview.height, preview.rgb)
        self._made += 1
        result = Result(uuid.uuid4().hex, name, step, f"Pull {self._made}", thumbnail, time.time())
        self._set_results([*self.results, result])

    # The record in the document

    def _load(self, data: bytes) -> None:
        try:
            record = Record.from_bytes(data) if data else Record()
        except ValueError as error:
            record = Record()
            self.message = Message(
                "note",
                "What Pullface had stored in this document cannot be read.",
                "Place the points again; the picture itself is as it was.",
                str(error),
            )
        self.model = record.model
        self.label = record.label
        self.inversion_settings = record.inversion
        self.drag_options = record.drag
        self.crop_choice = record.crop_choice
        self.drawn_crop = record.drawn_crop
        self.face = record.face
        self.area = record.area
        self._packed_mask = record.mask
        self.mask = record.mask.mask() if record.mask is not None else None
        self._mask_from_selection = record.mask_from_selection
        missing = record.mask_from_selection and not self.source.keeps_selection
        self._kept_mask = self.mask if missing else None
        self.results = record.results
        self._made = len(record.results)
        if record.session is not None:
            self._session = RemoteSession(self._connection, record.session)
            self.phase = self._rest_phase()
        self.pairs.restore(record.pairs, record.step)

    def _record_soon(self) -> None:
        if not self._record_due and not self._closed:
            self._record_due = True
            self._later(RECORD_SECONDS, self.save_record)

    def save_record(self) -> None:
        """Puts the record into the document now, if something changed."""
        if not self._record_due or self._closed:
            return
        self._record_due = False
        if not self.source.exists():
            return
        record = Record(
            model=self.model,
            label=self.label,
            inversion=self.inversion_settings,
            drag=self.drag_options,
            crop_choice=self.crop_choice,
            drawn_crop=self.drawn_crop,
            face=self.face,
            area=self.area,
            session=self._session.facts if self._session is not None else None,
            step=self.step,
            pairs=tuple(self.pairs),
            mask=self._packed_mask,
            mask_from_selection=self._mask_from_selection,
            results=self.results,
        )
        empty = record.session is None and not record.pairs and not record.results
        self.source.save_record(b"" if empty else record.to_bytes())


class TimeLeft:
    """Estimates how long a drag goes on from how fast the distance shrinks."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def of(self, remaining: float) -> tuple[float | None, float | None]:
        """The fraction of the way that is done, and the seconds that are left where they can be told."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, remaining
        begun, whole = self._first
        done = whole - remaining
        if whole <= 0 or done <= 0:
            return 0.0, None
        left = remaining * (now - begun) / done if now - begun > 1 else None
        return min(1.0, done / whole), left
