"""What a lone handle pulls: a flap, which covers what lies before it and draws out what lies behind.

A lid that comes down does not squeeze the iris; it goes over it, and the skin above it is stretched. The edge that is
pulled runs through the handle and around the middle of what may move, as a lid runs around its eye. Its ends, the
eye's corners, stay; between them it moves by less the nearer it is to an end. The stroke that lies along the edge
moves whole, so that a lash stays as thick as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.engine.flow import smoothstep

UNIT = 1 / 256
"""All lengths below are in this part of the picture's longer side."""

REACH, NARROWEST, WIDEST = 1.6, 10.0, 24.0
"""From the handle to the edge's ends, in deviations of what may move, and its limits."""

BENT, DEEPEST = 0.8, 14.0
"""How far the ends lie before or behind the handle, as a part of the way to the middle of what may move, at most."""

ROUND = 1.4
"""Exponent of the parabola that the motion follows along the edge when its ends lie ahead: they run out softly. Where
they lie behind, as in a lid that opens, it is a plain parabola."""

DRAWN_OUT, SHORTEST = 2.0, 8.0
"""How far behind the stroke the motion ends, in lengths of the pull, and at least."""

SQUEEZED, SLANT = 4.0, 0.1
"""Before the stroke the motion ends within so much, and more by this part of the way along the edge."""

BELOW = -4.0
"""What is no part of an edge counts as so far behind it."""

THIN, THICK = 3.0, 9.0
"""Limits of the stroke's width behind the handle."""

LEAST, MOST, PLAIN = -1.5, 3.0, 1.0
"""Limits of its width before the handle, which may lie beside it; the last where no stroke ends there."""

AT_END, OUTWARDS, LONG = (0.6, 1.0), (0.8, 1.2), (1.1, 1.5)
"""A handle is at an end of what may move when it is so many deviations from its middle along the edge; or, pulled
outwards, along the pull, where it is so much longer than wide."""

SEARCHED = 14.0
CLOSE, LIKE = 3.0, 0.45
"""The stroke is the darkest colour this close to the handle, and what is less unlike it than a part of the contrast."""


