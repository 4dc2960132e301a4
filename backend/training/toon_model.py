"""What the embedded model is made of, and how long it trains: the settings of ``--preset toon``.

The weights in the repository were made with these, but without `Stage.changes`, which came later; their model card
names the machine and the time it took.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .toon.factors import Z_DIM


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Attributes:
        resolution: of the pictures, in pixels; blocks above it rest.
        images: how many faces to see.
        batch_size: faces a step. Small ones pay: 8 learned as much as 32 from a third of the faces.
        learning_rate: Adam's at the start; it falls to a twentieth over the stage when ``decay``.
        adversarial: weight of the adversarial loss; 0 for regression alone.
        features: how much more a place counts at a landmark than far from all, see `losses.feature_weight`.
        changes: weight of `losses.change_loss`.
    """

    resolution: int
    images: int
    batch_size: int
    learning_rate: float
    decay: bool = False
    adversarial: float = 0.0
    features: float = 4.0
    changes: float = 0.3


GENERATOR_KWARGS: dict[str, Any] = {
    "z_dim": Z_DIM,
    "c_dim": 0,
    "w_dim": 256,
    "img_resolution": 256,
    "mapping_kwargs": {"num_layers": 4},
    "channel_base": 4096,
    "channel_max": 192,
    # The renderer is a function of z: there is nothing random for noise maps to learn.
    "use_noise": False,
}
DISCRIMINATOR_KWARGS: dict[str, Any] = {
    "c_dim": 0,
    "img_resolution": 256,
    "channel_base": 2048,
    "channel_max": 192,
}
STAGES = [
    Stage(16, 16_000, 8, 5e-4),
    Stage(32, 24_000, 8, 5e-4),
    Stage(64, 50_000, 8, 5e-4, features=6.0),
    Stage(128, 50_000, 8, 4.5e-4, decay=True, features=6.0),
    Stage(256, 14_000, 8, 3e-4, decay=True, features=6.0),
    Stage(256, 9_000, 8, 2e-4, decay=True, adversarial=0.08, features=6.0),
    # Once more: the adversarial loss is crisp and puts coloured seams beside edges, which regression takes away.
    Stage(128, 11_000, 8, 3e-4, decay=True, features=6.0),
    Stage(256, 7_000, 8, 2e-4, decay=True, adversarial=0.05, features=6.0),
]
