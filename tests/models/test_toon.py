"""The embedded model: it draws what the renderer draws, and its discriminator sees differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from backend import models
from backend.models.model import Model
from backend.training.faces import draw_batch


@pytest.fixture(scope="module")
def toon() -> Model:
    return models.load("toon")


def test_what_it_is(toon: Model) -> None:
    (info,) = [m for m in models.available() if m.name == "toon"]
    assert info.resolution == toon.resolution == 256
    assert info.licence == "MIT"
    assert info.size_bytes < 40_000_000


@torch.no_grad()
def test_it_draws_the_renderers_faces(toon: Model) -> None:
    """z is the renderer's latent, so each picture has its own wanted one; others are far from it."""
    z = torch.randn(32, toon.generator.z_dim, generator=torch.Generator().manual_seed(77))
    _, pictures, _ = draw_batch(z.numpy(), toon.resolution)
    wanted = pictures.float() / 127.5 - 1
    made = toon.generator(z, noise_mode="const")
    assert made.shape == wanted.shape
    right = (made - wanted).abs().mean(dim=[1, 2, 3])
    wrong = (made - wanted.roll(1, dims=0)).abs().mean(dim=[1, 2, 3])
    # A wide range of faces: nearer to the right one than to another, by far on average.
    assert right.mean() < 0.18
    assert (right < wrong).all()
    assert (right / wrong).mean() < 0.4


@torch.no_grad()
def test_w_statistics_are_its_own(toon: Model) -> None:
    z = torch.randn(4000, toon.generator.z_dim, generator=torch.Generator().manual_seed(5))
    w = toon.generator.mapping(z)[:, 0]
    standard_error = toon.w_std / len(w) ** 0.5
    assert ((w.mean(dim=0) - toon.w_mean).abs() < 6 * standard_error).all()
    assert torch.cov(w.t()).trace().item() == pytest.approx(toon.w_covariance.trace().item(), rel=0.1)


@torch.no_grad()
def test_the_encoder_finds_the_renderers_faces(toon: Model) -> None:
    assert toon.encoder is not None
    z = torch.randn(24, toon.generator.z_dim, generator=torch.Generator().manual_seed(78))
    _, pictures, _ = draw_batch(z.numpy(), toon.resolution)
    wanted = pictures.float() / 127.5 - 1
    found = toon.generator.synthesis(toon.encoder(wanted), noise_mode="const")
    mean = toon.generator.synthesis(toon.w_mean.expand(1, toon.generator.num_ws, -1), noise_mode="const")
    near, far = ((shown - wanted).abs().mean() for shown in (found, mean))
    assert near < 0.75 * far


@torch.no_grad()
def test_discriminator_features_grow_with_the_difference(toon: Model) -> None:
    assert toon.discriminator is not None
    _, pictures, _ = draw_batch(
        np.random.default_rng(4).standard_normal((8, toon.generator.z_dim)), toon.resolution
    )
    real = pictures.float() / 127.5 - 1

    def distance(other: torch.Tensor) -> float:
        ours, theirs = toon.discriminator.features(real), toon.discriminator.features(other)  # type: ignore[union-attr]
        return sum(float((a - b).abs().mean() / a.abs().mean()) for a, b in zip(ours, theirs, strict=True))

    blurred = functional.interpolate(functional.avg_pool2d(real, 4), size=toon.resolution, mode="bilinear")
    assert 0 == distance(real) < distance(real + 0.02) < distance(blurred) < distance(real.roll(1, dims=0))
