"""The continuous factors of a procedural face and the latent that drives them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from . import (
    background,
    brows,
    clothes,
    ears,
    eyes,
    finish,
    glasses,
    hair,
    hats,
    head,
    lighting,
    mouth,
    nose,
)
from .table import Factor, Factors

__all__ = ["FACTORS", "NAMES", "Z_DIM", "Factor", "Factors", "factors_from_latent"]

# Lengths are fractions of the picture's side, angles radians, colours in Oklab (light, a, b), where a picture
# is close to linear in them: hues as angles took the generator several times longer to learn. The order is the
# order of the latent's entries.
_MODULES = (
    head,
    lighting,
    ears,
    nose,
    mouth,
    eyes,
    brows,
    hair,
    clothes,
    glasses,
    hats,
    background,
    finish,
)
FACTORS: dict[str, Factor] = {name: f for module in _MODULES for name, f in module.FACTORS.items()}

Z_DIM = len(FACTORS)
NAMES = tuple(FACTORS)


def factors_from_latent(z: NDArray[np.floating]) -> Factors:
    """Factors of a latent, as the generator sees it.

    The generator's mapping network scales z to unit mean square, so the same is done here; each entry is
    then close to standard normal and is mapped through the normal distribution function to be uniform, and
    from there into its factor's range.

    Args:
        z: ``[Z_DIM]``, any scale but zero.

    Returns:
        A value within its range for each name of `FACTORS`.
    """
    if z.shape != (Z_DIM,):
        raise ValueError(f"z must be [{Z_DIM}], not {list(z.shape)}")
    z = z / np.sqrt(np.mean(np.square(z)) + 1e-8)
    uniform = [0.5 * (1 + math.erf(float(v) / math.sqrt(2))) for v in z]
    return {name: f.at(u) for (name, f), u in zip(FACTORS.items(), uniform, strict=True)}
