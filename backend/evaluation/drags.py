"""The drag table: features pulled by known lengths, and where a detector that knows of no drag finds them after it.

The handle stands where the detector finds the feature in the artist's picture, not in what the model makes of it:
that is where an artist would put it, and an inversion that draws the feature elsewhere has to answer for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.engine import DragOptions, FaceEditor
from backend.engine.inversion import Inversion

from .dragging import drag_to_the_end
from .landmarks import detect

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Pull:
    """A feature and how far it is pulled, as a part of the picture's side; x to the right, y down."""

    feature: str
    landmark: str
    x: float
    y: float


PULLS = (
    Pull("mouth corner", "mouth_left", -0.025, -0.03),
    Pull("eyelid", "eye_left_top", 0.0, 0.03),
    Pull("brow", "brow_right_middle", 0.0, -0.035),
    Pull("nose", "nose", 0.025, 0.0),
)

MASK_RADIUS = 0.17
"""Of the round mask around a handle, as a part of the picture's side."""

STEPS = 60


@dataclass(frozen=True)
class Pulled:
    """What one drag reached; lengths in px of the model's picture.

    before: from where the detector finds the feature in the picture as the model shows it to the target.
    after: the same after the drag. asked: how far the handle is from the target.
    """

    feature: str
    asked: float
    before: float
    after: float
    steps: int
    seconds: float
    outcome: str


def pull_all(
    editor: FaceEditor,
    inversion: Inversion,
    seen: Picture,
    pulls: Sequence[Pull] = PULLS,
    steps: int = STEPS,
    on_pull: Callable[[int, Picture], None] | None = None,
) -> list[Pulled]:
    """Every pull for itself, each from the inversion's own latent.

    Args:
        editor: of the model.
        inversion: of `seen`.
        seen: the artist's picture at the model's resolution, uint8 [R, R, 3].
        pulls: which.
        steps: the most steps of one drag.
        on_pull: called after each with its number and its last picture.
    """
    places = detect(seen)
    shown = detect(editor.render(inversion))
    return [
        _pull(editor, inversion, pull, places[pull.landmark], shown[pull.landmark], steps, number, on_pull)
        for number, pull in enumerate(pulls)
    ]


def _pull(
    editor: FaceEditor,
    inversion: Inversion,
    pull: Pull,
    handle: tuple[float, float],
    shown: tuple[float, float],
    steps: int,
    number: int,
    on_pull: Callable[[int, Picture], None] | None,
) -> Pulled:
    side = editor.resolution
    target = (_inside(handle[0] + pull.x * side, side), _inside(handle[1] + pull.y * side, side))
    options = DragOptions(steps=steps)
    dragged = drag_to_the_end(editor, inversion, [[handle, target]], round_mask(handle, side), options)
    after = dragged.step.preview()
    if on_pull is not None:
        on_pull(number, after)
    return Pulled(
        pull.feature,
        math.dist(handle, target),
        math.dist(shown, target),
        math.dist(detect(after)[pull.landmark], target),
        dragged.step.index,
        round(dragged.seconds, 2),
        dragged.outcome,
    )


def round_mask(centre: tuple[float, float], side: int) -> NDArray[np.float32]:
    """Float32 [R, R]: 1 around `centre`, softly 0 beyond `MASK_RADIUS`."""
    ys, xs = np.mgrid[:side, :side] + 0.5
    distance = np.hypot(xs - centre[0], ys - centre[1]) / (MASK_RADIUS * side)
    return (5 * (1 - distance)).clip(0, 1).astype(np.float32)


def _inside(value: float, side: int) -> float:
    return min(max(value, 0.0), side - 1e-3)


def as_plain(pulled: Sequence[Pulled]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(one) for one in pulled]
