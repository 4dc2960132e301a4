"""What a table of factors is made of."""

from __future__ import annotations

from typing import NamedTuple

Factors = dict[str, float]


class Factor(NamedTuple):
    """One factor: its range, and how a uniform variable spreads over it.

    Attributes:
        low: the least value.
        high: the greatest value.
        skew: above 1 most faces lie near ``low`` (``u ** skew``), below 1 near ``high``.
        bell: 0 is uniform, towards 1 most faces lie near the middle; in [0, 1).
    """

    low: float
    high: float
    skew: float = 1.0
    bell: float = 0.0

    def at(self, u: float) -> float:
        """The value at a place ``u`` in [0, 1] of the distribution; rising with it."""
        v = 2 * u**self.skew - 1
        v *= 1 - self.bell + self.bell * v * v
        return self.low + (self.high - self.low) * (v + 1) / 2
