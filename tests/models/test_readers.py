"""Other programs' files: the recorded ones, and the same weights in every form that can hold them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backend import models
from backend.models import storage
from backend.models.assembling import SAMPLES_AT_ONCE
from backend.models.model import Model, w_statistics
from stylegan_ops import stylegan2, stylegan3
from stylegan_ops.discriminator import Discriminator

from . import formats
from .conftest import DISCRIMINATOR, GENERATOR, STYLEGAN3, randomised

DATA = Path(__file__).parent.parent / "data"

RECORDED = {
    "stylegan2-ada.pkl": ("stylegan2-ada", 64, 0, True),
    "stylegan2-ada-cond.pkl": ("stylegan2-ada-cond", 32, 3, True),
    "stylegan2-tensorflow.pkl": ("stylegan2-ada", 64, 0, False),
    "stylegan2-rosinality.pt": ("stylegan2-rosinality", 64, 0, False),
    "stylegan3-t.pkl": ("stylegan3-t", 64, 0, True),
    "stylegan3-r.pkl": ("stylegan3-r", 64, 0, True),
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_files_give_the_recorded_pictures(name: str) -> None:
    record, resolution, labels, judged = RECORDED[name]
    arrays = np.load(DATA / f"{record}.npz")
    tensors = {key: torch.from_numpy(arrays[key]) for key in arrays.files if arrays[key].dtype == np.float32}
    model = models.load(DATA / name)
    assert (model.resolution, model.labels) == (resolution, labels)
    assert isinstance(model.discriminator, Discriminator) == judged
    ws = model.generator.mapping(tensors["z"], tensors.get("c"))
    torch.testing.assert_close(ws, tensors["w"], rtol=1e-4, atol=1e-4)
    images = model.generator.synthesis(ws, noise_mode="const")
    torch.testing.assert_close(images, tensors["image"], rtol=1e-4, atol=1e-4)
    if "latent_avg" in tensors:
        torch.testing.assert_close(model.generator.mapping.w_avg, tensors["latent_avg"][0])
    assert model.w_mean.shape == (model.generator.w_dim,)
    assert not any(p.requires_grad for p in model.generator.parameters())


def test_w_statistics_describe_w(generator: stylegan2.Generator) -> None:
    ws = generator.mapping(torch.randn(20_000, 8, generator=torch.Generator().manual_seed(9)))[:, 0]
    mean, covariance = w_statistics(generator, samples=20_000)
    torch.testing.assert_close(mean, ws.mean(dim=0), rtol=0.05, atol=0.05)
    torch.testing.assert_close(covariance, torch.cov(ws.t()), rtol=0.1, atol=0.1)


def test_w_statistics_of_a_conditional_model_are_over_all_labels() -> None:
    generator = randomised(stylegan2.Generator(**{**GENERATOR, "c_dim": 3}))
    z = torch.randn(20_000, 8, generator=torch.Generator().manual_seed(9))
    labels = torch.eye(3)[torch.arange(20_000) % 3]
    ws = generator.mapping(z, labels)[:, 0]  # type: ignore[operator]
    mean, _ = w_statistics(generator, samples=20_000)  # type: ignore[arg-type]
    torch.testing.assert_close(mean, ws.mean(dim=0), rtol=0.05, atol=0.05)


# The same weights in every form. Each takes a generator and a discriminator and gives a file's bytes.


def _rosinality(g: nn.Module, d: nn.Module, archive: bool) -> bytes:
    average = g.get_buffer("mapping.w_avg")
    content = {
        "g_ema": formats.rosinality(g),
        "d": formats.rosinality_discriminator(d),
        "latent_avg": average,
    }
    return formats.torch_file(content, archive)


def _state(g: nn.Module, d: nn.Module) -> bytes:
    return formats.torch_file({"G_ema": g.state_dict(), "D": d.state_dict()})


Writer = Callable[[nn.Module, nn.Module], bytes]

FORMS: dict[str, Writer] = {
    **{
        f"nvidia-protocol-{p}-numpy-{2 - old}": lambda g, d, p=p, old=old: formats.pickled(
            formats.nvidia(g, d), p, numpy_1=old
        )
        for p in (2, 3, 4, 5)
        for old in (False, True)
    },
    "tensorflow-2": lambda g, d: formats.pickled(formats.tensorflow(g, d, {}), 2),
    "tensorflow-5-numpy-1": lambda g, d: formats.pickled(formats.tensorflow(g, d, {}), 5, numpy_1=True),
    "rosinality-archive": lambda g, d: _rosinality(g, d, True),
    "rosinality-stream": lambda g, d: _rosinality(g, d, False),
    "nvidia-weights-by-name": _state,
}
ALONE: dict[str, Callable[[nn.Module], bytes]] = {
    "pti-archive": lambda g: formats.torch_file(formats.persistent(g)),
    "pti-stream": lambda g: formats.torch_file(formats.persistent(g), archive=False),
    "pti-pickle": lambda g: formats.pickled({"G_ema": formats.persistent(g)}),
    "pti-of-several-pictures": lambda g: formats.torch_file(
        {"generator": formats.persistent(g), "pivots": torch.zeros(2, 6, 16), "quads": np.zeros((2, 4, 2))}
    ),
    "generator-pickle": lambda g: formats.pickled(formats.persistent(g)),
    "rosinality-weights": lambda g: formats.torch_file(formats.rosinality(g)),
}


def picture(generator: nn.Module, seed: int = 1) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(2, generator.z_dim, generator=random)
    c = torch.eye(generator.c_dim)[:2] if generator.c_dim else None
    return generator(z, c, noise_mode="const")  # type: ignore[no-any-return]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_weights_give_the_same_picture(
    form: str, tmp_path: Path, generator: stylegan2.Generator, discriminator: Discriminator
) -> None:
    path = tmp_path / "a file of any name"
    path.write_bytes(FORMS[form](generator, discriminator))
    model = models.load(path)
    torch.testing.assert_close(picture(model.generator), picture(generator), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.generator.mapping.w_avg, generator.mapping.w_avg)
    assert model.discriminator is not None
    images = picture(generator)
    torch.testing.assert_close(model.discriminator(images), discriminator(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", ALONE)
def test_a_tuned_generator_opens_without_its_discriminator(
    form: str, tmp_path: Path, generator: stylegan2.Generator
) -> None:
    path = tmp_path / "model_ABCDE_face.pt"
    path.write_bytes(ALONE[form](generator))
    model = models.load(path)
    assert model.discriminator is None
    torch.testing.assert_close(picture(model.generator), picture(generator), rtol=1e-5, atol=1e-5)
    # Weights alone do not tell the mean of w; it is measured then.
    exact = form != "rosinality-weights"
    expected = generator.mapping.w_avg if exact else w_statistics(generator, SAMPLES_AT_ONCE)[0]
    torch.testing.assert_close(model.generator.mapping.w_avg, expected)


KINDS: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "skip": (stylegan2.Generator, GENERATOR),
    "orig": (stylegan2.Generator, {**GENERATOR, "architecture": "orig"}),
    "resnet": (stylegan2.Generator, {**GENERATOR, "architecture": "resnet"}),
    "conditional": (stylegan2.Generator, {**GENERATOR, "c_dim": 3}),
    "rectangular": (stylegan2.Generator, {**GENERATOR, "base_size": [4, 2]}),
    "clamped": (stylegan2.Generator, {**GENERATOR, "conv_clamp": 0.5}),
    "long-filter": (stylegan2.Generator, {**GENERATOR, "resample_filter": [1, 5, 10, 10, 5, 1]}),
    "stylegan3-t": (stylegan3.Generator, STYLEGAN3),
    "stylegan3-r": (stylegan3.Generator, {**STYLEGAN3, "conv_kernel": 1, "use_radial_filters": True}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_generator_goes_through_both_pickle_and_our_own_form(kind: str, tmp_path: Path) -> None:
    network_class, arguments = KINDS[kind]
    torch.manual_seed(5)
    generator = randomised(network_class(**arguments))
    description = formats.persistent(generator)
    # As NVIDIA's programs write it; what shapes tell is not read from there.
    description.description["state"]["_init_kwargs"] = formats.EasyDict(arguments)
    path = tmp_path / "other.pkl"
    path.write_bytes(formats.pickled({"G_ema": description}))
    model = models.load(path)
    assert type(model.generator) is network_class
    expected = picture(generator)
    torch.testing.assert_close(picture(model.generator), expected, rtol=1e-5, atol=1e-5)
    found = models.find(path)
    assert (found.resolution, found.labels) == (16, arguments["c_dim"])

    ours = tmp_path / "ours.safetensors"
    storage.write(ours, model, "Random.", arguments, None, torch.float32)
    torch.testing.assert_close(picture(models.load(ours).generator), expected, rtol=1e-5, atol=1e-5)


def test_a_discriminator_of_other_pictures_is_left_out(
    tmp_path: Path, generator: stylegan2.Generator
) -> None:
    other = randomised(Discriminator(**{**DISCRIMINATOR, "img_resolution": 32}))
    path = tmp_path / "x.pkl"
    path.write_bytes(formats.pickled(formats.nvidia(generator, other)))
    assert models.load(path).discriminator is None


def test_half_precision_is_read(tmp_path: Path, generator: stylegan2.Generator) -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        weights = {name: value.to(dtype) for name, value in generator.state_dict().items()}
        path = tmp_path / "weights.pt"
        path.write_bytes(formats.torch_file({"G_ema": weights}))
        model = models.load(path)
        for name, value in model.generator.state_dict().items():
            assert torch.equal(value, weights[name].float()), name


def test_what_a_file_is_can_be_told_without_torch() -> None:
    code = (
        "import sys; from backend import models; "
        f"info = models.find({str(DATA / 'stylegan2-ada-cond.pkl')!r}); "
        "print(info.resolution, info.labels, info.description); "
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "32 3 StyleGAN2, NVIDIA pickle."


def test_a_model_of_ours_without_family_is_a_stylegan2(
    tmp_path: Path, generator: stylegan2.Generator
) -> None:
    mean, covariance = w_statistics(generator, 500)
    path = tmp_path / "x.safetensors"
    model = Model("x", "noise", "MIT", generator, None, mean, covariance)
    storage.write(path, model, "Random.", GENERATOR, None, torch.float32)
    assert type(models.load(path).generator) is stylegan2.Generator
    assert DISCRIMINATOR["img_resolution"] == models.load(path).resolution
