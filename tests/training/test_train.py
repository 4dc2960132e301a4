"""Training: it learns, stops, resumes and exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from backend import models
from backend.training import checkpoint
from backend.training.export import export
from backend.training.faces import draw_batch
from backend.training.losses import feature_weight, r1_penalty, reconstruction_loss
from backend.training.optim import adam, set_learning_rate
from backend.training.toon.factors import Z_DIM
from backend.training.toon_model import DISCRIMINATOR_KWARGS, GENERATOR_KWARGS, Stage
from backend.training.train import Trainer, synthesize
from stylegan_ops.stylegan2 import Generator

GENERATOR: dict[str, Any] = {
    **GENERATOR_KWARGS,
    "img_resolution": 64,
    "channel_base": 2048,
    "channel_max": 128,
}
DISCRIMINATOR: dict[str, Any] = {
    **DISCRIMINATOR_KWARGS,
    "img_resolution": 64,
    "channel_base": 1024,
    "channel_max": 64,
}


def tiny_trainer(run: Path, stages: list[Stage]) -> Trainer:
    return Trainer(run, stages, workers=0, generator=GENERATOR, discriminator=DISCRIMINATOR)


def tiny_stages(images: int = 64) -> list[Stage]:
    return [
        Stage(16, images, 16, 5e-4),
        Stage(32, 32, 16, 5e-4, decay=True),
        Stage(64, 8, 4, 1e-4, adversarial=0.02),
    ]


def test_regression_learns_and_the_run_leaves_a_model(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, tiny_stages(images=480))
    z, pictures, landmarks = draw_batch(torch.randn(16, Z_DIM).numpy(), 16)
    wanted, weight = pictures.float() / 127.5 - 1, feature_weight(landmarks, 16)

    def loss() -> float:
        with torch.no_grad():
            return float(reconstruction_loss(synthesize(trainer.generator, z, 16), wanted, weight))

    before = loss()
    trainer.stages, rest = trainer.stages[:1], trainer.stages[1:]
    assert trainer.run()
    assert loss() < 0.6 * before

    trainer.stages += rest
    assert trainer.run()
    assert trainer.total_images == 480 + 32 + 8
    assert list(tmp_path.glob("samples-*-64.png"))

    export(tmp_path, tmp_path / "made.safetensors", GENERATOR, DISCRIMINATOR)
    model = models.load(tmp_path / "made.safetensors")
    ws = model.generator.mapping(z[:2])
    expected = trainer.ema.synthesis(trainer.ema.mapping(z[:2]))
    torch.testing.assert_close(model.generator.synthesis(ws), expected, rtol=0.05, atol=0.05)
    assert model.discriminator is not None
    torch.testing.assert_close(model.w_mean, model.generator.mapping.w_avg, rtol=1e-2, atol=1e-2)


def test_a_stopped_run_resumes_where_it_was(tmp_path: Path) -> None:
    first = tiny_trainer(tmp_path, tiny_stages())
    step = first._step

    def step_and_stop(*arguments: object) -> dict[str, float]:
        first._ask_to_stop()  # what SIGINT does
        return step(*arguments)  # type: ignore[arg-type]

    first._step = step_and_stop  # type: ignore[method-assign]
    assert not first.run()
    second = tiny_trainer(tmp_path, tiny_stages())
    assert (second.stage, second.images, second.total_images) == (0, 16, 16)
    for name, network in second._modules.items():
        state = first._modules[name].state_dict()
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    old, new = (t.optimizers["generator"].state_dict()["state"] for t in (first, second))
    assert old.keys() == new.keys()
    assert all(torch.equal(old[i][k], new[i][k]) for i in old for k in old[i])
    assert second.run()
    assert not list(tmp_path.glob("*.partial"))


def test_a_failed_save_keeps_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.safetensors"
    network = torch.nn.Linear(2, 2)
    checkpoint.save(path, {"n": network}, {}, {"images": 1})

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(path, {"n": network}, {}, {"images": 2})
    assert checkpoint.read_progress(path) == {"images": 1}


def test_adam_steps_are_equal_in_the_weights_as_they_act() -> None:
    generator = Generator(8, 0, 16, 8, channel_base=64, channel_max=8, mapping_kwargs={"num_layers": 2})
    optimizer = adam(generator, (0.0, 0.99))
    set_learning_rate(optimizer, 1e-3)
    layer = generator.mapping.fc0
    before = layer.weight.detach().clone()
    generator(torch.randn(4, 8)).square().sum().backward()
    optimizer.step()
    acting = ((layer.weight - before) * layer.weight_gain).abs()
    # Adam's first step moves every parameter by its rate.
    torch.testing.assert_close(acting, torch.full_like(acting, 1e-3), rtol=1e-2, atol=1e-6)


def test_the_loss_cares_more_where_the_features_are() -> None:
    landmarks = torch.tensor([[[8.0, 8.0]]])
    weight = feature_weight(landmarks, 32)
    picture = torch.zeros(1, 3, 32, 32)
    near, far = picture.clone(), picture.clone()
    near[:, :, 8, 8] = 1
    far[:, :, 24, 24] = 1
    assert reconstruction_loss(near, picture, weight) > 1.5 * reconstruction_loss(far, picture, weight)
    assert reconstruction_loss(picture, picture, weight) == 0


def test_r1_is_the_squared_gradient_norm() -> None:
    x = torch.ones(2, 3, 4, 4, requires_grad=True)
    assert r1_penalty((x * 2).sum(dim=[1, 2, 3])[:, None], x).item() == pytest.approx(3 * 4 * 4 * 4)
