"""The same face with another expression: which factors a face changes by itself, without becoming somebody else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .toon.factors import NAMES

GROUPS: dict[str, tuple[str, ...]] = {
    "mouth": ("smile", "smirk", "mouth_open", "mouth_width"),
    "eyes": ("eye_open", "wink", "gaze_x", "gaze_y", "lower_lid", "closed_curve"),
    "brows": ("brow_y", "brow_tilt", "brow_raise", "brow_arch"),
    "pose": ("yaw", "pitch", "roll"),
}
"""Factors that move together in a face, by the part that they move."""

_OFTEN = {"mouth": 0.35, "eyes": 0.3, "brows": 0.2, "pose": 0.15}
_COLUMNS = {name: [NAMES.index(factor) for factor in factors] for name, factors in GROUPS.items()}


def change(z: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Each face with one group of factors drawn anew.

    A latent is normalised before anything is drawn from it (`toon.factors.factors_from_latent`), so the new entries
    get the length of the old ones: all other factors stay what they were.

    Args:
        z: ``[N, Z_DIM]``.
        rng: what is random.

    Returns:
        ``[N, Z_DIM]``.
    """
    changed = z.copy()
    names = list(_OFTEN)
    for row, choice in zip(changed, rng.choice(len(names), size=len(z), p=list(_OFTEN.values()))):
        columns = _COLUMNS[names[choice]]
        drawn = rng.standard_normal(len(columns)).astype(np.float32)
        row[columns] = drawn * (np.linalg.norm(row[columns]) / max(float(np.linalg.norm(drawn)), 1e-6))
    return changed


def in_pairs(z: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """``[N, Z_DIM]`` with every second latent replaced by the one before it, its expression changed."""
    z = z.copy()
    z[1::2] = change(z[0::2], rng)[: len(z) // 2]
    return z
