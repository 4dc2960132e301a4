"""A first latent for a picture, within a second: from the model's encoder, or from samples when it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.engine.coarse import draws_coarsely, image_up_to

if TYPE_CHECKING:
    from backend.models import Model

SAMPLES = 128
BATCH = 32
DRAWN_AT = 32
COMPARED_AT = 16
RIDGE = 0.5
"""Against the mean squared size of a sample's picture; flat between 0.3 and 1 on drawn faces."""


@torch.no_grad()
def first_guess(model: Model, target: Tensor, seed: int = 0) -> Tensor:
    """w+ [1, num_ws, w_dim] for `target` [1, 3, H, W] in [−1, 1]."""
    if model.encoder is not None:
        if target.shape[2] != target.shape[3]:  # an encoder looks at squares: it knows such pictures squeezed
            side = model.encoder.img_resolution
            target = F.interpolate(target, size=(side, side), mode="area")
        guess: Tensor = model.encoder(target)
        return guess
    return guess_from_samples(model, target, seed)


@torch.no_grad()
def guess_from_samples(model: Model, target: Tensor, seed: int = 0) -> Tensor:
    """The w that a linear regression on the coarse pictures of `SAMPLES` random ones expects, as w+.

    Nearer than the mean and than the best of the samples: it is between them all. The samples have the model's label,
    if one is chosen. A model whose coarse blocks have no pictures gets its mean.
    """
    generator = model.generator
    synthesis = generator.synthesis
    size = min(DRAWN_AT, synthesis.img_resolution // 2)
    mean = model.w_mean
    if not draws_coarsely(synthesis, size):
        return mean.repeat(1, generator.num_ws, 1)
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(SAMPLES, generator.z_dim, generator=random).to(mean.device)
    ws = model.latents(z, random)
    side = min(COMPARED_AT, size)
    seen = torch.cat(
        [F.adaptive_avg_pool2d(image_up_to(synthesis, part, size), side) for part in ws.split(BATCH)]
    ).flatten(1)
    wanted = F.adaptive_avg_pool2d(target, side).flatten(1)
    centre = seen.mean(dim=0)
    pictures = (seen - centre).double()
    products = pictures @ pictures.t()
    products += RIDGE * products.diagonal().mean() * torch.eye(SAMPLES).to(products)
    weights = torch.linalg.solve(products, pictures @ (wanted - centre)[0].double()).float()
    return (mean + weights @ (ws[:, 0] - mean)).repeat(1, generator.num_ws, 1)
