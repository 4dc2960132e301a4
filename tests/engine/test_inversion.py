from __future__ import annotations

import copy
import dataclasses
import subprocess
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from backend.engine import (
    Cancelled,
    FaceEditor,
    Inversion,
    InversionSettings,
    coarse,
    lpips_distance,
    perceptual,
)
from backend.engine.adam import Adam
from backend.engine.coarse import coarse_target, image_up_to
from backend.engine.delta import PackedChange
from backend.engine.first_guess import first_guess, guess_from_samples
from backend.engine.inversion import render, to_image, to_picture, with_delta
from backend.engine.orthogonal import OrthogonalDescent, orthogonalised
from backend.engine.perceptual import DiscriminatorDistance, MultiScaleDistance, perceptual_distance
from backend.engine.projection import has_noise, learning_rate_factor, noise_correlation
from backend.engine.quick_tuning import rate_factor, tuned_parameters
from backend.engine.refinement import WhiteLatents, levelled_out
from backend.errors import PullfaceError
from stylegan_ops.encoder import Encoder

from .conftest import small_model

SHORT = InversionSettings(pivot_steps=6, tuning_steps=4)
PUBLISHED = dataclasses.replace(InversionSettings.of_method("pti"), pivot_steps=6, tuning_steps=4)
CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((first.astype(float) - second) ** 2) / 255**2))


def test_an_inversion_shows_the_picture(editor, model, picture, inversion):
    mean = render(model.generator, model.w_mean.repeat(1, model.generator.num_ws, 1))
    pivot_only = render(model.generator, inversion.pivot)
    shown = editor.render(inversion)
    assert psnr(pivot_only, picture) > psnr(mean, picture) + 3
    assert psnr(shown, picture) > psnr(pivot_only, picture) + 1
    assert psnr(shown, picture) > 21
    assert inversion.info["psnr"] == pytest.approx(psnr(shown, picture), abs=0.5)
    assert inversion.info["perceptual"] == "discriminator"


@pytest.mark.parametrize("method", ["quick", "pti"])
def test_both_methods_come_near_and_say_what_they_did(editor, model, picture, method):
    settings = dataclasses.replace(InversionSettings.of_method(method), pivot_steps=20, tuning_steps=10)
    inversion = editor.invert(picture, settings=settings)
    mean = render(model.generator, model.w_mean.repeat(1, model.generator.num_ws, 1))
    assert psnr(editor.render(inversion), picture) > psnr(mean, picture) + 1
    assert inversion.info["method"] == method
    assert (inversion.info["pivot_steps"], inversion.info["tuning_steps"]) == (20, 10)
    assert inversion.pivot.shape == (1, model.generator.num_ws, model.generator.w_dim)
    in_w = bool((inversion.pivot == inversion.pivot[:, :1]).all())
    assert in_w == (method == "pti")


def test_the_published_numbers_do_not_depend_on_the_model():
    published = InversionSettings.of_method("pti")
    assert (published.pivot_steps, published.tuning_steps, published.tuning_rate) == (450, 350, 3e-4)
    ours = InversionSettings.of_method()
    assert ours.method == "quick"
    assert ours.pivot_steps + ours.tuning_steps < 120


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "magic"},
        {"pivot_steps": -1},
        {"pivot_steps": 2.5},
        {"tuning_steps": True},
        {"tuning_rate": float("nan")},
        {"prior": "much"},
        {"use_noise": 3},
        {"seed": 2**70},
    ],
)
def test_settings_that_no_inversion_can_use_are_refused(wrong):
    with pytest.raises(PullfaceError) as caught:
        dataclasses.replace(SHORT, **wrong)
    assert caught.value.code == "bad_options"
    assert next(iter(wrong)) in caught.value.message


def test_saved_and_reloaded_it_renders_the_same_bits(editor, model, inversion):
    tensors, metadata = inversion.to_tensors()
    assert all(isinstance(value, str) for value in metadata.values())
    size = sum(value.numel() * value.element_size() for value in tensors.values())
    assert size < 0.6 * sum(p.numel() for p in model.generator.synthesis.parameters())
    copied = {name: value.clone() for name, value in tensors.items()}
    again = Inversion.from_tensors(copied, dict(metadata))
    assert np.array_equal(FaceEditor(model).render(again), editor.render(inversion))
    assert again.info == inversion.info


