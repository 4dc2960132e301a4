"""A drag inside a session: the engine's steps in image space, each one saved before it is handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backend.engine import DragOptions, extract_mask
from backend.engine.drag import DragStep
from backend.errors import PullfaceError
from backend.sessions.session import MAX_STEPS, Session
from backend.sessions.step_log import StepRecord

if TYPE_CHECKING:
    from backend.engine import FaceEditor

Picture = NDArray[np.uint8]
Pairs = Sequence[Sequence[Sequence[float]]]


@dataclass(frozen=True)
class SavedStep:
    """A step that is on disk.

    Attributes:
        number: its number in the session.
        handles, targets: image space, [N][2].
        distance: mean distance from handle to target, image px.
        distance_model: the same in px of the model's picture.
        own_picture: the artist's picture at this step, or None, see ``Session.own_picture``.
    """

    number: int
    handles: list[list[float]]
    targets: list[list[float]]
    distance: float
    distance_model: float
    engine_step: DragStep
    own_picture: Callable[[], Picture | None]

    def preview(self) -> Picture:
        """What the step looks like, uint8 [H, W, 3], as ``Session.show``; made when called."""
        own = self.own_picture()
        return self.engine_step.preview() if own is None else own


class SessionDrag(Iterator[SavedStep]):
    """A running drag of a session.

    The first item is the state it starts from, under the number of the step that it came from; each further one is
    a new step and is on disk when it comes out.

    Args:
        session: must be inverted.
        editor: of the session's model.
        pairs: [N][2 (handle, target)][2 (x, y)], image space.
        mask: uint8 [H, W] as large as the whole layer, 255 = may move; None = everything may.
        options: of the drag, see ``DragOptions``.
        from_step: the step to start from; None = the last.

    Raises:
        PullfaceError: ``not_inverted``, ``unknown_step``, ``points_outside``, ``bad_points``, ``empty_mask``,
            ``bad_options``, ``session_full`` …
    """

    def __init__(
        self,
        session: Session,
        editor: FaceEditor,
        pairs: Pairs,
        mask: Picture | None = None,
        options: Mapping[str, Any] | None = None,
        from_step: int | None = None,
    ) -> None:
        self._session = session
        self._editor = editor
        self._crop = session.crop
        self._resolution = session.record.resolution
        start = session.last_step if from_step is None else from_step
        done = session.edits(start)
        given = dict(options or {})
        chosen = DragOptions.from_mapping(given)
        window_mask = None if mask is None else self._window_mask(mask)
        crop_mask = None
        if window_mask is not None:
            x, y = session.record.rect[:2]
            crop_mask = extract_mask(window_mask, (x, y), self._crop, self._resolution)
        self._drag = editor.drag(
            session.inversion(),
            self._crop.to_crop(pairs, self._resolution),
            mask=crop_mask,
            options=chosen,
            done=done,
        )
        self.record = session.begin_drag(start, pairs, window_mask, given)
        self._last: SavedStep | None = None

    def _window_mask(self, mask: Picture) -> Picture:
        left, top = self._session.record.layer[:2]
        x, y, width, height = self._session.record.rect
        cut = np.ascontiguousarray(mask[y - top : y - top + height, x - left : x - left + width])
        if not cut.any():
            raise PullfaceError(
                "empty_mask",
                "The mask lets nothing move.",
                "Select the part of the face that may move, or drop the selection to let everything move.",
            )
        return cut

    def __next__(self) -> SavedStep:
        """The next step. Raises StopIteration at the end (``outcome`` says which), or PullfaceError."""
        if self._session.last_step >= MAX_STEPS:
            self._drag.close()
        step = next(self._drag)
        self._last = self._saved(step)
        return self._last

    def _saved(self, step: DragStep) -> SavedStep:
        handles = self._crop.to_image(step.handles, self._resolution).tolist()
        targets = self._crop.to_image(step.targets, self._resolution).tolist()
        distance = step.distance * self._crop.size / self._resolution
        if step.index == 0:
            number = self.record.from_step
        else:
            number = self._session.last_step + 1
            latent = step.latent.detach().cpu().numpy().astype("<f4").tobytes()
            self._session.steps.append(
                StepRecord(number, self.record.number, handles, targets, distance, step.distance, latent)
            )
        begun = self.record if step.index == 0 else None
        own_picture = partial(self._session.own_picture, self._editor, number, begun)
        return SavedStep(number, handles, targets, distance, step.distance, step, own_picture)

    def retarget(self, pair: int, target: Sequence[float]) -> None:
        """Moves the target of a pair to (x, y) in image space; counts from the next step on.

        Raises:
            PullfaceError: ``bad_points`` or ``points_outside``; the old target stays.
        """
        x, y = self._crop.to_crop(target, self._resolution)
        self._drag.retarget(pair, (float(x), float(y)))

    def close(self) -> None:
        """Ends the drag before the next step."""
        self._drag.close()

    @property
    def last(self) -> SavedStep | None:
        """The last item that came out."""
        return self._last

    @property
    def reason(self) -> str:
        """Why the drag is stuck, a sentence for the artist; "" for every other end."""
        return self._drag.reason

    def finish(self) -> str:
        """Notes on disk how the drag ended, and returns it: "arrived", "stuck", "limit" or "stopped"."""
        self._drag.close()
        outcome = str(self._drag.outcome)
        self._session.end_drag(self.record, outcome)
        return outcome
