"""Method `pti`: pivotal tuning as published, the yardstick for ours.

Source: Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images", ACM TOG 2022: a pivot in W
(`projection.py`), then all weights of the generator are tuned around it (`tuning.py`), with the published numbers of
steps and rates whatever the model's size. What differs: the perceptual distance is that of the model (see
`perceptual.py`), beside it colours count for more, and tuning ends at a colour error instead of an LPIPS of 0.06.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from backend.engine import inversion_methods
from backend.engine.inversion_methods import Fitted, InversionTask, Stage
from backend.engine.projection import find_pivot
from backend.engine.tuning import tune


def invert_as_published(task: InversionTask) -> Fitted:
    """See the module's text."""
    settings = task.settings
    total = max(1, settings.pivot_steps + settings.tuning_steps)

    def reporter(stage: Stage, before: int) -> Callable[[int, float, Callable[[], Tensor]], None]:
        def report(steps: int, loss: float, latent: Callable[[], Tensor]) -> None:
            task.report(stage, (before + steps) / total, loss, latent)

        return report

    generator, target, distance = task.generator, task.target, task.distance
    pivot = find_pivot(generator, task.model, target, distance, settings, reporter("pivot", 0))
    steps = tune(generator, pivot, target, distance, settings, reporter("tuning", settings.pivot_steps))
    return Fitted(pivot, settings.pivot_steps, steps)


inversion_methods.register("pti", invert_as_published)
