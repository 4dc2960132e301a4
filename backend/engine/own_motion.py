"""The motion that handles ask for by themselves, as under a warping brush.

Several handles of one feature, as the corners of a mouth, bend it: each has all of its way done where it is, and less
the farther from it, along the line to the next handle twice as far as beside it. The tip is nearly a corner, so that
the line between two handles bends evenly (a smoothed exponential covariance as in kriging). Before a handle the motion
ends soon: cheeks are pushed together, a nose stays as it is. A lone handle at an end of what may move, as at one corner
of a mouth, does the same, along the line to its middle; at an edge's middle it pulls a flap (`flap.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.engine.flap import BELOW, Flap
from backend.engine.flow import warp

NARROWEST, WIDEST = 8 / 256, 16 / 256
"""How far a handle's motion reaches along its feature, as a part of the picture's longer side."""

NEIGHBOUR = 0.27
"""The same as a part of the way to the nearest other handle."""

TOGETHER = 0.4
"""How near handles of one feature are, as a part of the picture's longer side; and all between them may move."""

BESIDE, BEFORE = 1 / 2, 5 / 256
"""How far it reaches beside its feature: on the side that it leaves as a part of that along it, on the side where it
goes as a part of the picture's longer side."""

END, END_BEFORE = 4.0, 2.6
"""Where it ends, in reaches."""

PEN = 2 / 256
"""So far around a handle all goes alike, as a part of the picture's longer side: a stroke keeps its width."""

STEEPEST = 3 / 4
"""How far it reaches at least on the side that it leaves, as a part of the handle's way: what is drawn out does not
fold."""

RIDGE = 0.02
"""Of the interpolation, as a part of a handle's own weight: what each gives way so that none goes far beyond it."""

FARTHEST = 1.2
"""What goes no farther than so many times the longest pull: between handles that contradict each other, nothing would
hold it."""

UNMOVED = 0.3
"""px that are no motion where a flap shows what was there before."""

STILL = 1e-3
"""px that are no motion."""

Drags = Sequence[Tensor]
"""From where to where the handles went, one [N, 2, 2] a drag, the earliest first, px of the model's picture."""

_Follows = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class OwnMotion:
    """What handles ask for by themselves.

    flow: backward, [2, H, W], px.
    follows: how much of the nearest handles' motion each place follows, [H, W], 0 to 1.
    past: how far each place lies past the edge of a flap that covers it, [H, W], px; below 0 where none does.
    """

    flow: Tensor
    follows: Tensor
    past: Tensor

    def stays(self, width: float) -> Tensor:
        """How much each place shows what was there before, [H, W]; edges are `width` px wide."""
        return (self.past / width).clamp(0, 1)


def own_motion(drags: Drags, picture: Tensor, mask: Tensor) -> OwnMotion:
    """The motion of handles in `picture` ([3, H, W], 0 to 1) under what may move ([H, W], 0 to 1)."""
    motion = _motion(drags[0], picture, mask)
    for ways in drags[1:]:
        latest = _motion(ways, warp(picture, motion.flow), mask)
        earlier = warp(torch.cat([motion.flow, motion.follows[None], motion.past[None]]), latest.flow)
        # A flap shows what was there before only where no other drag has moved that.
        first, second = (flow.norm(dim=0) < UNMOVED for flow in (earlier[:2], latest.flow))
        none = latest.past.amin()
        past = torch.maximum(torch.where(first, latest.past, none), torch.where(second, earlier[3], none))
        motion = OwnMotion(latest.flow + earlier[:2], torch.maximum(latest.follows, earlier[2]), past)
    return motion


def moving(ways: Tensor) -> bool:
    """Whether any handle has left its place."""
    return bool((ways[:, 1] - ways[:, 0]).norm(dim=1).max() > STILL)


def _motion(ways: Tensor, picture: Tensor, mask: Tensor) -> OwnMotion:
    """The same of one drag."""
    ends, pulls = ways[:, 1], ways[:, 1] - ways[:, 0]
    handles, flaps = _handles(ways, picture, mask)
    # All arrive, those too that lie near others (interpolation by radial functions); who contradict each other meet.
    own = torch.stack([follows(ends) for follows in handles], dim=1)
    shares = torch.linalg.solve(own + RIDGE * torch.eye(len(ways), device=ways.device), -pulls)
    grid = _places(mask)
    flow, stays = torch.zeros(2, *mask.shape, device=ways.device), torch.ones_like(mask)
    # One after the other: many on a large picture would fill the memory.
    for follows, share in zip(handles, shares, strict=True):
        weight = follows(grid)
        flow += share[:, None, None] * weight
        stays *= 1 - weight
    longest = FARTHEST * pulls.norm(dim=1).max()
    flow *= (longest / flow.norm(dim=0).clamp(min=STILL)).clamp(max=1)
    pasts = [flap.past(grid) for flap in flaps] or [torch.full_like(mask, BELOW)]
    return OwnMotion(flow, 1 - stays, torch.stack(pasts).amax(dim=0))