def test_a_file_of_another_kind_or_version_is_refused(inversion):
    tensors, metadata = inversion.to_tensors()
    wrong = [
        (tensors, {"format": "pullface-inversion-1"}),
        (tensors, {}),
        (tensors, {**metadata, "info": "[1]"}),
        (tensors, {**metadata, "info": "{"}),
        ({}, metadata),
        ({**tensors, "pivot": tensors["pivot"][0]}, metadata),
        ({**tensors, "pivot": tensors["pivot"].half()}, metadata),
        ({**tensors, "pivot": tensors["pivot"] * float("inf")}, metadata),
    ]
    for values, words in wrong:
        with pytest.raises(PullfaceError) as caught:
            Inversion.from_tensors(values, words)
        assert caught.value.code == "bad_inversion"


def test_a_change_that_does_not_fit_is_refused(model, inversion):
    name, good = max(inversion.delta.items(), key=lambda item: item[1].values.numel())
    assert good.scale is not None
    bomb = torch.frombuffer(bytearray(zlib.compress(bytes(50_000_000), 9)), dtype=torch.uint8)
    ones = torch.ones(3, dtype=torch.uint8)
    for delta in (
        {"synthesis.nowhere": good},
        {"synthesis.b4.const": good},
        {name: PackedChange(bomb, good.scale)},
        {name: PackedChange(ones, good.scale)},
        {name: PackedChange(good.values[:-3], good.scale)},
        {name: PackedChange(good.values, good.scale[1:])},
        {name: PackedChange(good.values, good.scale * float("nan"))},
        {name: PackedChange(good.values.half(), good.scale)},
        {name: PackedChange(good.values)},
        {name: PackedChange(torch.zeros(3, dtype=torch.float16))},
    ):
        with pytest.raises(PullfaceError) as caught:
            with_delta(model.generator, delta)
        assert caught.value.code == "wrong_model"


def test_packing_rounds_and_loses_little(editor, inversion, picture):
    change = torch.randn(16, 32, 3, 3, generator=torch.Generator().manual_seed(0)) * torch.arange(16).view(
        -1, 1, 1, 1
    )
    fine, coarse = PackedChange.of(change, 0.04), PackedChange.of(change, 0.7)
    for packed, step in ((fine, 0.04), (coarse, 0.7)):
        error = (packed.unpacked(change.shape) - change).flatten(1).abs().amax(dim=1)
        allowed = change.flatten(1).square().mean(dim=1).sqrt() * step / 2
        assert (error <= allowed * 1.01 + 1e-6).all()
    assert coarse.values.numel() < fine.values.numel() / 1.5 < change.numel()
    bias = torch.randn(20)
    assert torch.equal(PackedChange.of(bias, 1.0).unpacked(bias.shape), bias.half().float())


def test_the_model_is_never_changed(model, editor, picture, inversion):
    weights = {name: value.clone() for name, value in model.generator.state_dict().items()}
    editor.invert(picture, settings=SHORT)
    for name, value in model.generator.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert not any(p.requires_grad for p in model.generator.parameters())
    assert with_delta(model.generator, inversion.delta) is not model.generator


