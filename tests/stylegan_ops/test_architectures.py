"""StyleGAN2 in the architectures, shapes and conditions that no golden number was recorded for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegan_ops.discriminator import Discriminator
from stylegan_ops.stylegan2 import Generator

HUMAN = {"base_size": [4, 2]}  # of StyleGAN-Human: twice as tall as wide


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def generator(**kwargs: Any) -> Generator:
    network = Generator(8, kwargs.pop("c_dim", 0), 8, 32, channel_base=128, channel_max=8, **kwargs)
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(0.3)
        elif name.endswith("bias") and "affine" not in name:
            parameter.data.normal_()
    return network.eval().requires_grad_(False)


def discriminator(**kwargs: Any) -> Discriminator:
    network = Discriminator(kwargs.pop("c_dim", 0), 32, channel_base=128, channel_max=8, **kwargs)
    return network.eval().requires_grad_(False)


def only_in(few: torch.nn.Module, many: torch.nn.Module, part: str) -> list[str]:
    """Names that only ``many`` has, all of ``part``; ``many`` gets the weights of ``few``, and zeros there."""
    state = few.state_dict()
    extra = [name for name in many.state_dict() if name not in state]
    assert extra
    assert all(part in name for name in extra)
    for name in extra:
        value = many.state_dict()[name]
        state[name] = value if name.endswith("resample_filter") else torch.zeros_like(value)
    many.load_state_dict(state, strict=True)
    return extra


def test_orig_is_skip_whose_lower_pictures_are_empty() -> None:
    orig, skip = generator(architecture="orig"), generator(architecture="skip")
    extra = only_in(orig, skip, "torgb")
    assert {name.split(".")[1] for name in extra} == {"b4", "b8", "b16"}
    ws = orig.mapping(torch.randn(2, 8))
    pictures = [network.synthesis(ws, noise_mode="const") for network in (orig, skip)]
    torch.testing.assert_close(*pictures)
    assert orig.num_ws == skip.num_ws == 8


def test_orig_discriminator_is_skip_that_sees_the_picture_once() -> None:
    orig, skip = discriminator(architecture="orig"), discriminator(architecture="skip")
    extra = only_in(orig, skip, "fromrgb")
    assert {name.split(".")[0] for name in extra} == {"b16", "b8", "b4"}
    pictures = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(orig(pictures), skip(pictures))


def test_resnet_is_orig_beside_a_shortcut() -> None:
    """With empty shortcuts each block is scaled by √½ and its last layer's clamp with it."""
    resnet, orig = generator(architecture="resnet"), generator(architecture="orig")
    only_in(orig, resnet, "skip")
    ws = orig.mapping(torch.randn(1, 8))
    x = torch.randn(1, 8, 8, 8)
    narrow = [network.synthesis.b16.features(x, ws[:, 3:6], noise_mode="const") for network in (resnet, orig)]
    torch.testing.assert_close(narrow[0], narrow[1] * 0.5**0.5)


def test_sizes_of_a_tall_model() -> None:
    """StyleGAN-Human's constant is 4×2, and noise and pictures are half as wide as they are tall."""
    tall = generator(**HUMAN)
    assert tall.img_shape == tall.synthesis.img_shape == (32, 16)
    assert tall.img_resolution == 32
    shapes = {name: tuple(value.shape) for name, value in tall.synthesis.state_dict().items()}
    assert shapes["b4.const"] == (8, 4, 2)
    assert shapes["b32.conv1.noise_const"] == (32, 16)
    ws = tall.mapping(torch.randn(2, 8))
    for mode in ("const", "random", "none"):
        assert tall.synthesis(ws, noise_mode=mode).shape == (2, 3, 32, 16)
    assert tall.synthesis.features(ws, 16).shape == (2, 8, 16, 8)
    critic = discriminator(**HUMAN)
    assert critic.b4.fc.weight.shape[1] == 8 * 4 * 2
    assert critic(tall.synthesis(ws)).shape == (2, 1)
    assert [tuple(m.shape[2:]) for m in critic.features(tall.synthesis(ws))] == [(16, 8), (8, 4), (4, 2)]


