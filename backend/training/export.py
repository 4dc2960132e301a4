"""Turn a training checkpoint into a model file."""

from __future__ import annotations

from pathlib import Path

from backend.models import storage
from backend.models.model import Model, w_statistics
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.stylegan2 import Generator

from . import checkpoint
from .train import DISCRIMINATOR_KWARGS, GENERATOR_KWARGS


def export(run: Path, output: Path) -> None:
    """Write the averaged generator and the discriminator of ``run`` to ``output`` (.safetensors, float16)."""
    generator, discriminator = Generator(**GENERATOR_KWARGS), Discriminator(**DISCRIMINATOR_KWARGS)
    checkpoint.restore(run / "checkpoint.safetensors", {"ema": generator, "discriminator": discriminator}, {})
    generator.eval().requires_grad_(False)
    mean, covariance = w_statistics(generator)
    generator.mapping.w_avg.copy_(mean)
    model = Model("toon", "anime-style faces", "MIT", generator, discriminator.eval(), mean, covariance)
    description = "Anime-style faces, trained on procedurally drawn ones."
    storage.write(output, model, description, GENERATOR_KWARGS, DISCRIMINATOR_KWARGS)