@pytest.mark.parametrize("settings", [SHORT, PUBLISHED])
def test_progress_comes_in_order_and_previews_change(editor, picture, settings):
    seen = []

    def note(progress):
        seen.append((progress.stage, progress.fraction, progress.loss, progress.preview()))

    first = editor.invert(picture, note, settings)
    stages = [stage for stage, *_ in seen]
    assert stages == sorted(stages)  # "pivot" before "tuning"
    assert stages.count("pivot") == 6 + (settings.method == "quick")  # ours shows its first guess
    assert stages.count("tuning") == 4 + 1
    fractions = [fraction for _, fraction, *_ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert all(np.isfinite(loss) for _, _, loss, _ in seen)
    assert not np.array_equal(seen[0][3], seen[-1][3])
    assert seen[0][3].shape == picture.shape
    second = editor.invert(picture, settings=settings)
    assert torch.equal(first.pivot, second.pivot)


@pytest.mark.parametrize("stage", ["pivot", "tuning"])
def test_cancelling_stops_at_once(editor, picture, stage):
    calls = []

    def stop(progress):
        calls.append(progress.stage)
        if progress.stage == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        editor.invert(picture, stop, SHORT)
    assert calls.count(stage) == 1


@pytest.mark.parametrize("method", ["quick", "pti"])
def test_tuning_ends_early_when_it_is_good_enough(editor, picture, method):
    easy = dataclasses.replace(
        InversionSettings.of_method(method), pivot_steps=20, tuning_steps=50, good_enough=0.5
    )
    fractions = []
    inversion = editor.invert(picture, lambda progress: fractions.append(progress.fraction), easy)
    assert inversion.info["tuning_steps"] == 0
    assert fractions[-1] == 1


def test_tuning_ends_when_nothing_is_won(editor, picture):
    still = dataclasses.replace(SHORT, tuning_steps=60, tuning_rate=1e-7)
    assert editor.invert(picture, settings=still).info["tuning_steps"] < 45
    assert levelled_out([1.0] * 16)
    assert not levelled_out([1.0] * 15)
    assert not levelled_out([0.97**step for step in range(30)])


def test_nothing_but_fine_weights_is_tuned(model, inversion):
    fine = {f"synthesis.{name}" for name in tuned_parameters(model.generator.synthesis, 32)}
    assert set(inversion.delta) == fine
    assert not any("affine" in name or "b16" in name or "noise" in name for name in fine)


def test_a_model_without_discriminator_says_so(picture):
    editor = FaceEditor(small_model(64, with_discriminator=False))
    told = []
    inversion = editor.invert(picture, lambda progress: told.append(progress.perceptual), SHORT)
    assert set(told) == {"multi-scale"}
    assert inversion.info["perceptual"] == "multi-scale"


def test_noise_maps_are_fitted_kept_white_and_saved(picture):
    model = small_model(64)
    assert not has_noise(model.generator)
    for name, strength in model.generator.named_parameters():
        if name.endswith("noise_strength"):
            strength.fill_(0.2)
    assert has_noise(model.generator)
    editor = FaceEditor(model)
    settings = dataclasses.replace(PUBLISHED, pivot_steps=15, tuning_steps=3)
    inversion = editor.invert(picture, settings=settings)
    fitted = [name for name in inversion.delta if name.endswith("noise_const")]
    assert len(fitted) == 9
    tuned = with_delta(model.generator, inversion.delta)
    largest = dict(tuned.named_buffers())["synthesis.b64.conv1.noise_const"]
    assert float(largest.mean()) == pytest.approx(0, abs=0.01)
    assert float(largest.std()) == pytest.approx(1, abs=0.01)


def test_noise_correlation_tells_white_from_smooth():
    white = torch.randn(32, 32, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(white[None, None], 5, 1, 2)[0, 0]
    smooth = smooth / smooth.std()
    assert noise_correlation([smooth]) > 10 * noise_correlation([white])


def test_schedule():
    assert learning_rate_factor(0) == 0
    assert learning_rate_factor(0.05) == learning_rate_factor(0.5) == learning_rate_factor(0.75) == 1
    assert learning_rate_factor(0.875) == pytest.approx(0.5)
    assert learning_rate_factor(1) == pytest.approx(0)
    ours = [rate_factor(step, 50) for step in range(50)]
    assert 0 < ours[0] < ours[4] == max(ours)
    assert ours[49] < 0.01


@pytest.mark.parametrize("with_discriminator", [True, False])
def test_distances_grow_with_the_difference(model, picture, with_discriminator):
    target = to_image(picture, torch.device("cpu"))
    distance = perceptual_distance(model.discriminator if with_discriminator else None, target)
    assert isinstance(distance, DiscriminatorDistance if with_discriminator else MultiScaleDistance)
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    values = [float(distance(target + scale * noise)) for scale in (0, 0.02, 0.1, 0.5)]
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values == sorted(values)
    assert values[3] > 2 * values[1]


def test_pictures_convert_without_loss():
    every = np.arange(192, dtype=np.uint8).reshape(8, 8, 3) + 60
    assert np.array_equal(to_picture(to_image(every, torch.device("cpu"))), every)


def test_locality_holds_the_generator_around_the_pivot(editor, model, picture):
    def drift(inversion):
        tuned = with_delta(model.generator, inversion.delta)
        z = torch.randn(4, model.generator.z_dim, generator=torch.Generator().manual_seed(11))
        ws = inversion.pivot.lerp(model.generator.mapping(z), 0.5)
        with torch.no_grad():
            apart = tuned.synthesis(ws) - model.generator.synthesis(ws)
        return float(apart.square().mean())

    free = dataclasses.replace(SHORT, tuning_steps=16, locality=0.0)
    held = dataclasses.replace(free, locality=1000.0)
    assert drift(editor.invert(picture, settings=held)) < 0.8 * drift(editor.invert(picture, settings=free))


def test_little_memory_gives_the_same_gradients(model, picture, monkeypatch):
    target = to_image(picture, CPU)

    def gradient():
        ws = model.w_mean.repeat(1, model.generator.num_ws, 1).requires_grad_(True)
        distance = DiscriminatorDistance(model.discriminator, target)
        distance(image_up_to(model.generator.synthesis, ws, 64)).backward()
        return ws.grad

    usual = gradient()
    monkeypatch.setattr(coarse, "LARGE", 16)
    monkeypatch.setattr(perceptual, "LARGE", 16)
    # Large pictures go through the discriminator in half precision, where the device has it.
    likeness = torch.nn.functional.cosine_similarity(gradient().flatten(), usual.flatten(), dim=0)
    assert float(likeness) > 0.99


def test_lpips_is_used_only_where_it_lies_ready(model, picture, monkeypatch, tmp_path):
    target = to_image(picture, CPU)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    made = []

    class Network(torch.nn.Module):
        def __init__(self, **options):
            super().__init__()
            made.append(options)

        def forward(self, first, second):
            return (first - second).square().mean(dim=(1, 2, 3), keepdim=True)

    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=Network, __spec__=object()))
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(__spec__=object()))
    lpips_distance.local_lpips.cache_clear()
    try:
        assert perceptual_distance(None, target).name == "multi-scale"  # no weights, and none are fetched
        assert made == []
        lpips_distance.local_lpips.cache_clear()
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth").touch()
        distance = perceptual_distance(None, target)
        assert distance.name == "lpips"
        assert float(distance(target)) == 0
        assert float(distance(target + 0.5)) == pytest.approx(0.25)
        assert perceptual_distance(model.discriminator, target).name == "discriminator"
    finally:
        lpips_distance.local_lpips.cache_clear()


