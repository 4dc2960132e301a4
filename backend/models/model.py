"""A loaded model: the networks and what the engine needs to know of their latent space."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stylegan_ops.discriminator import Discriminator
from stylegan_ops.encoder import Encoder
from stylegan_ops.generator import StyleGenerator

_SAMPLES_AT_ONCE = 1024

LABEL_SAMPLES = 2048
"""Of w, for the statistics of one label; they are measured when it is chosen."""


@dataclass(frozen=True)
class Model:
    """Networks in evaluation mode, without gradients of their weights.

    Attributes:
        name, domain, licence: see `catalogue.ModelInfo`.
        generator: z → w+ → picture.
        discriminator: for the perceptual distance; ``None`` when the file has none.
        w_mean: ``[w_dim]``, mean of w.
        w_covariance: ``[w_dim, w_dim]``, covariance of w.
        encoder: picture → w+, for a first guess; ``None`` when the file has none.
        label: whose pictures the statistics of w stand for, see `with_label`; ``None`` for those of all.
    """

    name: str
    domain: str
    licence: str
    generator: StyleGenerator
    discriminator: Discriminator | None
    w_mean: Tensor
    w_covariance: Tensor
    encoder: Encoder | None = None
    label: int | None = None

    @property
    def resolution(self) -> int:
        """Longer side of the pictures in pixels."""
        return max(self.generator.img_shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the pictures in pixels."""
        return self.generator.img_shape

    @property
    def labels(self) -> int:
        """How many labels there are to choose from; 0 for an unconditional model."""
        return self.generator.c_dim

    def with_label(self, label: int | None) -> Model:
        """The model as it draws pictures of one label, with the mean and covariance of w that belong to it.

        Raises:
            ValueError: there is no such label.
        """
        if label == self.label:
            return self
        if label is not None and not 0 <= label < self.labels:
            raise ValueError(f"there is no label {label}; the model has {self.labels}")
        mean, covariance = w_statistics(self.generator, LABEL_SAMPLES, label=label)
        return replace(self, label=label, w_mean=mean, w_covariance=covariance)

    def latents(self, z: Tensor, random: torch.Generator) -> Tensor:
        """w+ of ``z`` ``[N, z_dim]``, with the model's label, or with random ones where it has none."""
        labels = _one_hot(self.generator, len(z), self.label, random)
        latents: Tensor = self.generator.mapping(z, labels.to(z.device))
        return latents

    @property
    def w_std(self) -> Tensor:
        """``[w_dim]``, standard deviation of each entry of w."""
        return self.w_covariance.diagonal().clamp(min=0).sqrt()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.w_mean.device


@torch.no_grad()
def w_statistics(
    generator: StyleGenerator,
    samples: int = 50_000,
    seed: int = 0,
    tell: Callable[[float], None] = lambda done: None,
    label: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean ``[w_dim]`` and covariance ``[w_dim, w_dim]`` of w over random z and random labels, if any, or one label.

    ``tell`` takes how much is done, 0 … 1.
    """
    random = torch.Generator().manual_seed(seed)
    mapping = copy.copy(generator.mapping)
    mapping.num_ws = 1  # all entries of w+ are the same
    device = mapping.w_avg.device
    total = torch.zeros(generator.w_dim, dtype=torch.float64)
    shift: Tensor | None = None
    square = torch.zeros(generator.w_dim, generator.w_dim, dtype=torch.float64)
    for start in range(0, samples, _SAMPLES_AT_ONCE):
        count = min(_SAMPLES_AT_ONCE, samples - start)
        z = torch.randn(count, generator.z_dim, generator=random)
        labels = _one_hot(generator, count, label, random)
        w = mapping(z.to(device), labels.to(device))[:, 0].cpu()
        # Around a point near the mean, so that float32 is enough for the sums of a part.
        shift = w.mean(dim=0) if shift is None else shift
        w = w - shift
        total += w.sum(dim=0)
        square += w.t() @ w
        tell((start + count) / samples)
    assert shift is not None
    mean = total / samples
    covariance = (square - samples * mean.outer(mean)) / (samples - 1)
    return (shift + mean).float().to(device), covariance.float().to(device)


def _one_hot(generator: StyleGenerator, count: int, label: int | None, random: torch.Generator) -> Tensor:
    """``[count, c_dim]``: one label for all, or random ones."""
    labels = torch.zeros(count, generator.c_dim)
    if label is not None:
        labels[:, label] = 1
    elif generator.c_dim > 0:
        labels[torch.arange(count), torch.randint(generator.c_dim, [count], generator=random)] = 1
    return labels
