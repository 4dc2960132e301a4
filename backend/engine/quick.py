"""Method `quick`: a first guess, a few steps to a pivot in W+, and a short tuning of the finer blocks.

Against published pivotal tuning (`pti.py`): it starts at the encoder's guess instead of the mean
(`first_guess.py`), works on white coordinates of w with a prior (`refinement.py`), and tunes by orthogonalised
momentum (`quick_tuning.py`). What was measured, and what lost, is in docs/decisions/inversion.md.
"""

from __future__ import annotations

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
    task.report("pivot", 0.0, 0.0, refinement.latent)
    pivot = refinement.run(lambda done, loss: task.report("pivot", share * done, loss, refinement.shown))
    tuning = Tuning(task, pivot)
    tuning.run(lambda done, loss: task.report("tuning", share + (1 - share) * done, loss, lambda: pivot))
    return Fitted(pivot, refinement.steps, tuning.steps)


inversion_methods.register("quick", invert_quickly)
