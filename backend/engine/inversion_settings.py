"""How an inversion is to be done: the settings of both methods, with the defaults of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from backend.errors import PullfaceError

Method = Literal["quick", "pti"]
METHODS: tuple[str, ...] = get_args(Method)

PUBLISHED_PIVOT_STEPS = 450
PUBLISHED_TUNING_STEPS = 350
PUBLISHED_PIVOT_RATE = 5.0 / 450
"""The published 5e-3, in standard deviations of the w of the model that it was published for (0.45 an entry)."""
PUBLISHED_TUNING_RATE = 3e-4

QUICK_PIVOT_STEPS = 40
QUICK_TUNING_STEPS = 70
QUICK_PIVOT_RATE = 0.1
QUICK_TUNING_RATE = 0.015


@dataclass(frozen=True)
class InversionSettings:
    """How to invert.

    pivot_steps, tuning_steps: the most steps of both stages.
    method: "quick" (ours) or "pti" (as published: Roich et al. 2022), see `quick.py` and `pti.py`.
    pivot_rate: of Adam on the pivot, a step, in standard deviations of w.
    tuning_rate: of the optimiser on the generator's weights, whose unit is their deviation when untrained. "pti": of
        Adam. "quick": root mean square of a step, see `orthogonal.py`.
    pivot_pixel_weight, tuning_pixel_weight: of the mean squared error of colours (0 to 1) against the perceptual
        distance. They are above the published 1 because thin lines are a small part of a drawing, and a
        discriminator's features hardly tell a soft line from a sharp one.
    good_enough: root of the mean squared colour error (0 to 1) at which tuning ends early.
    use_noise: "pti": fit the model's noise maps with the pivot; None = when the model has any that matter. "quick"
        never does: what is written into the maps stays where it is when the face is pulled.
    seed: of whatever is drawn by chance; the same seed and picture give the same inversion on one machine.
    prior: "quick": weight of the pivot's mean squared coordinates in the units of w's covariance.
    tie: "quick": weight of the mean squared differences of the entries of w+ from their common part, in those units.
    locality: "quick": weight of keeping the generator as it was around the pivot (Roich et al., section 3.3).
    label: of a conditional model, from 0: which of its kinds of pictures this is; None = any, by the mean of all.
    """

    pivot_steps: int
    tuning_steps: int
    method: str = "quick"
    pivot_rate: float = QUICK_PIVOT_RATE
    tuning_rate: float = QUICK_TUNING_RATE
    pivot_pixel_weight: float = 10.0
    tuning_pixel_weight: float = 100.0
    good_enough: float = 0.02
    use_noise: bool | None = None
    seed: int = 0
    prior: float = 0.05
    tie: float = 0.2
    locality: float = 0.0
    label: int | None = None

    def __post_init__(self) -> None:
        """Raises PullfaceError "bad_options" for a value that no inversion could use."""
        if self.method not in METHODS:
            raise _bad_option("method", self.method, " or ".join(METHODS))
        if self.use_noise not in (None, True, False):
            raise _bad_option("use_noise", self.use_noise, "true, false or nothing")
        for name in ("pivot_steps", "tuning_steps"):
            _require_number(name, getattr(self, name), 0, 1_000_000, whole=True)
        _require_number("seed", self.seed, -(2**63), 2**63 - 1, whole=True)
        if self.label is not None:
            _require_number("label", self.label, 0, 1_000_000, whole=True)
        for name in ("pivot_rate", "tuning_rate", "good_enough"):
            _require_number(name, getattr(self, name), 0, 100)
        for name in ("pivot_pixel_weight", "tuning_pixel_weight", "prior", "tie", "locality"):
            _require_number(name, getattr(self, name), 0, 1e6)

    @classmethod
    def of_method(cls, method: str = "quick") -> InversionSettings:
        """The defaults of a method. Raises PullfaceError "bad_options" for a method that there is not."""
        if method == "pti":
            return cls(
                pivot_steps=PUBLISHED_PIVOT_STEPS,
                tuning_steps=PUBLISHED_TUNING_STEPS,
                method="pti",
                pivot_rate=PUBLISHED_PIVOT_RATE,
                tuning_rate=PUBLISHED_TUNING_RATE,
            )
        return cls(pivot_steps=QUICK_PIVOT_STEPS, tuning_steps=QUICK_TUNING_STEPS, method=method)


def _require_number(name: str, value: Any, low: float, high: float, whole: bool = False) -> None:
    kinds = (int,) if whole else (int, float)
    if (
        isinstance(value, bool)
        or not isinstance(value, kinds)
        or not low <= value <= high
        or math.isnan(value)
    ):
        raise _bad_option(
            name, value, f"{'a whole number' if whole else 'a number'} from {low:g} to {high:g}"
        )


def _bad_option(name: str, value: Any, allowed: str) -> PullfaceError:
    return PullfaceError(
        "bad_options", f"The inversion setting “{name}” cannot be {value!r}.", f"Allowed: {allowed}."
    )