def test_the_middle_does_not_see_how_wide_the_picture_is() -> None:
    """Same weights, a constant of equal columns, no noise: far from the edges every width draws the same."""
    narrow, wide = (generator(base_size=[4, width], use_noise=False) for width in (16, 32))
    state = narrow.state_dict()
    column = torch.randn(8, 4, 1)
    narrow.load_state_dict({**state, "synthesis.b4.const": column.expand(-1, -1, 16)})
    wide.load_state_dict({**state, "synthesis.b4.const": column.expand(-1, -1, 32)})
    ws = narrow.mapping(torch.randn(1, 8))
    few, many = (network.synthesis.image_and_features(ws, 16) for network in (narrow, wide))
    for a, b in zip(few, many):
        middle, further = a.shape[3] // 2, b.shape[3] // 2
        torch.testing.assert_close(a[..., middle - 2 : middle + 2], b[..., further - 2 : further + 2])
        assert a.std(dim=2).mean() > 0.1 * a.std()  # the rows differ


@pytest.mark.parametrize("architecture", ["orig", "skip", "resnet"])
def test_labels_reach_every_network(architecture: Any) -> None:
    network = generator(architecture=architecture, c_dim=3)
    z, labels = torch.randn(1, 8), torch.eye(3)
    pictures = [network(z, labels[i : i + 1], noise_mode="const") for i in range(3)]
    assert (pictures[0] - pictures[1]).abs().max() > 1e-3
    critic = discriminator(architecture=architecture, c_dim=3)
    logits = [critic(pictures[0], labels[i : i + 1]) for i in range(3)]
    assert logits[0].shape == (1, 1)
    assert len({round(float(logit), 6) for logit in logits}) == 3


def test_conditional_logits_are_a_product_with_the_mapped_label() -> None:
    """The projection of Miyato and Koyama 2018, scaled by the root of its length."""
    critic = discriminator(c_dim=3, cmap_dim=6)
    pictures, label = torch.randn(1, 3, 32, 32), torch.eye(3)[:1]
    outputs: list[Tensor] = []
    critic.b4.out.register_forward_hook(lambda _, __, output: outputs.append(output))
    logits = critic(pictures, label)
    assert outputs[0].shape == (1, 6)
    torch.testing.assert_close(
        logits, (outputs[0] * critic.mapping(None, label)).sum(1, keepdim=True) / 6**0.5
    )


def test_float64_networks_stay_so() -> None:
    network = generator().double()
    ws = network.mapping(torch.randn(1, 8, dtype=torch.float64))
    assert network.synthesis(ws).dtype == torch.float64
    assert torch.autograd.gradcheck(
        lambda ws: network.synthesis.features(ws, 8), ws.requires_grad_(True), fast_mode=True
    )


def test_every_parameter_belongs_to_a_block() -> None:
    synthesis = generator(architecture="resnet").synthesis
    for name, parameter in synthesis.named_parameters():
        block = synthesis.block(synthesis.resolution_of(name))
        assert any(parameter is own for own in block.parameters())


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda: generator(base_size=[4]), r"base_size must be \[height, width\]"),
        (lambda: generator(base_size=[4, 0]), "each at least 1"),
        (lambda: discriminator()(torch.zeros(1, 3, 32, 16)), r"pictures must be \[N, 3, 32, 32\]"),
        (lambda: discriminator(c_dim=2)(torch.zeros(1, 3, 32, 32)), r"c must be \[N, 2\]"),
        (lambda: Discriminator(0, 24), "power of two of at least 8"),
    ],
)
def test_errors_say_what_is_wrong(act: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        act()


def test_networks_are_laid_out_without_pytorchs_compiler() -> None:
    """Models are built on the meta device before their weights come; its compiler takes seconds to import."""
    code = """
import sys, torch
from stylegan_ops import discriminator, stylegan2, stylegan3
with torch.device("meta"):
    networks = stylegan2.Generator(8, 3, 8, 32), stylegan3.Generator(8, 3, 8, 32), discriminator.Discriminator(3, 32)
assert all(tensor.is_meta for network in networks for tensor in network.state_dict().values())
assert "torch._inductor" not in sys.modules
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
