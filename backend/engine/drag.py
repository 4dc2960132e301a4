"""A drag: the steps of an engine, one after the other, until all handles arrived or cannot come nearer, the limit is
reached, or it is closed.

    for step in drag:            # a step is computed only when asked for
        step.handles, step.distance, step.preview()
        drag.retarget(0, (x, y)) # allowed between steps
    drag.outcome                 # "arrived", "stuck" (drag.reason says why), "limit" or "stopped"

All points are crop space at model resolution: (x, y) float, origin top left, pixel centres at +0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backend.engine import engines, gauss_newton, reference  # noqa: F401  (both register themselves)
from backend.engine.device import memory_guard
from backend.engine.engines import DragEngine, DragProblem
from backend.engine.freedom import free_entries
from backend.errors import PullfaceError

Outcome = Literal["arrived", "stuck", "limit", "stopped"]
Picture = NDArray[np.uint8]

FEW_POINTS = 5
PUBLISHED_LAYERS = 6


@dataclass(frozen=True)
class DragOptions:
    """How to drag.

    engine: name of the engine, see `engines.names()`.
    steps: the most changes of the latent before the drag ends with "limit".
    strength: 0 to 1, how much the picture may change for the sake of the points. 0 keeps it close to where it was,
        may stop short of a target, and frees 4 of a StyleGAN2's entries of w+; 1 goes almost anywhere to arrive and
        frees 8 (of another model those that draw equally coarse things, see `freedom.py`). The prior towards the start
        weighs 10^(1 − 2·strength). Engine `reference` does without it.
    learning_rate: of Adam, for engine `reference`; None = the model's own scale (see
        `FaceEditor.default_learning_rate`).
    lambda_mask: weight of "what may not move stays as it was". The published 20 holds a 128-px model so firmly that
        half of the handles stall. Our engine's pictures keep what the mask protects anyway (`keeping.py`), and it holds
        what is far from all handles where there is no mask, too; 0 = nothing is held.
    free_layers: how many entries of w+ may change, counted from the coarsest; None = as `strength` says, and the
        published 6 for engine `reference`.
    stop_distance: px of crop space; the drag has arrived when no handle is farther. None = the paper's rule, 1 px
        for up to five points and 2 px for more. (The authors' program uses max(2·h/512, 2) px for a picture of h px.)
    """

    engine: str = "gauss-newton"
    steps: int = 200
    strength: float = 0.4
    learning_rate: float | None = None
    lambda_mask: float = 5.0
    free_layers: int | None = None
    stop_distance: float | None = None

    def __post_init__(self) -> None:
        """Raises PullfaceError "bad_options" for a value that no drag could use."""
        _require_number("steps", self.steps, 1, 100_000, whole=True)
        _require_number("strength", self.strength, 0, 1)
        if self.free_layers is not None:
            _require_number("free_layers", self.free_layers, 1, 1000, whole=True)
        _require_number("lambda_mask", self.lambda_mask, 0, 1e6)
        if self.learning_rate is not None:
            _require_number("learning_rate", self.learning_rate, 1e-8, 100)
        if self.stop_distance is not None:
            _require_number("stop_distance", self.stop_distance, 0, 1e4)
        if self.engine not in engines.names():
            raise PullfaceError(
                "unknown_engine",
                f"There is no drag engine called “{self.engine}”.",
                f"Choose one of: {', '.join(engines.names())}.",
            )

    def free_entries(self, synthesis: Any) -> int:
        """How many entries of w+ may change in a model with this synthesis network."""
        if self.free_layers is not None:
            return self.free_layers
        return PUBLISHED_LAYERS if self.engine == "reference" else free_entries(synthesis, self.strength)

    @property
    def keeps_mask(self) -> bool:
        """Whether pictures show what the mask does not let move as it was; comparisons are shown as published."""
        return self.engine == "gauss-newton"

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> DragOptions:
        """Options from names and values. Raises PullfaceError "bad_options" for a name that there is not."""
        known = {field.name for field in fields(cls)}
        for name in values:
            if name not in known:
                raise _bad_option(f"There is no drag setting called “{name}”.", ", ".join(sorted(known)))
        return cls(**values)


def _require_number(name: str, value: Any, low: float, high: float, whole: bool = False) -> None:
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise _bad_option(
            f"The drag setting “{name}” cannot be {value!r}.", f"{kind} from {low:g} to {high:g}"
        )


def _bad_option(message: str, allowed: str) -> PullfaceError:
    return PullfaceError("bad_options", message, f"Allowed: {allowed}.")


@dataclass(frozen=True)
class DragStep:
    """One state of a drag. Step 0 is the picture before anything moved.

    index: how often the latent has been changed.
    handles, targets: crop space at model resolution, [N, 2].
    distance: mean distance from handle to target, px.
    loss: of the change that led here (0 at step 0).
    latent: w+ [1, num_ws, w_dim]; renders exactly this step at any later time.
    """

    index: int
    handles: NDArray[np.float64]
    targets: NDArray[np.float64]
    distance: float
    loss: float
    latent: Tensor
    render: Callable[[Tensor], Picture]

    def preview(self) -> Picture:
        """The picture of this step, uint8 [H, W, 3]; rendered when called."""
        return self.render(self.latent)


def check_pairs(pairs: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    """`pairs` as float64 [N, 2 (handle, target), 2 (x, y)] in crop space; the picture's `shape` is (height, width).

    Raises PullfaceError "bad_points" for NaN, infinity, a wrong shape or no point at all, "points_outside" for a
    point outside the crop.
    """
    try:
        array = np.array(pairs, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.full((1, 2, 2), np.nan)
    if array.ndim != 3 or array.shape[1:] != (2, 2) or not len(array) or not np.isfinite(array).all():
        raise PullfaceError(
            "bad_points",
            "The points to drag are not usable: every handle and every target needs two finite numbers.",
            "Put at least one handle and its target on the canvas again.",
        )
    for pair_number, pair in enumerate(array, start=1):
        for name, point in zip(("handle", "target"), pair, strict=True):
            _check_inside(point, shape, f"The {name} of pair {pair_number}")
    return array


def _check_inside(point: NDArray[np.float64], shape: tuple[int, int], subject: str) -> None:
    if (point < 0).any() or (point >= shape[::-1]).any():
        raise PullfaceError(
            "points_outside",
            f"{subject} lies outside the part of the picture that the model sees.",
            "Move the point inside the crop's frame, or make the crop larger.",
        )


def check_mask(mask: ArrayLike | None, shape: tuple[int, int], device: torch.device) -> Tensor | None:
    """The mask as float32 [H, W], the picture's `shape`, on `device`, 1 = may move; None stays None.

    bool and float masks count from 0 to 1, uint8 from 0 to 255. Raises PullfaceError "empty_mask" when nothing may
    move, "bad_mask" for a wrong shape or values that are not finite.
    """
    if mask is None:
        return None
    array = np.asarray(mask)
    scale = 255.0 if array.dtype == np.uint8 else 1.0
    values = array.astype(np.float32) / scale
    if values.shape != shape or not np.isfinite(values).all():
        raise PullfaceError(
            "bad_mask",
            f"The mask does not fit the crop: it has to be {shape[1]}×{shape[0]} finite numbers.",
            "Paint or select the movable part again.",
        )
    values = values.clip(0, 1)
    if not values.any():
        raise PullfaceError(
            "empty_mask",
            "The mask lets nothing move.",
            "Select the part of the face that may move, or drop the selection to let everything move.",
        )
    return torch.from_numpy(values).to(device)


def paper_stop_distance(points: int) -> float:
    """The paper's stop rule in px (section 3.2): 1 for up to five points, otherwise 2."""
    return 1.0 if points <= FEW_POINTS else 2.0


class Drag(Iterator[DragStep]):
    """A running drag; see the module's text. One thread at a time may ask for steps; `retarget` and `close` may come
    from another one and count from the next step on.
    """

    def __init__(
        self,
        engine: DragEngine,
        pairs: NDArray[np.float64],
        options: DragOptions,
        render: Callable[[Tensor], Picture],
    ) -> None:
        self._engine = engine
        self._targets = [(float(x), float(y)) for x, y in pairs[:, 1]]
        self._options = options
        self._render = render
        self._shape = (0, 0)
        stop = paper_stop_distance(len(pairs)) if options.stop_distance is None else options.stop_distance
        self.stop_distance = max(stop, engine.nearest_stop)
        self.outcome: Outcome | None = None
        self.reason = ""
        """Why a drag is stuck: a sentence for the artist."""
        self._last: DragStep | None = None

    @classmethod
    def begin(
        cls,
        problem: DragProblem,
        pairs: NDArray[np.float64],
        options: DragOptions,
        render: Callable[[Tensor], Picture],
    ) -> Drag:
        """A drag of `options.engine` on `problem` (its handles are those of `pairs`); nothing is computed yet."""
        drag = cls(engines.create(options.engine, problem), pairs, options, render)
        drag._shape = problem.shape
        return drag

    def __next__(self) -> DragStep:
        """The next step. Raises StopIteration at the end (`outcome` says which), PullfaceError "out_of_memory", or
        "diverged" when the numbers ran away (the steps before stay valid).
        """
        if self.outcome is None and self._last is not None:
            self._settle(self._last)
        if self.outcome is not None:
            raise StopIteration
        with memory_guard("drag with this model"):
            self._last = self._compute(self._last)
        return self._last

    def _compute(self, last: DragStep | None) -> DragStep:
        index, loss = 0, 0.0
        if last is not None:
            index, loss = last.index + 1, self._engine.advance(self._target_array())
        latent = self._engine.latent
        if not np.isfinite(loss) or not bool(torch.isfinite(latent).all()):
            self.outcome = "stopped"
            raise PullfaceError(
                "diverged",
                "The pull ran away and had to be ended; the steps before this one are kept.",
                "Try again with a smaller learning rate or a nearer target.",
            )
        handles = self._engine.locate()
        targets = self._target_array()
        return DragStep(index, handles, targets, _mean_distance(handles, targets), loss, latent, self._render)

    def _settle(self, last: DragStep) -> None:
        """Decides whether the drag ends after `last`; the targets of this moment count."""
        distances = np.linalg.norm(last.handles - self._target_array(), axis=1)
        if (distances <= self.stop_distance).all():
            self.outcome = "arrived"
        elif self._engine.stuck is not None and np.array_equal(last.targets, self._target_array()):
            self.outcome, self.reason = "stuck", self._engine.stuck
        elif last.index >= self._options.steps:
            self.outcome = "limit"

    def _target_array(self) -> NDArray[np.float64]:
        return np.array(self._targets, dtype=np.float64)

    def retarget(self, index: int, target: Sequence[float]) -> None:
        """Moves the target of pair `index` to (x, y) in crop space.

        Raises PullfaceError "bad_points" or "points_outside", and then the old target stays.
        """
        if index not in range(len(self._targets)):
            raise PullfaceError(
                "bad_points",
                "There is no such pair of points in this drag.",
                "Move a target that is on the canvas.",
            )
        pair = check_pairs([[target, target]], self._shape)
        self._targets[int(index)] = (float(pair[0, 1, 0]), float(pair[0, 1, 1]))

    def close(self) -> None:
        """Ends the drag before the next step; does nothing when it has ended already."""
        if self.outcome is None:
            self.outcome = "stopped"

    @property
    def last(self) -> DragStep | None:
        """The last step computed."""
        return self._last

    def __enter__(self) -> Drag:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _mean_distance(handles: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(handles - targets, axis=1).mean())