def test_white_latents_are_white(model):
    white = WhiteLatents.of(model.w_mean, model.w_covariance)
    z = torch.randn(3000, model.generator.z_dim, generator=torch.Generator().manual_seed(3))
    ws = model.generator.mapping(z)[:, :2]
    coordinates = white.coordinates(ws)
    spread = torch.cov(coordinates[:, 0].t())
    assert torch.allclose(spread.diagonal().mean(), torch.tensor(1.0), atol=0.1)
    assert float((white.latents(coordinates) - ws).square().mean().sqrt()) < 0.02 * float(model.w_std.mean())


def test_the_first_guess_is_the_encoders(model, picture):
    encoder = Encoder(
        64, model.generator.num_ws, model.generator.w_dim, channels=(8, 8, 8, 8), blocks=(0, 0, 0, 0)
    )
    encoder.w_mean.copy_(model.w_mean + 0.5)
    known = dataclasses.replace(model, encoder=encoder.eval().requires_grad_(False))
    target = to_image(picture, CPU)
    assert torch.equal(first_guess(known, target), encoder(target))
    assert not torch.equal(first_guess(model, target), encoder(target))
    shown = []

    def stop(progress):
        shown.append(progress.preview())
        raise Cancelled

    with pytest.raises(Cancelled):
        FaceEditor(known).invert(picture, stop, SHORT)
    # The first preview is the encoder's guess (within what w can be).
    guess = render(model.generator, encoder(target)).astype(int)
    assert np.abs(shown[0] - guess).mean() < 3


