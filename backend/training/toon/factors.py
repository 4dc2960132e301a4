"""The continuous factors of a procedural face and the latent that drives them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Factor(NamedTuple):
    """One factor: its range, and how one entry of the latent maps into it (uniformly)."""

    low: float
    high: float


# Lengths are fractions of the picture's side, angles radians, colours in Oklab (light, a, b),
# where a picture is close to linear in them: hues as angles took the generator several times longer to learn.
FACTORS: dict[str, Factor] = {
    # pose
    "yaw": Factor(-0.50, 0.50),
    "pitch": Factor(-0.30, 0.30),
    "roll": Factor(-0.22, 0.22),
    "x": Factor(-0.035, 0.035),
    "y": Factor(-0.03, 0.03),
    "scale": Factor(0.90, 1.10),
    # head
    "face_width": Factor(0.245, 0.300),
    "jaw": Factor(0.62, 0.88),
    "chin": Factor(0.285, 0.345),
    "neck": Factor(0.075, 0.110),
    "shoulders": Factor(0.34, 0.48),
    # eyes
    "eye_x": Factor(0.108, 0.140),
    "eye_y": Factor(0.020, 0.065),
    "eye_width": Factor(0.056, 0.080),
    "eye_height": Factor(0.046, 0.084),
    "eye_tilt": Factor(-0.20, 0.20),
    "eye_open": Factor(0.0, 1.0),
    "wink": Factor(-0.5, 0.5),
    "iris": Factor(0.62, 0.92),
    "gaze_x": Factor(-0.40, 0.40),
    "gaze_y": Factor(-0.25, 0.25),
    "lash": Factor(0.011, 0.021),
    # brows
    "brow_y": Factor(0.045, 0.095),
    "brow_tilt": Factor(-0.38, 0.38),
    "brow_arch": Factor(0.0, 0.026),
    "brow_thickness": Factor(0.007, 0.016),
    "brow_raise": Factor(-0.016, 0.016),
    # nose and mouth
    "nose_y": Factor(0.105, 0.145),
    "mouth_y": Factor(0.195, 0.235),
    "mouth_width": Factor(0.045, 0.095),
    "smile": Factor(-0.035, 0.045),
    "smirk": Factor(-0.018, 0.018),
    "mouth_open": Factor(0.0, 0.075),
    "teeth": Factor(0.0, 0.45),
    "cloth_light": Factor(0.40, 0.85),
    "blush": Factor(0.0, 0.60),
    # hair
    "hair_length": Factor(0.12, 0.62),
    "hair_width": Factor(1.06, 1.26),
    "hair_top": Factor(0.36, 0.44),
    "fringe": Factor(0.00, 0.11),
    "fringe_part": Factor(-0.60, 0.60),
    "fringe_spread": Factor(-0.05, 0.05),
    "side_locks": Factor(0.05, 0.40),
    "hair_shine": Factor(0.0, 0.55),
    "hair_light": Factor(0.30, 0.88),
    "hair_a": Factor(-0.13, 0.13),
    "hair_b": Factor(-0.13, 0.13),
    # other colours
    "skin": Factor(0.0, 1.0),
    "eye_a": Factor(-0.15, 0.15),
    "eye_b": Factor(-0.15, 0.15),
    "cloth_a": Factor(-0.11, 0.11),
    "cloth_b": Factor(-0.11, 0.11),
    "background_light": Factor(0.62, 0.97),
    "background_a": Factor(-0.06, 0.06),
    "background_b": Factor(-0.06, 0.06),
    "line": Factor(0.006, 0.011),
}

Z_DIM = len(FACTORS)
NAMES = tuple(FACTORS)

Factors = dict[str, float]


def factors_from_latent(z: NDArray[np.floating]) -> Factors:
    """Factors of a latent, as the generator sees it.

    The generator's mapping network scales z to unit mean square, so the same is done here; each entry is
    then close to standard normal and is mapped through the normal distribution function to be uniform in
    its range.

    Args:
        z: ``[Z_DIM]``, any scale but zero.

    Returns:
        A value within its range for each name of `FACTORS`.
    """
    if z.shape != (Z_DIM,):
        raise ValueError(f"z must be [{Z_DIM}], not {list(z.shape)}")
    z = z / np.sqrt(np.mean(np.square(z)) + 1e-8)
    uniform = [0.5 * (1 + math.erf(float(v) / math.sqrt(2))) for v in z]
    return {name: f.low + (f.high - f.low) * u for (name, f), u in zip(FACTORS.items(), uniform, strict=True)}
