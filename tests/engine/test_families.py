"""Inversion and drags with generators that are not a plain StyleGAN2: untrained, for geometry and gradients."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from backend.engine import Crop, DragOptions, FaceEditor, Inversion, InversionSettings
from backend.engine.coarse import run_blocks
from backend.engine.engines import DragProblem, create
from backend.engine.gauss_newton import GaussNewtonEngine
from backend.engine.inversion import render
from backend.engine.points import Taps
from backend.engine.quick_tuning import tuned_parameters
from backend.errors import PullfaceError
from backend.models.model import Model, w_statistics
from stylegan_ops import stylegan2, stylegan3
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.generator import StyleGenerator

SIZES: dict[str, Any] = {"channel_base": 512, "channel_max": 16}
TALL = (4, 2)
"""Of StyleGAN-Human: pictures twice as high as wide."""

FAMILIES: dict[str, Any] = {
    "stylegan3-t": lambda: stylegan3.Generator(16, 0, 32, 64, **SIZES),
    "stylegan3-r": lambda: stylegan3.Generator(
        16, 0, 32, 64, conv_kernel=1, use_radial_filters=True, **SIZES
    ),
    "stylegan2-orig": lambda: stylegan2.Generator(16, 0, 32, 64, architecture="orig", **SIZES),
    "stylegan2-conditional": lambda: stylegan2.Generator(16, 3, 32, 64, architecture="resnet", **SIZES),
    "stylegan2-tall": lambda: stylegan2.Generator(16, 0, 32, 64, base_size=TALL, **SIZES),
}


@pytest.fixture(params=FAMILIES)
def other(request: pytest.FixtureRequest) -> Model:
    torch.manual_seed(3)
    generator: StyleGenerator = FAMILIES[request.param]()
    generator.eval().requires_grad_(False)
    if isinstance(generator, stylegan3.Generator):  # untrained, it draws grey on grey
        generator.synthesis.layer(generator.synthesis.layer_names[-1]).weight.mul_(20)
    mean, covariance = w_statistics(generator, samples=1000)
    base_size = TALL if request.param.endswith("tall") else (4, 4)
    discriminator = Discriminator(0, 64, base_size=base_size, **SIZES).eval().requires_grad_(False)
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
    handle = np.array([[30.0 * other.shape[1] / 64, 34.0]])
    problem = DragProblem(
        generator=other.generator,
        latent=some_latent(other, 6),
        handles=handle,
        mask=None,
        learning_rate=0.02,
        lambda_mask=0,  # nothing is held: in what was never trained, all changes with everything
        free_layers=6,
    )
    drag = create(engine, problem)
    target = handle + (5, 0)
    first = drag.locate()
    np.testing.assert_allclose(first, problem.handles, atol=1e-6)
    nearest = float(np.linalg.norm(first - target))
    for _ in range(6):
        drag.advance(target)
        nearest = min(nearest, float(np.linalg.norm(drag.locate() - target)))
    assert nearest < 3


@pytest.mark.parametrize("place", [(8.5, 12.25), (21.0, 50.5)])
def test_a_point_lies_where_the_picture_shows_it(other: Model, place: tuple[float, float]) -> None:
    """What the picture shows at a place comes from the cells that a handle there reads."""
    synthesis = other.generator.synthesis
    for name, weight in synthesis.named_parameters():
        if weight.ndim == 4 and "affine" not in name:  # a kernel drawn by chance points to some side
            weight.copy_(weight + weight.flip(2, 3))
    latent = some_latent(other, 6)
    x, image = run_blocks(synthesis, latent, upto=16)
    assert x is not None
    x = x.detach().requires_grad_(True)
    _, shown = run_blocks(synthesis, latent, (x, image), above=16)
    assert shown is not None
    height, width = shown.shape[2:]
    down, across = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    around = torch.exp(-((across - place[0]) ** 2 + (down - place[1]) ** 2) / 8)
    signs = torch.randn(24, 3, height, width, generator=torch.Generator().manual_seed(0))
    influence = torch.zeros(x.shape[2:])
    for some in signs:
        (gradient,) = torch.autograd.grad((shown[0] * around * some).sum(), x, retain_graph=True)
        influence += gradient[0].square().sum(dim=0)
    places = torch.stack(
        torch.meshgrid(*(torch.arange(count) + 0.5 for count in influence.shape), indexing="ij")
    )
    source = (places * influence).sum(dim=(1, 2)) / influence.sum()
    inside = synthesis._inside(places[None], 16)[0]
    rows, columns = inside.shape[1:]
    cell = height / rows
    assert cell == width / columns
    read = Taps.at(torch.tensor([place]), cell, (rows, columns)).read(inside)[0]
    assert (source - read).abs().max() < 0.25


def test_the_rows_of_a_step_are_the_slopes_of_the_positions(other: Model) -> None:
    problem = DragProblem(
        other.generator, some_latent(other, 6), np.array([[20.0, 34.0], [11.5, 20.5]]), None, 0.02, 20, 6
    )
    engine = GaussNewtonEngine(problem)
    engine.locate()
    state = engine._state
    assert state is not None
    with torch.no_grad():
        engine._renew(state, np.ones(2, bool))
        direction = engine._rows.sum(dim=0)
        direction *= 0.05 / (engine._rows @ direction).abs().max()  # a twentieth of a pixel
        moved = engine._look(state.x + direction.view_as(state.x), state.positions, state.positions)
    expected = (engine._rows @ direction).view(2, 2)
    assert torch.linalg.norm(moved.positions - state.positions - expected) < 0.2 * torch.linalg.norm(expected)


def test_the_mask_holds_and_the_layer_keeps_what_lies_outside(other: Model) -> None:
    editor = FaceEditor(other)
    height, width = editor.shape
    latent = some_latent(other, 6)
    inversion = Inversion(other.name, latent, {}, {"label": None})
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 :, : 3 * width // 4] = 255
    options = DragOptions(steps=8, strength=1, lambda_mask=1.0)
    handle = (width / 2 - 2, 30)
    with editor.drag(inversion, [[handle, (handle[0] + 9, 30)]], mask=mask, options=options) as drag:
        steps = list(drag)
    assert steps[-1].distance < steps[0].distance
    before, after = editor.render(inversion), steps[-1].preview()
    assert before.shape == after.shape == (height, width, 3)

    crop = Crop(10, 20, 3 * max(height, width), aspect=width / height)
    layer = np.full((240, 230, 4), 255, np.uint8)
    left, top = (int(value) for value in crop.to_image([0, 0], editor.resolution))
    shown = before.repeat(3, axis=0).repeat(3, axis=1)
    layer[top : top + 3 * height, left : left + 3 * width, :3] = shown
    may = np.zeros(layer.shape[:2], np.uint8)
    may[top : top + 3 * height, left : left + 3 * width] = mask.repeat(3, axis=0).repeat(3, axis=1)
    everything = editor.composite(layer, crop, before, after, offset=(0, 0))
    edit = editor.composite(layer, crop, before, after, may, offset=(0, 0))
    for one, where in ((everything, 255 * (layer[..., 0] >= 0)), (edit, may)):
        result = layer.copy()
        x, y, w, h = one.rect
        assert left <= x
        assert top <= y
        assert x + w <= left + 3 * width
        assert y + h <= top + 3 * height
        result[y : y + h, x : x + w] = one.pixels
        assert (result != layer).any()
        assert np.array_equal(result[where == 0], layer[where == 0])


def test_a_label_is_chosen_for_the_picture() -> None:
    torch.manual_seed(3)
    generator = FAMILIES["stylegan2-conditional"]().eval().requires_grad_(False)
    model = Model("three", "blobs", "MIT", generator, None, *w_statistics(generator, samples=1000))
    second = model.with_label(1)
    assert second.with_label(1) is second
    assert not torch.allclose(second.w_mean, model.w_mean, atol=0.05)
    z = torch.randn(8, 16, generator=torch.Generator().manual_seed(1))
    ours = second.latents(z, torch.Generator().manual_seed(2))
    assert torch.equal(ours, generator.mapping(z, torch.eye(3)[1].expand(8, 3)))
    with pytest.raises(ValueError, match="no label 3"):
        model.with_label(3)

    editor = FaceEditor(model)
    picture = render(generator, ours[:1])
    settings = InversionSettings(pivot_steps=4, tuning_steps=1, label=1)
    inversion = editor.invert(picture, settings=settings)
    assert inversion.info["label"] == 1
    with editor.drag(inversion, [[(20, 34), (25, 34)]], options=DragOptions(steps=1)) as drag:
        covariance = drag._engine._problem.covariance  # type: ignore[attr-defined]
    assert torch.equal(covariance, second.w_covariance)
    for label in (3, -1, 1.5, "cat"):
        with pytest.raises(PullfaceError) as caught:
            editor.invert(picture, settings=dataclasses.replace(settings, label=label))
        assert caught.value.code == "bad_options"
