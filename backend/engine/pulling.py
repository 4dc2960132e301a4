"""What a pull moves: the model's motion where the model knows the drawing, the handles' own where it does not.

What the model makes of a strange drawing is a blur that lies beside the artist's strokes. Its handles arrive, but
carried over, its motion lifts a mouth as a lump, bends one corner and tears the other. There the artist's pixels go
with the handles instead (`own_motion.py`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.change import Change, as_planes
from backend.engine.flow import blur, smoothstep, warp
from backend.engine.own_motion import Drags, moving, own_motion
from backend.engine.ways import WIDE, feature, followed, nearness

KNOWN = (0.08, 0.25)
"""Part of the energy of the fine structure around the handles that the model may miss: below the first it knows the
drawing, above the second it does not."""

GATE = (0.02, 0.1)
"""How much of a handle's motion a place follows when that begins to be seen, and when it is."""

SHOWN = 0.5
"""How strange a drawing is when the artist's own picture is shown during a pull, and not the model's."""


def pulled(change: Change, seen: NDArray[np.uint8], mask: NDArray[np.float32], drags: Drags) -> Change:
    """The change as it is carried over.

    Args:
        seen: what the model was shown, uint8 [H, W, 3].
        mask: what may move, [H, W], 0 to 1. A large part, as of a head that turns, moves as the model says.
        drags: at least one.
    """
    ways, part = torch.cat(list(drags)), float(mask.mean())
    model = change.following(followed(ways, change.shape, part))
    strange = feature(part) * (1 - known(change, seen, ways))
    if not strange or not moving(ways):
        return model
    own = own_motion(drags, as_planes(seen, ways.device), torch.from_numpy(mask).to(ways))
    flow = torch.lerp(model.motion.flow, own.flow, strange)
    gate = torch.maximum(model.motion.change, smoothstep(own.follows, *GATE))
    motion = replace(model.motion, flow=flow, change=gate, past=own.past if strange >= SHOWN else None)
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
    ways = torch.cat(list(drags))
    still = Change.between(before, before, ways.device)
    if feature(float(mask.mean())) * (1 - known(still, seen, ways)) < SHOWN:
        return None
    planes, movable = as_planes(seen, ways.device), torch.from_numpy(mask).to(ways)
    moved = planes
    if moving(ways):
        own = own_motion(drags, planes, movable)
        soft = blur(movable[None], max(mask.shape) / 128)
        moved = torch.lerp(warp(planes, own.flow * soft), planes, own.stays(1.0))
    picture: NDArray[np.uint8] = (moved * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return picture


def known(change: Change, seen: NDArray[np.uint8], ways: Tensor) -> float:
    """How well the model knows the drawing around the handles' ways ([N, 2, 2], px), 0 to 1."""
    near = 1 - (1 - nearness(ways, change.shape, change.shape, WIDE)).prod(dim=0)
    missed = float((near * change.missed(seen)).sum() / near.sum().clamp(min=1e-6))
    return 1 - float(smoothstep(torch.tensor(missed), *KNOWN))
