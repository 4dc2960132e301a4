"""Method `quick`: a first guess, a few steps to a pivot in W+, and a short tuning of the finer blocks.

Against published pivotal tuning (`pti.py`): it starts at the encoder's guess instead of the mean
(`first_guess.py`), works on white coordinates of w with a prior (`refinement.py`), and tunes by orthogonalised
momentum (`quick_tuning.py`). What was measured, and what lost, is in docs/decisions/inversion.md.
"""

from __future__ import annotations

from torch import Tensor

from backend.engine import inversion_methods
from backend.engine.first_guess import first_guess
from backend.engine.inversion_methods import Fitted, InversionTask
from backend.engine.quick_tuning import Tuning
from backend.engine.refinement import Refinement

PIVOT_SHARE = 0.4
"""Of the whole time, for the progress only."""


def invert_quickly(task: InversionTask) -> Fitted:
    """See the module's text."""
    share = PIVOT_SHARE if task.settings.tuning_steps else 1.0
    refinement = Refinement(task, first_guess(task.model, task.target, task.settings.seed))
    previews = _Previews(task.target)
    task.report("pivot", 0.0, 0.0, refinement.latent)

    def found(done: float, loss: float) -> None:
        instead = previews.instead(refinement.sketch, refinement.error)
        task.report("pivot", share * done, loss, refinement.shown, instead)

    pivot = refinement.run(found)
    tuning = Tuning(task, pivot)

    def tuned(done: float, loss: float) -> None:
        instead = previews.instead(refinement.sketch, tuning.error)
        task.report("tuning", share + (1 - share) * done, loss, lambda: pivot, instead)

    tuning.run(tuned)
    return Fitted(pivot, refinement.steps, tuning.steps)


class _Previews:
    """Shows the sketch of `target` until a state of the inversion is nearer in colour."""

    def __init__(self, target: Tensor) -> None:
        self._target = target
        self._worth: float | None = None
        self._passed = False

    def instead(self, sketch: Tensor | None, error: float) -> Tensor | None:
        """What to show instead of the state of the moment, whose error is given; None = nothing."""
        if sketch is None or self._passed:
            return None
        if self._worth is None:
            self._worth = float(((sketch - self._target) / 2).square().mean()) ** 0.5
        self._passed = error < self._worth
        return None if self._passed else sketch


inversion_methods.register("quick", invert_quickly)
