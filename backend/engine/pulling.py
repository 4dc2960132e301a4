"""What a pull moves: the model's motion where the model knows the drawing, the handles' own where it does not.

What the model makes of a strange drawing is a blur that lies beside the artist's strokes. Its handles arrive, but
carried over, its motion lifts a mouth as a lump, bends one corner and tears the other. There the artist's pixels go
with the handles instead, as under a warping brush: all of the way at a handle, and less the farther from it. It goes
twice as far along the feature as beside it: towards the next handle, as along lips; a lone one's feature lies across
the pull, as a lid does. The tip is nearly a corner, so that a line between two handles bends evenly (a smoothed
exponential covariance as in kriging), and at four times its reach it ends, so that noses and brows stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.change import Change, as_planes
from backend.engine.flow import blur, smoothstep, warp
from backend.engine.ways import WIDE, feature, followed, nearness

KNOWN = (0.08, 0.25)
"""Part of the energy of the fine structure around the handles that the model may miss: below the first it knows the
drawing, above the second it does not."""

NARROWEST, WIDEST = 8 / 256, 16 / 256
"""How far a handle's motion reaches along its feature, as a part of the picture's longer side; the second when no other
handle is near."""

NEIGHBOUR = 0.35
"""The same as a part of the way to the nearest other handle."""

TOGETHER = 1 / 4
"""How near handles of one feature are, as a part of the picture's longer side."""

BESIDE = 1 / 2
"""How far it reaches beside its feature, as a part of that along it."""

END = 4.0
"""Where it ends, in reaches."""

STEEPEST = 3 / 4
"""How far at least, as a part of the handle's way: what is pushed before it is squeezed and does not fold."""

RIDGE = 0.02
"""Of the interpolation, as a part of a handle's own weight: what each gives way so that none goes far beyond it."""

GATE = (0.02, 0.1)
"""How much of a handle's motion a place follows when that begins to be seen, and when it is."""

_STILL = 1e-3

SHOWN = 0.5
"""How strange a drawing is when the artist's own picture is shown during a pull, and not the model's."""

Drags = Sequence[Tensor]
"""From where to where the handles went, one [N, 2, 2] a drag, the earliest first, px of the model's picture."""


def pulled(change: Change, seen: NDArray[np.uint8], drags: Drags, part: float) -> Change:
    """The change as it is carried over.

    Args:
        seen: what the model was shown, uint8 [H, W, 3].
        drags: at least one.
        part: of the picture that may move. A large part, as of a head that turns, moves as the model says.
    """
    ways = torch.cat(list(drags))
    model = change.following(followed(ways, change.shape, part))
    strange = feature(part) * (1 - known(change, seen, ways))
    if not strange or not _moving(ways):
        return model
    flow, follows = own_motion(drags, change.shape)
    flow = torch.lerp(model.motion.flow, flow, strange)
    gate = torch.maximum(model.motion.change, smoothstep(follows, *GATE))
    motion = replace(model.motion, flow=flow, change=gate)
    return replace(model, motion=motion, moved=warp(model.before, flow), fresh=model.fresh * (1 - strange))


def own_picture(
    before: NDArray[np.uint8], seen: NDArray[np.uint8], mask: NDArray[np.float32], drags: Drags
) -> NDArray[np.uint8] | None:
    """What the artist sees during a pull of a drawing that the model does not know: the picture with its own motion.

    Args:
        before, seen: what the model made of the picture, and what it was shown, uint8 [H, W, 3].
        mask: what may move, [H, W], 0 to 1.
        drags: at least one.

    Returns:
        uint8 [H, W, 3]; None where the model's own picture says more.
    """
    ways, shape = torch.cat(list(drags)), (mask.shape[0], mask.shape[1])
    still = Change.between(before, before, ways.device)
    if feature(float(mask.mean())) * (1 - known(still, seen, ways)) < SHOWN:
        return None
    flow, _ = own_motion(drags, shape)
    soft = blur(torch.from_numpy(mask).to(flow)[None], max(shape) / 128)
    moved = warp(as_planes(seen, flow.device), flow * soft) if _moving(ways) else as_planes(seen)
    picture: NDArray[np.uint8] = (moved * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return picture


def known(change: Change, seen: NDArray[np.uint8], ways: Tensor) -> float:
    """How well the model knows the drawing around the handles' ways ([N, 2, 2], px), 0 to 1."""
    near = 1 - (1 - nearness(ways, change.shape, change.shape, WIDE)).prod(dim=0)
    missed = float((near * change.missed(seen)).sum() / near.sum().clamp(min=1e-6))
    return 1 - float(smoothstep(torch.tensor(missed), *KNOWN))


def own_motion(drags: Drags, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The motion that handles ask for by themselves, in a picture of `shape` = (height, width).

    Returns:
        A backward flow [2, H, W] in px, and how much of the nearest handles' motion each place follows, [H, W].
    """
    flow, follows = _motion(drags[0], shape)
    for ways in drags[1:]:
        latest, follow = _motion(ways, shape)
        earlier = warp(torch.cat([flow, follows[None]]), latest)
        flow, follows = latest + earlier[:2], torch.maximum(follow, earlier[2])
    return flow, follows


def _moving(ways: Tensor) -> bool:
    return bool((ways[:, 1] - ways[:, 0]).norm(dim=1).max() > _STILL)


def _motion(ways: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The same of one drag."""
    size = max(shape)
    begin, end = ways[:, 0], ways[:, 1]
    length = (end - begin).norm(dim=1)
    apart = torch.cdist(begin, begin) + torch.eye(len(ways), device=ways.device) * (2 * size)
    nearest = apart.amin(dim=1, keepdim=True)
    along = (NEIGHBOUR * nearest[:, 0]).clamp(NARROWEST * size, WIDEST * size)
    beside = torch.maximum(BESIDE * along, STEEPEST * length)
    pull = end - begin
    across = torch.stack([-pull[:, 1], pull[:, 0]], dim=1)
    line = torch.where(nearest < TOGETHER * size, begin[apart.argmin(dim=1)] - begin, across)
    line = line / line.norm(dim=1, keepdim=True).clamp(min=_STILL)

    def follows(handle: int, places: Tensor) -> Tensor:
        """How much each of `places` [..., 2] follows a handle, [...]."""
        off = places - end[handle]
        far = (off @ line[handle]).square()
        aside = (off.square().sum(dim=-1) - far).clamp(min=0)
        reach = far / along[handle].square() + aside / beside[handle].square()
        return torch.exp(1 - torch.sqrt(1 + reach)) * (1 - reach / END**2).clamp(min=0).square()

    # All arrive, those too that lie near others (interpolation by radial functions); who contradict each other meet.
    own = torch.stack([follows(handle, end) for handle in range(len(ways))], dim=1)
    shares = torch.linalg.solve(own + RIDGE * torch.eye(len(ways), device=ways.device), -pull)
    rows, columns = (torch.arange(side, device=ways.device) + 0.5 for side in shape)
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
    flow, stays = torch.zeros(2, *shape, device=ways.device), torch.ones(shape, device=ways.device)
    for handle, share in enumerate(
        shares
    ):  # one after the other: many on a large picture would fill the memory
        weight = follows(handle, grid)
        flow += share[:, None, None] * weight
        stays *= 1 - weight
    return flow, 1 - stays
