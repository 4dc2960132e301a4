"""The automatic movable area: what surely has to move when nothing is selected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .geometry import Point, Square, distance

REACH = 0.09
"""Radius of the area around a pair, as a part of the crop's side: half a mouth or an eye around its corner."""

STRETCH = 0.35
"""What a long way adds to the radius, as a part of its length: skin around a feature has to give."""


class Capsule(NamedTuple):
    """All positions within ``radius`` px of the line from ``start`` to ``end``, image space."""

    start: Point
    end: Point
    radius: float


def capsules(pairs: Iterable[tuple[Point, Point]], crop: Square) -> list[Capsule]:
    """One capsule for each (handle, target); their union, cut to the crop, is the automatic movable area."""
    return [
        Capsule(handle, target, REACH * crop.size + STRETCH * distance(handle, target))
        for handle, target in pairs
    ]


def widened(pairs: Iterable[tuple[Point, Point]], crop: Square, grow: int) -> list[Capsule]:
    """The same, each wider by ``grow`` px; what shrinks to nothing is left out."""
    around = (part._replace(radius=part.radius + grow) for part in capsules(pairs, crop))
    return [part for part in around if part.radius > 0]
