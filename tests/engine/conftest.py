from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from backend.engine import FaceEditor, InversionSettings
from backend.models.model import Model, w_statistics
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.stylegan2 import Generator

GOLDEN = Path(__file__).parents[1] / "data" / "draggan-official-128.npz"


def small_model(resolution: int, seed: int = 0, with_discriminator: bool = True) -> Model:
    """Untrained networks: their pictures are smooth blobs of colour, enough for gradients and for tracking."""
    torch.manual_seed(seed)
    sizes = {"channel_base": 16 * resolution, "channel_max": 32}
    generator = Generator(32, 0, 64, resolution, mapping_kwargs={"num_layers": 2}, **sizes)
    generator.eval().requires_grad_(False)
    discriminator = Discriminator(0, resolution, **sizes).eval().requires_grad_(False)
    mean, covariance = w_statistics(generator, samples=2000)
    return Model(
        name=f"small-{resolution}-{seed}",
        domain="blobs",
        licence="MIT",
        generator=generator,
        discriminator=discriminator if with_discriminator else None,
        w_mean=mean,
        w_covariance=covariance,
    )


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small networks lose more by threads than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model() -> Model:
    return small_model(64)


@pytest.fixture(scope="session")
def editor(model) -> FaceEditor:
    return FaceEditor(model)


@pytest.fixture(scope="session")
def picture(model) -> np.ndarray:
    """A picture that the model can show, of a w not too far from the mean."""
    from backend.engine.inversion import render

    z = torch.randn(1, model.generator.z_dim, generator=torch.Generator().manual_seed(5))
    return render(model.generator, model.generator.mapping(z))


@pytest.fixture(scope="session")
def inversion(editor, picture):
    return editor.invert(picture, settings=InversionSettings(pivot_steps=40, tuning_steps=20))


@pytest.fixture(scope="session")
def recorded():
    """The recorded run of the authors' program and its generator."""
    data = np.load(GOLDEN, allow_pickle=False)
    generator = Generator(
        512, 0, 512, 128, channel_base=2048, channel_max=48, mapping_kwargs={"num_layers": 1}
    )
    state = {k[len("state/") :]: torch.from_numpy(data[k]) for k in data.files if k.startswith("state/")}
    generator.load_state_dict(state)
    generator.eval().requires_grad_(False)
    return SimpleNamespace(
        generator=generator, **{k: data[k] for k in data.files if not k.startswith("state/")}
    )
