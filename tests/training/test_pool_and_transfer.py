from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.models import storage
from backend.models.model import Model, w_statistics
from backend.training.faces import draw_batch
from backend.training.pool import FacePool
from backend.training.toon.factors import NAMES, Z_DIM
from backend.training.train import synthesize
from backend.training.transfer import by_name, start_from
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.stylegan2 import Generator

SMALL = {"c_dim": 0, "channel_base": 256, "channel_max": 16}


def network(z_dim: int, resolution: int) -> Generator:
    return Generator(z_dim=z_dim, w_dim=16, img_resolution=resolution, use_noise=False, **SMALL)


def test_a_pool_keeps_what_was_drawn_and_goes_on_after_a_break(tmp_path: Path) -> None:
    first = FacePool(tmp_path / "pool", capacity=60, resolution=32, seed=3)
    next(first.fill())
    again = FacePool(tmp_path / "pool")
    assert (again.capacity, again.drawn) == (60, 50)
    assert list(again.fill()) == [60]
    latents, pictures, landmarks = next(again.batches(16, 4, seed=1))
    assert pictures.shape == (4, 3, 16, 16)
    _, drawn, places = draw_batch(latents.numpy(), 32)
    shrunk = torch.nn.functional.avg_pool2d(drawn.float(), 2).round()
    assert torch.equal(pictures.float(), shrunk)
    assert torch.allclose(landmarks, places / 2)


def test_a_pool_that_is_too_small_says_so(tmp_path: Path) -> None:
    pool = FacePool(tmp_path / "pool", capacity=60, resolution=16)
    with pytest.raises(ValueError, match="fill it first"):
        next(pool.batches(16, 4, seed=0))
    list(pool.fill())
    with pytest.raises(ValueError, match="fill it first"):
        next(pool.batches(32, 4, seed=0))


def test_a_pool_of_another_renderer_is_refused(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    FacePool(pool, capacity=50, resolution=16)
    (pool / "latents.npy").unlink()
    np.save(pool / "latents.npy", np.zeros((50, Z_DIM + 1), np.float32))
    with pytest.raises(ValueError, match="another renderer"):
        FacePool(pool)


def test_columns_are_found_by_name() -> None:
    columns = torch.randn(8, 2)
    known = [NAMES[5], "a factor of long ago"]
    new = by_name(columns, known, NAMES)
    scale = (Z_DIM / 2) ** 0.5
    assert torch.allclose(new[:, 5], columns[:, 0] * scale)
    others = torch.cat([new[:, :5], new[:, 6:]], dim=1)
    assert others.abs().max() < columns.std()


def test_a_larger_model_of_a_richer_renderer_starts_with_the_pictures_of_the_old_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    known = list(NAMES[::-1][:30])
    old = network(30, 16)
    mean, covariance = w_statistics(old, 500)
    path = tmp_path / "old.safetensors"
    kwargs = {"z_dim": 30, "w_dim": 16, "img_resolution": 16, "use_noise": False, **SMALL}
    model = Model("old", "faces", "MIT", old, None, mean, covariance)
    storage.write(path, model, "old", kwargs, None, torch.float32, factors=known)
    new = network(Z_DIM, 32)
    discriminator = Discriminator(img_resolution=32, **SMALL)
    assert start_from(path, new, discriminator) == 30

    z = torch.randn(6, Z_DIM)
    values = torch.randn(6, 30)
    for index, name in enumerate(known):
        z[:, NAMES.index(name)] = values[:, index]
    # What is new has next to no effect yet.
    with torch.no_grad():
        before, after = synthesize(old, values, 16), synthesize(new, z, 16)
    assert (before - after).abs().mean() < 0.35 * (before - before.mean(0)).abs().mean()


def test_a_file_that_does_not_name_its_factors_is_refused(tmp_path: Path) -> None:
    old = network(4, 16)
    path = tmp_path / "old.safetensors"
    kwargs = {"z_dim": 4, "w_dim": 16, "img_resolution": 16, "use_noise": False, **SMALL}
    storage.write(path, Model("old", "faces", "MIT", old, None, *w_statistics(old, 100)), "old", kwargs, None)
    with pytest.raises(ValueError, match="does not say which factors"):
        start_from(path, network(Z_DIM, 16), Discriminator(img_resolution=16, **SMALL))
