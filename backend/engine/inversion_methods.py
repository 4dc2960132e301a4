"""The one interface behind which the methods of inversion stand, and the list of those that there are.

A method is given a copy of the generator that it may change, and the picture. It leaves the copy tuned and answers
the pivot. Everything else (checking, measuring what came out, packing the change of the generator) is the same for
all methods and lives in `inversion.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from torch import Tensor

from backend.engine.inversion_settings import InversionSettings
from backend.engine.perceptual import PerceptualDistance

if TYPE_CHECKING:
    from backend.models import Model

Stage = Literal["pivot", "tuning"]


class Report(Protocol):
    """Tells how far a method is; may raise, which ends the inversion."""

    def __call__(
        self,
        stage: Stage,
        fraction: float,
        loss: float,
        latent: Callable[[], Tensor],
        sketch: Tensor | None = None,
    ) -> None:
        """fraction: of the whole inversion, 0 to 1. latent: gives w+ [1, num_ws, w_dim] of this moment.

        sketch: [1, 3, H, W] in [−1, 1], to be shown instead of the picture of `latent`.
        """


@dataclass(frozen=True)
class InversionTask:
    """What a method is given.

    model: is never changed. generator: a frozen copy of the model's, the method's own.
    target: [1, 3, H, W] in [−1, 1]. distance: to the target.
    """

    model: Model
    generator: Any
    target: Tensor
    distance: PerceptualDistance
    settings: InversionSettings
    report: Report


@dataclass(frozen=True)
class Fitted:
    """What a method answers; the task's generator is tuned and frozen again.

    pivot: w+ [1, num_ws, w_dim]. pivot_steps, tuning_steps: how many were taken.
    """

    pivot: Tensor
    pivot_steps: int
    tuning_steps: int


Method = Callable[[InversionTask], Fitted]

_METHODS: dict[str, Method] = {}


def register(name: str, method: Method) -> None:
    """Adds a method under `name`. Raises ValueError when the name is taken."""
    if name in _METHODS:
        raise ValueError(f"there is already a method of inversion called {name!r}")
    _METHODS[name] = method


def find(name: str) -> Method:
    """The method `name`; `InversionSettings` has checked that there is one."""
    return _METHODS[name]
