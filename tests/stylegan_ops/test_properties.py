"""What golden numbers cannot show: gradients, stopping early, noise modes, clear errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from stylegan_ops.bias_act import ACTIVATIONS, bias_act
from stylegan_ops.conv2d_resample import conv2d_resample
from stylegan_ops.discriminator import Discriminator, minibatch_std
from stylegan_ops.filtered_lrelu import filtered_lrelu
from stylegan_ops.modulated_conv2d import modulated_conv2d
from stylegan_ops.stylegan2 import Generator
from stylegan_ops.upfirdn2d import setup_filter, upfirdn2d


def random(*shape: int) -> Tensor:
    """Float64 input that gradients can be checked at."""
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def generator() -> Generator:
    network = Generator(8, 0, 16, 16, channel_base=128, channel_max=8, mapping_kwargs={"num_layers": 2})
    for block in (network.synthesis.b8, network.synthesis.b16):
        block.conv0.noise_strength.data.fill_(0.3)
    return network.eval()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_bias_act_gradient(act: str) -> None:
    assert torch.autograd.gradcheck(
        lambda x, b: bias_act(x, b, act=act, clamp=1.5), (random(2, 3, 4), random(3))
    )


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (2, 3)])
@pytest.mark.parametrize("taps", [4, 12])
def test_upfirdn2d_gradient(up: int, down: int, taps: int) -> None:
    f = setup_filter(list(range(1, taps + 1))).double()
    assert torch.autograd.gradcheck(
        lambda x: upfirdn2d(x, f, up=up, down=down, padding=[6, 5, 7, 4]), (random(1, 2, 5, 4),)
    )


@pytest.mark.parametrize("up", [2, 4, [3, 1], [1, 2]])
@pytest.mark.parametrize("padding", [[0, 0, 0, 0], [13, 3, 2, 20], [-2, 9, 11, -3]])
@pytest.mark.parametrize("flip", [False, True])
def test_a_separable_filter_equals_its_product(up: int | list[int], padding: list[int], flip: bool) -> None:
    taps = torch.randn(9, dtype=torch.float64)
    x = random(1, 2, 12, 11)
    one, two = (
        upfirdn2d(x, f, up=up, padding=padding, flip_filter=flip, gain=3)
        for f in (taps, torch.outer(taps, taps))
    )
    torch.testing.assert_close(one, two)
    torch.testing.assert_close(
        torch.autograd.grad(one.square().sum(), x), torch.autograd.grad(two.square().sum(), x)
    )


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("taps", [[1, 3, 4, 2], [1, 2, 5, 8, 13, 12, 7, 6, 5, 4, 1, -1]])
def test_filtered_lrelu_gradient(up: int, down: int, taps: list[int]) -> None:
    f = setup_filter(taps).double()

    def operation(x: Tensor, b: Tensor) -> Tensor:
        return filtered_lrelu(x, f, f, b, up=up, down=down, padding=[11, 12, 10, 13], clamp=1.5)

    inputs = random(1, 2, 5, 4), random(2)
    assert torch.autograd.gradcheck(operation, inputs)
    assert torch.autograd.gradgradcheck(operation, inputs, fast_mode=True)


@pytest.mark.parametrize(
    ("up", "down", "kernel"), [(1, 1, 3), (2, 1, 3), (1, 2, 3), (2, 1, 1), (1, 2, 1), (2, 2, 3)]
)
def test_conv2d_resample_is_its_definition(up: int, down: int, kernel: int) -> None:
    """The shortcuts equal upsample → convolve → downsample spelled out, values and gradients."""
    f = setup_filter([1, 3, 3, 1]).double()
    x, w = random(2, 3, 8, 6), random(4, 3, kernel, kernel)
    pad = kernel // 2
    fast = conv2d_resample(x, w, f, up=up, down=down, padding=pad, flip_weight=False)
    upsampling = [pad + (4 + up - 1) // 2, pad + (4 - up) // 2] * 2 if up > 1 else [pad] * 4
    if down > 1:
        upsampling = [
            a + b for a, b in zip(upsampling, [(4 - down + 1) // 2, (4 - down) // 2] * 2, strict=True)
        ]
    slow = upfirdn2d(x, f if up > 1 else None, up=up, padding=upsampling, gain=up**2)
    slow = torch.nn.functional.conv2d(slow, w.flip([2, 3]))
    if down > 1:
        slow = upfirdn2d(slow, f, down=down)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(
        torch.autograd.grad(fast.square().sum(), (x, w)), torch.autograd.grad(slow.square().sum(), (x, w))
    )


@pytest.mark.parametrize("up", [1, 2])
@pytest.mark.parametrize("demodulate", [True, False])
def test_fused_and_unfused_agree(up: int, demodulate: bool) -> None:
    f = setup_filter([1, 3, 3, 1]).double()
    x, w, s, noise = random(2, 3, 5, 5), random(4, 3, 3, 3), random(2, 3), random(1, 1, 5 * up, 5 * up)

    def convolve(fused: bool) -> Callable[..., Tensor]:
        return lambda x, w, s, noise: modulated_conv2d(
            x,
            w,
            s,
            noise=noise,
            up=up,
            padding=1,
            resample_filter=f,
            demodulate=demodulate,
            flip_weight=up == 1,
            fused_modconv=fused,
        )

    torch.testing.assert_close(convolve(False)(x, w, s, noise), convolve(True)(x, w, s, noise))
    for fused in (False, True):
        assert torch.autograd.gradcheck(convolve(fused), (x, w, s, noise), fast_mode=True)


def test_gradient_of_w_is_the_same_from_features_and_from_the_whole_network(generator: Generator) -> None:
    """Stopping at a block must not change what a drag differentiates."""
    generator.requires_grad_(False)
    w = generator.mapping(torch.randn(1, 8)).detach().requires_grad_(True)
    (early,) = torch.autograd.grad(generator.synthesis.features(w, 8).square().sum(), w)
    (whole,) = torch.autograd.grad(generator.synthesis.image_and_features(w, 8)[1].square().sum(), w)
    torch.testing.assert_close(early, whole)
    assert early[:, :3].abs().min() > 0  # b4.conv1, b8.conv0, b8.conv1
    assert early[:, 3:].abs().max() == 0  # nothing above the block takes part


def test_features_compute_nothing_above_their_block(generator: Generator) -> None:
    ran: list[str] = []
    for name, module in generator.synthesis.named_modules():
        if name:
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    generator.synthesis.features(generator.mapping(torch.randn(1, 8)), 8)
    assert "b8.conv1" in ran
    assert not [name for name in ran if name.startswith("b16") or "torgb" in name]


def test_noise_modes(generator: Generator) -> None:
    ws = generator.mapping(torch.randn(1, 8))
    const = generator.synthesis(ws, noise_mode="const")
    assert torch.equal(const, generator.synthesis(ws, noise_mode="const"))
    first, second = (generator.synthesis(ws, noise_mode="random") for _ in range(2))
    assert not torch.equal(first, second)
    assert not torch.allclose(const, generator.synthesis(ws, noise_mode="none"))


def test_mean_of_w_follows_in_training(generator: Generator) -> None:
    z = torch.randn(64, 8)
    generator.mapping.w_avg.zero_()
    expected = 0.002 * generator.mapping(z)[:, 0].mean(dim=0)
    generator.mapping(z, update_emas=True)
    torch.testing.assert_close(generator.mapping.w_avg, expected)


def test_truncation_leaves_entries_above_the_cutoff(generator: Generator) -> None:
    z = torch.randn(2, 8)
    full, cut = generator.mapping(z), generator.mapping(z, truncation_psi=0.0, truncation_cutoff=2)
    assert torch.equal(cut[:, 2:], full[:, 2:])
    torch.testing.assert_close(cut[:, :2], generator.mapping.w_avg.expand(2, 2, -1))


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda g: g.synthesis.features(torch.zeros(1, 5, 16), 32), "no block of resolution 32"),
        (lambda g: g.synthesis(torch.zeros(1, 4, 16)), r"ws must be \[N, 6, 16\]"),
        (lambda g: g.mapping(torch.zeros(1, 9)), r"z must be \[N, 8\]"),
        (lambda g: Generator(8, 0, 16, 20), "power of two"),
        (lambda g: upfirdn2d(torch.zeros(1, 1, 2, 2), None, up=0), "at least 1"),
        (lambda g: upfirdn2d(torch.zeros(1, 1, 2, 2), torch.ones(9), up=2), "longer than the 4 padded"),
    ],
)
def test_errors_say_what_is_wrong(
    generator: Generator, act: Callable[[Generator], object], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        act(generator)


def test_discriminator_features_and_groups() -> None:
    network = Discriminator(0, 32, channel_base=256, channel_max=16)
    maps = network.features(torch.randn(2, 3, 32, 32))
    assert [tuple(m.shape[1:]) for m in maps] == [(16, 16, 16), (16, 8, 8), (16, 4, 4)]
    x = torch.randn(4, 3, 2, 2)
    deviation = minibatch_std(x, group_size=2)[:, 3]
    # Pictures 0 and 2 form one group, 1 and 3 the other.
    assert torch.equal(deviation[0], deviation[2])
    expected = ((x[0] - x[2]).square() / 4 + 1e-8).sqrt().mean()
    torch.testing.assert_close(deviation[0, 0, 0], expected)
