"""Operations and networks against numbers recorded from the reference implementations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegan_ops.bias_act import bias_act
from stylegan_ops.conv2d_resample import conv2d_resample
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.filtered_lrelu import filtered_lrelu
from stylegan_ops.stylegan2 import Generator
from stylegan_ops.upfirdn2d import upfirdn2d

DATA = Path(__file__).parent.parent / "data"
TOLERANCE = 1e-4

OPS = np.load(DATA / "ops.npz")
CASES = json.loads(str(OPS["cases"]))

# What the recorded networks were built with.
GENERATORS = {
    "stylegan2-ada": {
        "z_dim": 32,
        "c_dim": 0,
        "w_dim": 32,
        "img_resolution": 64,
        "channel_base": 1024,
        "channel_max": 32,
        "mapping_kwargs": {"num_layers": 2},
    },
    "stylegan2-ada-cond": {
        "z_dim": 16,
        "c_dim": 3,
        "w_dim": 24,
        "img_resolution": 32,
        "channel_base": 512,
        "channel_max": 16,
        "architecture": "resnet",
        "mapping_kwargs": {"num_layers": 3},
        "conv_clamp": 256,
    },
}
DISCRIMINATORS = {
    "discriminator-ada": {"c_dim": 0, "img_resolution": 64, "channel_base": 512, "channel_max": 32},
    "discriminator-ada-cond": {
        "c_dim": 3,
        "img_resolution": 32,
        "channel_base": 512,
        "channel_max": 32,
        "architecture": "skip",
    },
}


def tensor(value: np.ndarray) -> Tensor:
    return torch.from_numpy(value)


def assert_close(actual: Tensor, expected: np.ndarray) -> None:
    torch.testing.assert_close(actual, tensor(expected), rtol=TOLERANCE, atol=TOLERANCE)


def load(network: torch.nn.Module, golden: np.lib.npyio.NpzFile) -> None:
    prefix = "state/"
    state = {k.removeprefix(prefix): tensor(golden[k]) for k in golden.files if k.startswith(prefix)}
    network.load_state_dict(state, strict=True)  # strict: the parameter names are part of the contract
    network.eval().requires_grad_(False)


@pytest.mark.parametrize("case", [c for c in CASES if c["op"] == "upfirdn2d"], ids=lambda c: str(c["i"]))
def test_upfirdn2d(case: dict) -> None:
    arguments = {k: case[k] for k in ("up", "down", "padding", "flip_filter", "gain")}
    out = upfirdn2d(tensor(OPS["x"]), tensor(OPS[f"filter/{case['filter']}"]), **arguments)
    assert_close(out, OPS[f"upfirdn2d/{case['i']}"])


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["op"] == "bias_act"], ids=lambda c: f"{c['act']}-{c['clamp']}"
)
def test_bias_act(case: dict) -> None:
    out = bias_act(
        tensor(OPS["x"]), tensor(OPS["b"]), act=case["act"], gain=case["gain"], clamp=case["clamp"]
    )
    assert_close(out, OPS[f"bias_act/{case['act']}" + ("/clamp" if case["clamp"] else "")])


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["op"] == "conv2d_resample"], ids=lambda c: str(c["i"])
)
def test_conv2d_resample(case: dict) -> None:
    arguments = {k: case[k] for k in ("up", "down", "padding", "flip_weight")}
    f = tensor(OPS[f"filter/{case['filter']}"])
    out = conv2d_resample(tensor(OPS["x"]), tensor(OPS["w"]), f, **arguments)
    assert_close(out, OPS[f"conv2d_resample/{case['i']}"])


@pytest.mark.parametrize("case", [c for c in CASES if c["op"] == "filtered_lrelu"], ids=lambda c: str(c["i"]))
def test_filtered_lrelu(case: dict) -> None:
    arguments = {k: case[k] for k in ("up", "down", "padding", "gain", "slope", "clamp")}
    fu, fd = (tensor(OPS[f"filter/{case[k]}"]) for k in ("fu", "fd"))
    out = filtered_lrelu(tensor(OPS["x"]), fu, fd, tensor(OPS["b"]), **arguments)
    assert_close(out, OPS[f"filtered_lrelu/{case['i']}"])


@pytest.fixture(params=GENERATORS)
def recorded(request: pytest.FixtureRequest) -> tuple[Generator, np.lib.npyio.NpzFile]:
    golden = np.load(DATA / f"{request.param}.npz")
    generator = Generator(**GENERATORS[request.param])
    load(generator, golden)
    return generator, golden


@pytest.mark.parametrize("fused", [False, True], ids=["unfused", "fused"])
def test_generator_image(recorded: tuple[Generator, np.lib.npyio.NpzFile], fused: bool) -> None:
    generator, golden = recorded
    ws = generator.mapping(tensor(golden["z"]), tensor(golden["c"]))
    assert_close(ws, golden["w"])
    for mode, key in (("const", "image"), ("none", "image_no_noise")):
        assert_close(generator.synthesis(ws, noise_mode=mode, fused_modconv=fused), golden[key])


def test_generator_features(recorded: tuple[Generator, np.lib.npyio.NpzFile]) -> None:
    generator, golden = recorded
    ws = tensor(golden["w"])
    for resolution in generator.synthesis.block_resolutions:
        assert_close(generator.synthesis.features(ws, resolution), golden[f"feature/b{resolution}"])
        image, features = generator.synthesis.image_and_features(ws, resolution)
        assert_close(features, golden[f"feature/b{resolution}"])
        assert_close(image, golden["image"])


def truncated(generator: Generator, golden: np.lib.npyio.NpzFile, psi: float, cutoff: int | None) -> Tensor:
    return generator.mapping(
        tensor(golden["z"]), tensor(golden["c"]), truncation_psi=psi, truncation_cutoff=cutoff
    )


def test_generator_truncation(recorded: tuple[Generator, np.lib.npyio.NpzFile]) -> None:
    generator, golden = recorded
    w, expected = golden["w"], golden["w_truncated"]
    changed = np.abs(w - expected).max(axis=(0, 2)) > 1e-6
    cutoff = int(changed.sum())  # the recording truncates the first entries of w+ only, or all
    assert changed[:cutoff].all()
    mean = generator.mapping.w_avg.numpy()
    psi = float(np.median((expected - mean)[:, 0] / (w - mean)[:, 0]))
    assert_close(truncated(generator, golden, psi, cutoff), expected)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminator(name: str) -> None:
    golden = np.load(DATA / f"{name}.npz")
    discriminator = Discriminator(**DISCRIMINATORS[name])
    load(discriminator, golden)
    assert_close(discriminator(tensor(golden["x"]), tensor(golden["c"])), golden["logits"])
