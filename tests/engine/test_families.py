"""Inversion and drags with generators that are not a plain StyleGAN2: untrained, for geometry and gradients."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from backend.engine import FaceEditor, InversionSettings
from backend.engine.engines import DragProblem, create
from backend.engine.inversion import render
from backend.engine.quick_tuning import tuned_parameters
from backend.models.model import Model, w_statistics
from stylegan_ops import stylegan2, stylegan3
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.generator import StyleGenerator

SIZES: dict[str, Any] = {"channel_base": 512, "channel_max": 16}
FAMILIES: dict[str, Any] = {
    "stylegan3-t": lambda: stylegan3.Generator(16, 0, 32, 64, **SIZES),
    "stylegan3-r": lambda: stylegan3.Generator(
        16, 0, 32, 64, conv_kernel=1, use_radial_filters=True, **SIZES
    ),
    "stylegan2-orig": lambda: stylegan2.Generator(16, 0, 32, 64, architecture="orig", **SIZES),
    "stylegan2-conditional": lambda: stylegan2.Generator(16, 3, 32, 64, architecture="resnet", **SIZES),
}


@pytest.fixture(params=FAMILIES)
def other(request: pytest.FixtureRequest) -> Model:
    torch.manual_seed(3)
    generator: StyleGenerator = FAMILIES[request.param]()
    generator.eval().requires_grad_(False)
    if isinstance(generator, stylegan3.Generator):  # untrained, it draws grey on grey
        generator.synthesis.layer(generator.synthesis.layer_names[-1]).weight.mul_(20)
    mean, covariance = w_statistics(generator, samples=1000)
    discriminator = Discriminator(0, 64, **SIZES).eval().requires_grad_(False)
    return Model(request.param, "blobs", "MIT", generator, discriminator, mean, covariance)


def some_latent(model: Model, seed: int) -> torch.Tensor:
    generator = model.generator
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    return generator.mapping(z, torch.eye(generator.c_dim)[:1] if generator.c_dim else None)


@pytest.mark.parametrize("method", ["quick", "pti"])
def test_a_picture_is_inverted(other: Model, method: str) -> None:
    picture = render(other.generator, some_latent(other, 5))
    settings = dataclasses.replace(
        InversionSettings.of_method(method), pivot_steps=20, tuning_steps=6, locality=0.1
    )
    editor = FaceEditor(other)
    shown = editor.render(editor.invert(picture, settings=settings))

    def error(of: np.ndarray) -> float:
        return float(np.square(of.astype(np.float64) - picture).mean())

    mean = render(other.generator, other.w_mean.repeat(1, other.generator.num_ws, 1))
    assert error(shown) < 0.9 * error(mean)


def test_fine_weights_are_tuned_and_only_these(other: Model) -> None:
    synthesis = other.generator.synthesis
    tuned = tuned_parameters(synthesis, 32)
    assert tuned
    assert {synthesis.resolution_of(name) for name in tuned} == {32, 64}
    assert not any("affine" in name for name in tuned)


@pytest.mark.parametrize("engine", ["gauss-newton", "reference"])
def test_a_handle_comes_nearer(other: Model, engine: str) -> None:
    problem = DragProblem(
        generator=other.generator,
        latent=some_latent(other, 6),
        handles=np.array([[30.0, 34.0]]),
        mask=None,
        learning_rate=0.02,
        lambda_mask=20,
        free_layers=6,
    )
    drag = create(engine, problem)
    target = np.array([[35.0, 34.0]])
    first = drag.locate()
    np.testing.assert_allclose(first, problem.handles, atol=1e-6)
    nearest = float(np.linalg.norm(first - target))
    for _ in range(6):
        drag.advance(target)
        nearest = min(nearest, float(np.linalg.norm(drag.locate() - target)))
    assert nearest < 3
