"""Adversarial training of tiny networks: it learns, freezes, adapts, goes on bit for bit, and leaves a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from backend import models
from backend.errors import PullfaceError
from backend.models import storage
from backend.models.model import Model, w_statistics
from backend.training.frechet import frechet_distance
from backend.training.gan import Adversaries
from backend.training.gan_settings import GanSettings, read_settings, write_settings
from backend.training.gan_trainer import GanTrainer, resolution_of
from backend.training.losses import path_lengths
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.encoder import Encoder
from stylegan_ops.stylegan2 import Generator

TINY: dict[str, Any] = {
    "resolution": 16,
    "batch_size": 8,
    "channel_base": 128,
    "channel_max": 16,
    "w_dim": 16,
    "z_dim": 8,
    "mapping_layers": 2,
    "snapshot_images": 10_000,
    "warm_up_images": 0,
    "frechet_pictures": 8,
}


class Squares:
    """Pictures of one kind: a bright square somewhere near the middle of a dark red one."""

    def __len__(self) -> int:
        return 500

    def batch(self, start: int, n: int) -> Tensor:
        pictures = torch.zeros(n, 3, 16, 16, dtype=torch.uint8)
        for i in range(n):
            random = torch.Generator().manual_seed((start + i) % 500)
            x, y = torch.randint(3, 8, (2,), generator=random).tolist()
            pictures[i, 0] = 90
            pictures[i, :, y : y + 6, x : x + 6] = 230
        return pictures


def settings(**changes: Any) -> GanSettings:
    return GanSettings(**{**TINY, **changes})


def adversaries(seed: int = 0, **changes: Any) -> Adversaries:
    torch.manual_seed(seed)
    generator = Generator(8, 0, 16, 16, channel_base=128, channel_max=16, mapping_kwargs={"num_layers": 2})
    discriminator = Discriminator(0, 16, channel_base=128, channel_max=16)
    return Adversaries(generator, discriminator, settings(**changes), 500)


def real(start: int, n: int = 8) -> Tensor:
    return Squares().batch(start, n).float() / 127.5 - 1


def test_it_learns_what_the_pictures_have_in_common() -> None:
    networks = adversaries(
        learning_rate=0.01, ema_images=60, augment="none", r1_gamma=0.5, precision="float32"
    )
    target = real(0, 64).mean(dim=0)

    @torch.no_grad()
    def error() -> float:
        made = networks.ema(torch.randn(64, 8, generator=torch.Generator().manual_seed(1)))
        return float((made.mean(dim=0) - target).abs().mean())

    before = error()
    losses: list[dict[str, float]] = [networks.step(real(8 * i), i) for i in range(120)]
    assert error() < 0.5 * before
    assert {"r1", "path_length"} <= set(losses[16])
    assert "r1" not in losses[17]
    assert all(torch.tensor(list(entry.values())).isfinite().all() for entry in losses)
    # It has to tell real from made, better than by chance, at some time on the way.
    assert min(entry["discriminator"] for entry in losses) < 1.2


def test_frozen_blocks_keep_their_weights_and_the_others_learn() -> None:
    networks = adversaries(freeze_d=1)
    before = {k: v.clone() for k, v in networks.discriminator.named_parameters()}
    for i in range(2):
        networks.step(real(8 * i), i)
    for name, value in networks.discriminator.named_parameters():
        moved = not torch.equal(value, before[name])
        assert moved == (not name.startswith("b16.")), name


def test_the_rate_rises_over_the_first_pictures() -> None:
    networks = adversaries(warm_up_images=32, learning_rate=0.1)
    rates = []
    for i in range(5):
        networks.step(real(8 * i), i)
        rates += [group["lr"] for o in networks.optimizers.values() for group in o.param_groups]
    assert rates[::2] == rates[1::2] == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])


def test_the_average_follows_and_w_avg_goes_along() -> None:
    networks = adversaries(ema_images=8)
    start = networks.ema.synthesis.b4.const.clone()
    networks.step(real(0), 0)
    between = networks.ema.synthesis.b4.const
    assert not torch.equal(between, start)
    assert not torch.equal(between, networks.generator.synthesis.b4.const)
    assert torch.equal(networks.ema.mapping.w_avg, networks.generator.mapping.w_avg)
    assert networks.ema.mapping.w_avg.abs().max() > 0


def test_path_lengths_are_those_of_a_linear_map() -> None:
    torch.manual_seed(0)
    ws = torch.randn(4000, 1, 5, requires_grad=True)
    matrix = torch.randn(5, 3 * 8 * 8)
    pictures = (ws[:, 0] @ matrix).reshape(-1, 3, 8, 8)
    lengths = path_lengths(pictures, ws)
    # For y ~ N(0, 1/64), E|Jᵀy|² is the squared Frobenius norm of J over 64.
    assert float(lengths.square().mean()) == pytest.approx(float(matrix.square().sum() / 64), rel=0.05)


@pytest.mark.parametrize("augment", ["ada", "diffaugment"])
def test_a_resumed_run_is_bit_equal_to_one_that_was_not_stopped(tmp_path: Path, augment: str) -> None:
    chosen = settings(images=8 * 8, augment=augment, ada_images=200, style_mixing=0.5)
    whole = GanTrainer(tmp_path / "whole", chosen, Squares())
    for _ in range(6):
        whole.step()
    first = GanTrainer(tmp_path / "parts", chosen, Squares())
    for _ in range(3):
        first.step()
    first._report({})  # draws samples and measures, which must not change what follows
    second = GanTrainer(tmp_path / "parts", chosen, Squares())
    assert second.images == 24
    for _ in range(3):
        second.step()
    for name, network in whole.networks.modules.items():
        other = second.networks.modules[name].state_dict()
        for key, value in network.state_dict().items():
            assert torch.equal(value, other[key]), f"{name}.{key}"
    assert whole.networks.augment.state() == second.networks.augment.state()


def start_model(path: Path, encoder: bool = True) -> Model:
    torch.manual_seed(3)
    generator = {
        "z_dim": 8,
        "c_dim": 0,
        "w_dim": 16,
        "img_resolution": 16,
        "channel_base": 128,
        "channel_max": 16,
    }
    discriminator = {"c_dim": 0, "img_resolution": 16, "channel_base": 128, "channel_max": 16}
    kwargs = {
        "img_resolution": 16,
        "num_ws": 6,
        "w_dim": 16,
        "channels": [8, 8],
        "blocks": [0, 0],
        "hidden": 16,
    }
    g = Generator(**generator)
    model = Model(
        "start",
        "noise",
        "MIT",
        g,
        Discriminator(**discriminator),
        *w_statistics(g, samples=500),
        Encoder(**kwargs) if encoder else None,
    )
    storage.write(
        path, model, "Noise.", generator, discriminator, torch.float32, encoder=kwargs if encoder else None
    )
    return model


def test_a_run_starts_from_a_model_and_leaves_one(tmp_path: Path) -> None:
    start = start_model(tmp_path / "start.safetensors")
    chosen = settings(
        start=str(tmp_path / "start.safetensors"), images=24, resolution=64, name="mine", licence="CC0-1.0"
    )
    assert resolution_of(chosen) == 16
    trainer = GanTrainer(tmp_path / "run", chosen, Squares())
    assert torch.equal(trainer.networks.generator.synthesis.b4.const, start.generator.synthesis.b4.const)
    assert trainer.run()
    assert not torch.equal(trainer.networks.ema.synthesis.b4.const, start.generator.synthesis.b4.const)
    assert len(list((tmp_path / "run").glob("samples-*.png"))) == 2
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [entry["images"] for entry in log] == [0, 24]
    assert all(entry["frechet_discriminator"] > 0 for entry in log)
    assert "generator" in log[-1]

    (tmp_path / "start.safetensors").unlink()  # the run goes on without it
    again = GanTrainer(tmp_path / "run", chosen, Squares())
    assert again.done == 1
    again.export(tmp_path / "mine.safetensors")
    model = models.load(tmp_path / "mine.safetensors")
    assert (model.name, model.licence, model.resolution) == ("mine", "CC0-1.0", 16)
    assert model.discriminator is not None
    assert model.encoder is not None
    torch.testing.assert_close(model.encoder.w_mean, model.w_mean, rtol=1e-2, atol=1e-3)
    z = torch.randn(2, 8)
    torch.testing.assert_close(
        model.generator(z, noise_mode="const"),
        trainer.networks.ema(z, noise_mode="const"),
        rtol=0.05,
        atol=0.05,
    )


def test_a_stopped_run_saves_what_it_has(tmp_path: Path) -> None:
    import os
    import signal

    trainer = GanTrainer(tmp_path, settings(images=8000), Squares())
    step = trainer.step

    def step_and_interrupt() -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return step()

    trainer.step = step_and_interrupt  # type: ignore[method-assign]
    assert not trainer.run()
    assert GanTrainer(tmp_path, settings(images=8000), Squares()).images == 8


def test_settings_travel_through_their_file(tmp_path: Path) -> None:
    chosen = settings(start="toon", minutes=2.5)
    write_settings(tmp_path, chosen)
    assert read_settings(tmp_path) == chosen
    (tmp_path / "settings.json").write_text('{"surprise": 1}')
    with pytest.raises(PullfaceError, match="surprise"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 6}, {"resolution": 48}, {"augment": "much"}, {"minutes": 0}, {"images": 0}]
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PullfaceError) as caught:
        settings(**wrong)
    assert caught.value.code == "bad_settings"


def test_few_pictures_get_diffaugment_and_many_ada() -> None:
    assert settings().augmentation(50) == "diffaugment"
    assert settings().augmentation(50_000) == "ada"
    assert replace(settings(), augment="none").augmentation(50) == "none"


def test_frechet_distance_of_gaussians_is_the_formula() -> None:
    torch.manual_seed(0)
    a = torch.randn(20_000, 3).double() * torch.tensor([1.0, 2.0, 3.0])
    b = torch.randn(20_000, 3).double() * torch.tensor([2.0, 2.0, 1.0]) + torch.tensor([1.0, 0.0, 0.0])
    # Diagonal covariances: |μ|² + Σ (σ₁ − σ₂)².
    assert frechet_distance(a, b) == pytest.approx(1 + 1 + 0 + 4, rel=0.05)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
