"""The encoder's training: it learns, stops and resumes; degradations and mixed latents do what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from backend import models
from backend.models import storage
from backend.models.model import Model, w_statistics
from backend.training import degrade
from backend.training.encoder import EncoderTrainer, Settings, encoder_kwargs
from backend.training.latents import LatentSpace
from backend.training.pairs import Pairs, vary_latents
from backend.training.toon.factors import NAMES, Z_DIM
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.encoder import Encoder
from stylegan_ops.stylegan2 import Generator

GENERATOR: dict[str, Any] = {
    "z_dim": 4,
    "c_dim": 0,
    "w_dim": 12,
    "img_resolution": 16,
    "channel_base": 256,
    "channel_max": 16,
    "mapping_kwargs": {"num_layers": 1},
    "use_noise": False,
}
DISCRIMINATOR: dict[str, Any] = {"c_dim": 0, "img_resolution": 16, "channel_base": 64, "channel_max": 8}
SETTINGS = Settings(
    minutes=100, images=16 * 60, batch_size=16, kept=400, learning_rate=3e-3, coarse=8, renderer=False
)


def tiny_model(**changes: Any) -> Model:
    torch.manual_seed(1)
    generator = Generator(**{**GENERATOR, **changes}).eval().requires_grad_(False)
    discriminator = Discriminator(**DISCRIMINATOR).eval()
    return Model("tiny", "noise", "MIT", generator, discriminator, *w_statistics(generator, samples=2000))


def test_it_learns_and_the_model_gets_it(tmp_path: Path) -> None:
    model = tiny_model()
    trainer = EncoderTrainer(tmp_path, model, SETTINGS, workers=0)
    before = trainer.evaluate()
    # Untrained it guesses the mean, and that error is the unit.
    assert before["clean_latent"] == pytest.approx(1, abs=0.5)
    assert trainer.run()
    after = trainer.evaluate()
    assert after["clean_picture"] < 0.75 * before["clean_picture"]
    assert after["degraded_picture"] < 0.9 * before["degraded_picture"]
    assert after["clean_latent"] < 0.9 * before["clean_latent"]
    assert list(tmp_path.glob("encoder-*.png"))
    assert (tmp_path / "encoder-log.jsonl").read_text().count("\n") == 1

    path = tmp_path / "tiny.safetensors"
    storage.write(path, model, "Noise.", GENERATOR, DISCRIMINATOR)
    trainer.export(path, path)
    written = models.load(path)
    assert written.encoder is not None
    assert written.discriminator is not None
    picture = torch.rand(1, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(written.encoder(picture), trainer.ema(picture), rtol=0.05, atol=0.05)
    assert not list(tmp_path.glob("*.partial"))


def test_a_stopped_run_resumes_where_it_was(tmp_path: Path) -> None:
    first = EncoderTrainer(tmp_path, tiny_model(), SETTINGS, workers=0)
    for _ in range(3):
        first.step()
    first.save()
    second = EncoderTrainer(tmp_path, tiny_model(), SETTINGS, workers=0)
    assert second.images == 48
    for key, value in second.encoder.state_dict().items():
        assert torch.equal(value, first.encoder.state_dict()[key])
    second.step()


def test_the_renderers_faces_teach_too(tmp_path: Path) -> None:
    settings = Settings(images=32, batch_size=8, kept=50, renderer=True)
    trainer = EncoderTrainer(tmp_path, tiny_model(z_dim=Z_DIM), settings, workers=0)
    pictures, latents = trainer.pairs.rendered(3)
    assert pictures.dtype == torch.uint8
    assert latents.shape == (3, 6, 12)
    assert trainer.run()


def test_cheap_faces_make_half_of_a_batch() -> None:
    """Faces of one plain colour, so that they can be told from the generator's noise."""
    model = tiny_model()
    faces = iter(
        [(torch.ones(2, 4), torch.full((2, 3, 16, 16), 255, dtype=torch.uint8), torch.zeros(2, 1, 2))] * 9
    )
    pictures, latents = Pairs(model, 16, 2, 50, faces, faces_are_cheap=True)(8)
    plain = (pictures == 1).flatten(1).all(dim=1)
    assert plain.sum() == 4
    torch.testing.assert_close(latents[plain], model.generator.mapping(torch.ones(4, 4)))


