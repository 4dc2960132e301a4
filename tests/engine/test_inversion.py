from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.engine import Cancelled, FaceEditor, Inversion, InversionSettings
from backend.engine.inversion import render, to_image, to_picture, with_delta
from backend.engine.perceptual import DiscriminatorDistance, MultiScaleDistance, perceptual_distance
from backend.engine.projection import has_noise, learning_rate_factor, noise_correlation
from backend.errors import PullfaceError

from .conftest import small_model

SHORT = InversionSettings(pivot_steps=6, tuning_steps=4)


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


def test_the_pivot_lies_in_w(inversion):
    assert inversion.pivot.shape[0] == 1
    assert (inversion.pivot == inversion.pivot[:, :1]).all()


def test_saved_and_reloaded_it_renders_the_same_bits(editor, model, inversion):
    tensors, metadata = inversion.to_tensors()
    assert all(isinstance(value, str) for value in metadata.values())
    assert all(value.dtype == torch.float16 for name, value in tensors.items() if name != "pivot")
    size = sum(value.numel() * value.element_size() for value in tensors.values())
    assert size < 2.2 * sum(p.numel() for p in model.generator.synthesis.parameters())
    copied = {name: value.clone() for name, value in tensors.items()}
    again = Inversion.from_tensors(copied, dict(metadata))
    assert np.array_equal(FaceEditor(model).render(again), editor.render(inversion))
    assert again.info == inversion.info
    with pytest.raises(PullfaceError) as caught:
        Inversion.from_tensors(tensors, {"format": "other"})
    assert caught.value.code == "bad_inversion"


def test_the_model_is_never_changed(model, editor, picture, inversion):
    weights = {name: value.clone() for name, value in model.generator.state_dict().items()}
    editor.invert(picture, settings=SHORT)
    for name, value in model.generator.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert not any(p.requires_grad for p in model.generator.parameters())
    assert with_delta(model.generator, inversion.delta) is not model.generator


def test_progress_comes_in_order_and_previews_change(editor, picture):
    seen = []

    def note(progress):
        seen.append((progress.stage, progress.fraction, progress.loss, progress.preview()))

    first = editor.invert(picture, note, SHORT)
    assert [stage for stage, *_ in seen] == ["pivot"] * 6 + ["tuning"] * 4
    fractions = [fraction for _, fraction, *_ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert all(np.isfinite(loss) for _, _, loss, _ in seen)
    assert not np.array_equal(seen[0][3], seen[-1][3])
    assert seen[0][3].shape == picture.shape
    second = editor.invert(picture, settings=SHORT)
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


def test_tuning_ends_early_when_it_is_good_enough(editor, picture):
    easy = InversionSettings(pivot_steps=20, tuning_steps=50, good_enough=0.5)
    assert editor.invert(picture, settings=easy).info["tuning_steps"] == 0


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
    inversion = editor.invert(picture, settings=InversionSettings(pivot_steps=15, tuning_steps=3))
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
    full, small = InversionSettings.for_resolution(1024), InversionSettings.for_resolution(128)
    assert (full.pivot_steps, full.tuning_steps) == (450, 350)
    assert small.pivot_steps < 200


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