@dataclass(frozen=True)
class Flap:
    """The flap of one handle; lengths in `UNIT`.

    begin, side, ahead: where the handle was, px, and unit vectors along the edge and along the pull, [2].
    middle: of what may move, [2], px.
    end: how far the handle is at an end of that and not at the middle of an edge, 0 to 1.
    length: of the pull. reach: along the edge. bend: how far its ends lie ahead of the handle.
    before, behind: from the handle to the stroke's edges.
    """

    begin: Tensor
    side: Tensor
    ahead: Tensor
    middle: Tensor
    end: float
    scale: float
    length: float
    reach: float
    bend: float
    before: float
    behind: float

    @classmethod
    def of(cls, begin: Tensor, pull: Tensor, movable: Tensor, picture: Tensor) -> Flap:
        """The flap of a handle at `begin` ([2 (x, y)], px) that goes `pull` px, not zero.

        movable: what of the handle's surroundings may move, [H, W], 0 to 1. picture: [3, H, W], 0 to 1.
        """
        scale = max(picture.shape[-2:]) * UNIT
        length = float(pull.norm())
        ahead = pull / length
        side = torch.stack([-ahead[1], ahead[0]])
        rows, columns = (torch.arange(count, device=begin.device) + 0.5 for count in movable.shape)
        middle = torch.stack([movable.sum(dim=0) @ columns, movable.sum(dim=1) @ rows])
        middle = middle / movable.sum().clamp(min=1e-6)
        off = middle - begin
        sideways, onwards = (_deviation(movable, axis) / scale for axis in (side, ahead))
        across = abs(float(off @ side)) / scale / max(sideways, 1.0)
        outwards = -float(off @ ahead) / scale / max(onwards, 1.0)
        long = _rise(onwards / max(sideways, 1.0), LONG)
        bend = BENT * float(off @ ahead) / scale
        before, behind = _stroke(begin, ahead, side, picture)
        return cls(
            begin=begin,
            side=side,
            ahead=ahead,
            middle=middle,
            end=max(_rise(across, AT_END), _rise(outwards, OUTWARDS) * long),
            scale=scale,
            length=length / scale,
            reach=min(max(REACH * sideways, NARROWEST), WIDEST),
            bend=min(max(bend, -DEEPEST), DEEPEST),
            before=before,
            behind=behind,
        )

    def follows(self, places: Tensor) -> Tensor:
        """How much of the pull what is at each of `places` [..., 2], px, *after* it has followed, [...], 0 to 1."""
        across, along, front = self._edge(places)
        lifted = self._lifted(across)
        back = front - self.before - self.behind
        way = max(DRAWN_OUT * self.length, SHORTEST)
        rise = ((along - back) / way + 1).clamp(0, 1)
        # Half straight and half smooth: it neither folds nor has an edge at its ends.
        drawn = (rise + rise * rise * (3 - 2 * rise)) / 2
        covered = smoothstep((along - front) / _squeezed(across), 0.0, 1.0)
        return lifted * drawn * (1 - covered)

    def _lifted(self, across: Tensor) -> Tensor:
        part = (across / self.reach).square()
        return (1 - part).clamp(min=0).pow(ROUND if self.bend > 0 else 1.0)

    def _edge(self, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of places [..., 2]: how far along the edge, how far along the pull, and where the moved stroke ends there."""
        off = (places - self.begin) / self.scale
        across, along = off @ self.side, off @ self.ahead
        bent = self.bend * (across / self.reach).square().clamp(max=1.5)
        return across, along, bent + self._lifted(across) * self.length + self.before

    def past(self, places: Tensor) -> Tensor:
        """How far each of `places` [..., 2], px, lies past the edge of the moved stroke, px; `BELOW` far from it."""
        across, along, front = self._edge(places)
        past = along - front
        # A little farther than anything moves, so that no interpolation shows where it ends.
        near = (across.abs() < self.reach) & (past < _squeezed(across) + 2)
        return torch.where(near, past.clamp(min=BELOW), BELOW) * self.scale


def _squeezed(across: Tensor) -> Tensor:
    return SQUEEZED + SLANT * across.abs()


def _deviation(movable: Tensor, axis: Tensor) -> float:
    """Of what may move [H, W], along a unit vector [2], px."""
    rows, columns = (torch.arange(count, device=movable.device) for count in movable.shape)
    along = axis[0] * columns + axis[1] * rows[:, None]
    total = movable.sum().clamp(min=1e-6)
    mean = (along * movable).sum() / total
    return float((((along - mean).square() * movable).sum() / total).sqrt())


def _rise(value: float, limits: tuple[float, float]) -> float:
    return float(smoothstep(torch.tensor(value), *limits))


def _stroke(begin: Tensor, ahead: Tensor, side: Tensor, picture: Tensor) -> tuple[float, float]:
    """How far the stroke at a handle goes before and behind it, in `UNIT`."""
    height, width = picture.shape[-2:]
    scale = max(height, width) * UNIT
    steps = torch.arange(-SEARCHED, SEARCHED + 0.1, 0.5, device=begin.device)
    breadth = torch.arange(-2.0, 2.1, device=begin.device)
    places = begin + scale * (steps[:, None, None] * ahead + breadth[None, :, None] * side)
    grid = places / torch.tensor([width, height], device=begin.device) * 2 - 1
    read = F.grid_sample(picture[None], grid[None], padding_mode="border", align_corners=False)[0]
    colours = read.mean(dim=2)
    middle = int(colours.mean(dim=0).masked_fill(steps.abs() > CLOSE, torch.inf).argmin())
    unlike = (colours - colours[:, middle, None]).square().mean(dim=0).sqrt()
    other = (unlike >= LIKE * unlike.quantile(0.9).clamp(min=1e-3)).nonzero().flatten().tolist()
    first = max((step for step in other if step < middle), default=0)
    last = min((step for step in other if step > middle), default=None)
    before = PLAIN if last is None else min(max(float(steps[last]) + 0.5, LEAST), MOST)
    return before, min(max(1 - float(steps[first]), THIN), THICK)
