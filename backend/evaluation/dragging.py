"""A drag from its beginning to its end, timed, and the figures that every drag table has of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.engine import DragOptions, DragStep, FaceEditor
from backend.engine.inversion import Inversion
from backend.errors import PullfaceError


@dataclass(frozen=True)
class Dragged:
    """How a drag ended.

    step: the last one. outcome: of `Drag.outcome`, or "diverged" when the numbers ran away.
    seconds: from the call to the last step, no preview among them. processor: the same, of all cores together.
    """

    step: DragStep
    outcome: str
    seconds: float
    processor: float

    @property
    def figures(self) -> dict[str, Any]:
        """For a table; "tracked": how far the engine itself believes the handles to be from their targets, px."""
        return {
            "steps": self.step.index,
            "seconds": self.seconds,
            "processor": self.processor,
            "outcome": self.outcome,
            "tracked": self.step.distance,
        }


def drag_to_the_end(
    editor: FaceEditor,
    inversion: Inversion,
    pairs: ArrayLike,
    mask: NDArray[np.float32] | None,
    options: DragOptions,
    tell: Callable[[float], None] = lambda fraction: None,
) -> Dragged:
    """Drag until the engine says that it has arrived, or to the limit; see `FaceEditor.drag` for what it raises.

    Args:
        tell: called after each step with how much of the limit is used.
    """
    begun, worked = time.monotonic(), time.process_time()
    try:
        with editor.drag(inversion, pairs, mask, options) as drag:
            for step in drag:
                tell(step.index / options.steps)
        outcome = str(drag.outcome)
    except PullfaceError as error:
        if error.code != "diverged":
            raise
        outcome = error.code
    seconds, processor = time.monotonic() - begun, time.process_time() - worked
    assert drag.last is not None
    return Dragged(drag.last, outcome, seconds, processor)
