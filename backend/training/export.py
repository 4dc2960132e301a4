"""Turn a training checkpoint into a model file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.models import storage
from backend.models.model import Model, w_statistics
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.stylegan2 import Generator

from . import checkpoint
from .toon.factors import NAMES
from .toon_model import DISCRIMINATOR_KWARGS, GENERATOR_KWARGS


def export(
    run: Path,
    output: Path,
    generator_kwargs: Mapping[str, Any] = GENERATOR_KWARGS,
    discriminator_kwargs: Mapping[str, Any] = DISCRIMINATOR_KWARGS,
) -> None:
    """Write the averaged generator and the discriminator of ``run`` to ``output`` (.safetensors, float16).

    The arguments of the networks are those that the run trained; by default those of the embedded model.
    """
    generator, discriminator = Generator(**generator_kwargs), Discriminator(**discriminator_kwargs)
    checkpoint.restore(run / "checkpoint.safetensors", {"ema": generator, "discriminator": discriminator}, {})
    generator.eval().requires_grad_(False)
    mean, covariance = w_statistics(generator)
    generator.mapping.w_avg.copy_(mean)
    model = Model("toon", "anime-style faces", "MIT", generator, discriminator.eval(), mean, covariance)
    description = "Anime-style faces, trained on procedurally drawn ones."
    factors = NAMES if generator.z_dim == len(NAMES) else None
    storage.write(output, model, description, generator_kwargs, discriminator_kwargs, factors=factors)