def test_without_an_encoder_samples_give_a_guess(model, picture):
    target = to_image(picture, CPU)
    ws = guess_from_samples(model, target)
    mean = render(model.generator, model.w_mean.repeat(1, model.generator.num_ws, 1))
    assert psnr(render(model.generator, ws), picture) > psnr(mean, picture) + 0.5
    assert torch.equal(ws, guess_from_samples(model, target))


def test_what_finer_blocks_add_is_taken_off_the_coarse_target(model, picture):
    synthesis = model.generator.synthesis
    target = to_image(picture, CPU)
    ws = guess_from_samples(model, target)
    image = synthesis(ws, noise_mode="const")
    assert torch.allclose(image_up_to(synthesis, ws, 64), image, atol=1e-5)
    coarse = image_up_to(synthesis, ws, 16)
    wanted = coarse_target(synthesis, ws, image, target, 16)
    # What the coarse picture lacks is what the full one lacks.
    assert torch.allclose(
        wanted - coarse, torch.nn.functional.adaptive_avg_pool2d(target - image, 16), atol=1e-5
    )


def test_orthogonalised_momentum():
    random = torch.Generator().manual_seed(0)
    for shape in ((12, 40), (40, 12)):
        matrix = torch.randn(shape, generator=random) @ torch.diag(torch.logspace(0, -1, shape[1]))
        values = torch.linalg.svdvals(orthogonalised(matrix))
        assert values.max() < 1.3
        assert values.min() > 0.5
    weight = torch.zeros(16, 8, 3, 3, requires_grad=True)
    bias = torch.zeros(16, requires_grad=True)
    descent = OrthogonalDescent([weight, bias])
    (weight * torch.randn(weight.shape, generator=random)).sum().backward()
    descent.step(0.1)
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.1, rel=0.3)
    assert torch.equal(bias.detach(), torch.zeros(16))  # it had no gradient


@pytest.fixture(scope="module")
def larger():
    """A model that draws coarsely at 64 px, and a picture that it does not draw."""
    rough = np.random.default_rng(3).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return small_model(128), np.array(Image.fromarray(rough).resize((128, 128), Image.Resampling.BICUBIC))


def test_weights_scaled_by_w_give_the_same_picture_and_gradients(larger):
    model, _ = larger
    synthesis = copy.deepcopy(model.generator).requires_grad_(False).synthesis
    tuned = tuned_parameters(synthesis, 32)
    ws = model.w_mean.repeat(1, model.generator.num_ws, 1)
    found = []
    for fused in (False, True):
        for parameter in tuned.values():
            parameter.requires_grad_(True).grad = None
        _, image = coarse.run_blocks(synthesis, ws, fused=fused)
        image.square().mean().backward()
        found.append([image.detach(), *(parameter.grad.clone() for parameter in tuned.values())])
    for usual, other in zip(*found, strict=True):
        assert torch.allclose(usual, other, rtol=1e-3, atol=1e-5 * float(usual.abs().max()) + 1e-9)


def test_adam_is_the_one_that_everybody_knows():
    random = torch.Generator().manual_seed(0)
    own, known = (torch.ones(3, 5, requires_grad=True) for _ in range(2))
    slope = torch.randn(3, 5, generator=random)
    ours, theirs = Adam([own], betas=(0.8, 0.95)), torch.optim.Adam([known], betas=(0.8, 0.95))
    for step in range(9):
        for leaf in (own, known):
            ((leaf - slope) * slope).square().sum().backward()
        ours.step(0.1 / (step + 1))
        theirs.param_groups[0]["lr"] = 0.1 / (step + 1)
        theirs.step()
        theirs.zero_grad()
        assert torch.allclose(own, known, atol=1e-6)
    assert own.grad is None


def test_a_quick_inversion_does_not_wait_for_the_compiler():
    script = """
import sys
import numpy as np
from backend.engine import FaceEditor, InversionSettings
from tests.engine.conftest import small_model
settings = InversionSettings(pivot_steps=4, tuning_steps=2)
FaceEditor(small_model(64)).invert(np.full((64, 64, 3), 99, np.uint8), settings=settings)
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.split() == ["False"]
