"""The one interface behind which drag engines stand, and the list of those that there are.

An engine owns the latent and knows two things: where the handles are now, and how to change the latent a little so
that they come nearer to the targets. Everything else (targets that move meanwhile, when to end, previews) is the
same for all engines and lives in `drag.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from backend.errors import PullfaceError


@dataclass(frozen=True)
class DragProblem:
    """What an engine is given. Nothing in it is ever changed by an engine.

    generator: StyleGAN2 generator whose weights are frozen (stylegan_ops' call convention).
    latent: w+ [1, num_ws, w_dim], where the drag starts.
    handles: crop space at model resolution, float (x, y), [N, 2].
    mask: [H, W] float32 on the generator's device, 1 = may move, or None when everything may.
    learning_rate, lambda_mask, free_layers, strength: see `DragOptions`.
    covariance: [w_dim, w_dim] of w over the model's pictures; None = all directions alike, with deviation 1.
    """

    generator: Any
    latent: Tensor
    handles: NDArray[np.float64]
    mask: Tensor | None
    learning_rate: float
    lambda_mask: float
    free_layers: int
    covariance: Tensor | None = None
    strength: float = 0.5

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the model's picture in px (crop space)."""
        height, width = self.generator.img_shape
        return int(height), int(width)


class DragEngine(Protocol):
    """One running drag of one engine. `locate` and `advance` are called in turn, beginning with `locate`."""

    nearest_stop: float
    """The engine cannot come nearer to a target than this many px (crop space)."""

    @property
    def stuck(self) -> str | None:
        """Why no further step brings the handles nearer to the last targets, a sentence for the artist; else None."""

    @property
    def latent(self) -> Tensor:
        """The current w+ [1, num_ws, w_dim], a copy without gradient."""

    def locate(self) -> NDArray[np.float64]:
        """Where the handles stand in the picture of the current latent: crop space (x, y), [N, 2]."""

    def advance(self, targets: NDArray[np.float64]) -> float:
        """Changes the latent once so that the handles come nearer to `targets` (crop space, [N, 2]); the loss."""


EngineFactory = Callable[[DragProblem], DragEngine]

_ENGINES: dict[str, EngineFactory] = {}


def register(name: str, factory: EngineFactory) -> None:
    """Adds an engine under `name`. Raises ValueError when the name is taken."""
    if name in _ENGINES:
        raise ValueError(f"there is already a drag engine called {name!r}")
    _ENGINES[name] = factory


def names() -> list[str]:
    """Names of all engines, sorted."""
    return sorted(_ENGINES)


def create(name: str, problem: DragProblem) -> DragEngine:
    """Starts engine `name` on `problem`. Raises PullfaceError "unknown_engine"."""
    if name not in _ENGINES:
        raise PullfaceError(
            "unknown_engine",
            f"There is no drag engine called “{name}”.",
            f"Choose one of: {', '.join(names())}.",
        )
    return _ENGINES[name](problem)
