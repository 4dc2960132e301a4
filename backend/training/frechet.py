"""A Fréchet distance on the features of a discriminator.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (NIPS 2017) measure between Gaussians fitted to
features of an Inception network. That network knows photographs and would have to be downloaded; here a discriminator
that stays fixed through the run takes its place. **The numbers say how a run moves, and are comparable with those of
other runs that use the same discriminator; they are not FIDs.**
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from stylegan_ops.discriminator import Discriminator

_LEVELS = 3


@torch.no_grad()
def features(discriminator: Discriminator, pictures: Tensor) -> Tensor:
    """The averages of the three coarsest feature maps.

    Args:
        discriminator: unconditional.
        pictures: ``[N, 3, R, R]`` in [-1, 1], brought to the discriminator's size where they have another.

    Returns:
        ``[N, C]``, float64 on the CPU.
    """
    size = discriminator.img_resolution
    if pictures.shape[-1] != size:
        larger = pictures.shape[-1] > size
        pictures = functional.interpolate(
            pictures,
            size=(size, size),
            mode="area" if larger else "bilinear",
            align_corners=None if larger else False,
        )
    maps = discriminator.features(pictures)[-_LEVELS:]
    return torch.cat([m.float().mean(dim=[2, 3]) for m in maps], dim=1).double().cpu()


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """``|μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½)`` of two sets of features (Heusel et al. 2017, section 3).

    Args:
        real, fake: ``[N, C]`` and ``[M, C]``, float64, at least two each.

    Returns:
        0 for equal sets; the smaller the sets, the higher it is biased.
    """
    difference = (real.mean(dim=0) - fake.mean(dim=0)).square().sum()
    first, second = torch.cov(real.t()), torch.cov(fake.t())
    # The eigenvalues of Σ₁Σ₂ are those of the symmetric Σ₁^½ Σ₂ Σ₁^½.
    values, axes = torch.linalg.eigh(first)
    root = (axes * values.clamp(min=0).sqrt()) @ axes.t()
    mixed = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    return max(0.0, float(difference + first.trace() + second.trace() - 2 * mixed))
