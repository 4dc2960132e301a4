"""How an edit sits in the artist's layer: seams, shifts of colour, and how much of the brushwork is left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

BLOCK = 8
"""Side in pixels of the blocks whose mean is colour, and what they hold besides brushwork."""

CALM = 2
"""Levels by which the model's two pictures may differ, apart from a drift of all of it, where nothing happens."""


def quality(layer: Pixels, edited: Pixels, before: Pixels, after: Pixels, mask: Pixels) -> dict[str, float]:
    """Figures for an edit, levels of 255.

    Args:
        layer, edited: RGBA [S, S, 4] before and after.
        before, after: the model's pictures [R, R, 3].
        mask: [S, S], 255 may change.

    Returns:
        seam: by how much the mean step across the mask's border grew.
        shift: mean change of colour inside the mask, away from what moved.
        brushwork: what is left of the fine structure there, 1 = all of it.
    """
    return {
        "seam": round(_step(edited, mask) - _step(layer, mask), 3),
        **_calm_places(layer, edited, before, after, mask),
    }


def _step(picture: Pixels, mask: Pixels) -> float:
    """The mean step between neighbours of which only one lies in the mask."""
    steps = []
    inside = mask > 0
    for first, second in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        where = inside[first] != inside[second]
        steps.append(np.abs(picture[first][where].astype(np.float64) - picture[second][where]).mean(axis=-1))
    return float(np.concatenate(steps).mean())


def _calm_places(
    layer: Pixels, edited: Pixels, before: Pixels, after: Pixels, mask: Pixels
) -> dict[str, float]:
    difference = after.astype(np.int64) - before
    apart = np.abs(difference - np.median(difference, axis=(0, 1))).max(axis=-1)
    # A wide berth: what moves takes its surroundings with it.
    wide = max(1, len(before) // 32)
    for axis in (0, 1):
        apart = np.max([np.roll(apart, step, axis) for step in range(-wide, wide + 1)], axis=0)
    side = len(layer) // BLOCK * BLOCK
    rows = (np.arange(0, side, BLOCK) + BLOCK // 2) * len(before) // len(layer)
    calm = apart[np.ix_(rows, rows)] <= CALM
    calm &= _blocks(mask[:side, :side, None])[..., 0].min(axis=2) == 255
    if not calm.any():
        return {}
    old, new = (_blocks(some[:side, :side, :3])[calm].astype(np.float64) for some in (layer, edited))
    fine = [(some - some.mean(axis=1, keepdims=True)).std() for some in (new, old)]
    return {
        "shift": round(float(np.abs(new.mean(axis=1) - old.mean(axis=1)).mean()), 3),
        "brushwork": round(float(fine[0] / max(fine[1], 1e-9)), 3),
    }


def _blocks(picture: Pixels) -> Pixels:
    """[S, S, C] as [S/b, S/b, b·b, C]."""
    side, channels = picture.shape[0] // BLOCK, picture.shape[2]
    split = picture.reshape(side, BLOCK, side, BLOCK, channels)
    return split.swapaxes(1, 2).reshape(side, side, BLOCK * BLOCK, channels)