def _handles(ways: Tensor, picture: Tensor, mask: Tensor) -> tuple[list[_Follows], list[Flap]]:
    """How much places [..., 2] follow each handle, [...]; and what flaps there are."""
    size = max(mask.shape)
    begins, pulls = ways[:, 0], ways[:, 1] - ways[:, 0]
    apart = torch.cdist(begins, begins).masked_fill(~_joined(begins, mask), torch.inf)
    nearest, neighbours = apart.min(dim=1)
    handles: list[_Follows] = []
    flaps: list[Flap] = []
    for way, pull, near, neighbour in zip(ways, pulls, nearest.tolist(), neighbours, strict=True):
        if near < TOGETHER * size:
            handles.append(_bent(way, begins[neighbour] - way[0], size))
        elif pull.norm() > STILL:
            flap = Flap.of(way[0], pull, _around(way[0], begins, mask), picture)
            handles.append(_lone(way, flap, size))
            flaps += [flap] * (flap.end == 0)
        else:
            handles.append(_bent(way, pull.new_tensor([WIDEST / NEIGHBOUR * size, 0.0]), size))
    return handles, flaps


def _lone(way: Tensor, flap: Flap, size: int) -> _Follows:
    """A handle that is far from all others."""
    bent = _bent(way, 2 * (flap.middle - way[0]), size)
    return lambda places: torch.lerp(flap.follows(places), bent(places), flap.end)


def _bent(way: Tensor, to_next: Tensor, size: int) -> _Follows:
    """One of several handles of a feature. way: [2, 2]. to_next: from it to the next, [2]; px."""
    pull, end, distance = way[1] - way[0], way[1], float(to_next.norm().clamp(min=STILL))
    along = min(max(NEIGHBOUR * distance, NARROWEST * size), WIDEST * size)
    behind = max(BESIDE * along, STEEPEST * float(pull.norm()))
    line = to_next / distance
    across = torch.stack([-line[1], line[0]])
    across = torch.where(pull @ across < 0, -across, across)
    pen = PEN * size

    def follows(places: Tensor) -> Tensor:
        off = places - end
        inwards, beyond = (off @ line).clamp(min=0), (-(off @ line) - pen).clamp(min=0)
        aside = off @ across
        side = (aside.abs() - pen).clamp(min=0) / torch.where(aside > 0, BEFORE * size, behind)
        reach = (inwards + beyond).square() / along**2 + side.square()
        limit = torch.where(aside > 0, END_BEFORE**2, END**2)
        return torch.exp(1 - torch.sqrt(1 + reach)) * (1 - reach / limit).clamp(min=0).square()

    return follows


def _joined(places: Tensor, mask: Tensor) -> Tensor:
    """Which of `places` [N, 2] have nothing between them that may not move, [N, N]; none is joined with itself."""
    free = _free_between(places[:, None], places[None], mask)
    return free & ~torch.eye(len(places), dtype=torch.bool, device=mask.device)


def _free_between(some: Tensor, others: Tensor, mask: Tensor) -> Tensor:
    """Whether all may move on the straight way between places [..., 2], [...]."""
    part = torch.linspace(0, 1, 33, device=mask.device).reshape(-1, *[1] * max(some.dim(), others.dim()))
    columns, rows = torch.lerp(some, others, part).long().unbind(dim=-1)
    height, width = mask.shape
    return (mask[rows.clamp(0, height - 1), columns.clamp(0, width - 1)] > 0).all(dim=0)


def _around(begin: Tensor, begins: Tensor, mask: Tensor) -> Tensor:
    """What may move around one of several handles: what is nearer to it than to any other, up to what may not move."""
    places = _places(mask)
    others = torch.stack([(places - other).square().sum(dim=-1) for other in begins]).amin(dim=0)
    nearest = (places - begin).square().sum(dim=-1) <= others
    return mask * (nearest & _free_between(begin, places, mask))


def _places(mask: Tensor) -> Tensor:
    """The middles of all px, [H, W, 2 (x, y)]."""
    rows, columns = (torch.arange(side, device=mask.device) + 0.5 for side in mask.shape)
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