def test_every_third_face_turns_further() -> None:
    z = torch.randn(9, Z_DIM)
    varied = vary_latents(z)
    changed = varied != z
    assert changed[::3, NAMES.index("yaw")].all()
    assert not changed[1::3].any()


def test_training_begins_from_the_encoder_that_there_is(tmp_path: Path) -> None:
    model = tiny_model()
    encoder = Encoder(**encoder_kwargs(model.generator))
    torch.nn.init.normal_(encoder.shared.weight)
    encoder.w_std.fill_(9.0)
    trainer = EncoderTrainer(tmp_path, replace(model, encoder=encoder), SETTINGS, workers=0)
    assert torch.equal(trainer.encoder.shared.weight, encoder.shared.weight)
    assert torch.equal(trainer.encoder.w_std, model.w_std)


def test_large_models_are_looked_at_in_128_pixels() -> None:
    generator = Generator(4, 0, 8, 512, channel_base=512, channel_max=4, mapping_kwargs={"num_layers": 1})
    assert encoder_kwargs(generator)["img_resolution"] == 128


CHANGES: list[Callable[[torch.Tensor], torch.Tensor]] = [
    degrade.degrade,
    degrade.colours,
    degrade.blur,
    degrade.coarser,
    degrade.noise,
    degrade.paper,
    degrade.brush,
    degrade.painterly,
    degrade.blocks,
    degrade.cutout,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
def test_a_degradation_changes_a_picture_but_leaves_it_recognisable(change: Any) -> None:
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.randn(8, 3, 6, 6) * 0.4, size=64, mode="bicubic")
    pictures = (smooth + (torch.rand(8, 3, 64, 64) - 0.5) * 0.1).clamp(-1, 1)
    before = pictures.clone()
    changed = change(pictures)
    assert torch.equal(pictures, before)
    assert changed.shape == pictures.shape
    assert bool(changed.isfinite().all())
    difference = (changed - pictures).abs().mean(dim=[1, 2, 3])
    assert difference.max() > 0.004
    other = (pictures.roll(1, dims=0) - pictures).abs().mean(dim=[1, 2, 3])
    assert (difference < 0.6 * other).all()


def test_painterly_keeps_an_edge_sharp_and_calms_the_rest() -> None:
    torch.manual_seed(0)
    edge = torch.full((1, 3, 64, 64), -0.5)
    edge[..., 32:] = 0.5
    painted = degrade.painterly(edge + torch.randn_like(edge) * 0.05)
    assert (painted - edge).std() < 0.03
    assert (painted[..., 33] - painted[..., 30]).mean() > 0.9


def test_jitter_says_how_far_it_moved_a_frame() -> None:
    torch.manual_seed(0)
    rows = torch.linspace(-1, 1, 64)[None, None, :, None].expand(64, 3, -1, 64).contiguous()
    moved, far = degrade.jitter(rows, 0.08)
    difference = (moved - rows).abs().mean(dim=[1, 2, 3])
    torch.testing.assert_close(moved[far == 0], rows[far == 0], rtol=0, atol=1e-4)
    assert (difference[far > 0] > 1e-3).all()
    assert 0 < far.max() <= 1
    assert 0.2 < (far > 0).float().mean() < 0.6


def test_latent_errors_are_in_units_of_the_spread() -> None:
    model = tiny_model()
    space = LatentSpace(model)
    z = torch.randn(500, 4)
    ws = model.generator.mapping(z)
    mean = model.w_mean.expand_as(ws)
    assert float(space.error(mean, ws).mean()) == pytest.approx(1, rel=0.1)
    assert float(space.error(ws, ws).max()) == 0


def test_mixed_latents_are_sometimes_mixed() -> None:
    torch.manual_seed(0)
    model = tiny_model()
    w = model.generator.mapping(torch.randn(200, 4))[:, 0]
    ws = LatentSpace(model).mixed(w, 6)
    assert ws.shape == (200, 6, 12)
    plain = (ws == ws[:, :1]).all(dim=2).all(dim=1).float().mean()
    assert 0.05 < plain < 0.6
    noise = LatentSpace(model).noise(20_000)
    torch.testing.assert_close(torch.cov(noise.t()), model.w_covariance, rtol=0.1, atol=0.02)
