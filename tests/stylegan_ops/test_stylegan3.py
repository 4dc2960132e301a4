"""StyleGAN3: recorded numbers, the published layers, where features lie, gradients, clear errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegan_ops.lowpass import design_lowpass, kaiser_beta
from stylegan_ops.stylegan3 import Generator, layer_bands

DATA = Path(__file__).parent.parent / "data"
TOLERANCE = 1e-4

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "t": {},
    "r": {"conv_kernel": 1, "use_radial_filters": True},
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def assert_close(actual: Tensor, expected: np.ndarray) -> None:
    torch.testing.assert_close(actual, torch.from_numpy(expected), rtol=TOLERANCE, atol=TOLERANCE)


@pytest.fixture(params=CONFIGURATIONS)
def recorded(request: pytest.FixtureRequest) -> tuple[Generator, np.lib.npyio.NpzFile]:
    golden = np.load(DATA / f"stylegan3-{request.param}.npz")
    generator = Generator(32, 0, 32, 64, channel_base=1024, channel_max=32, **CONFIGURATIONS[request.param])
    prefix = "state/"
    state = {
        k.removeprefix(prefix): torch.from_numpy(golden[k]) for k in golden.files if k.startswith(prefix)
    }
    own = generator.state_dict()
    for name in state:  # before they are overwritten
        if name.endswith("filter"):
            torch.testing.assert_close(own[name], state[name], msg=name, rtol=0, atol=1e-7)
    generator.load_state_dict(state, strict=True)  # strict: the parameter names are part of the contract
    return generator.eval().requires_grad_(False), golden


def test_pictures_are_the_recorded_ones(recorded: tuple[Generator, np.lib.npyio.NpzFile]) -> None:
    generator, golden = recorded
    ws = generator.mapping(torch.from_numpy(golden["z"]))
    assert_close(ws, golden["w"])
    for fused in (False, True):
        assert_close(generator.synthesis(ws, fused_modconv=fused), golden["image"])
    generator.synthesis.input.transform.copy_(torch.from_numpy(golden["transform"]))
    assert_close(generator.synthesis(ws), golden["image_transformed"])


def test_features_are_the_recorded_ones(recorded: tuple[Generator, np.lib.npyio.NpzFile]) -> None:
    generator, golden = recorded
    synthesis = generator.synthesis
    ws = torch.from_numpy(golden["w"])[:1]
    names = [name.removeprefix("feature/") for name in golden.files if name.startswith("feature/")]
    assert len(names) == 3
    for name in names:
        assert_close(synthesis.layer_features(ws, name), golden[f"feature/{name}"])
    # The last layer at each sampling rate is the block's, here recorded for two of the three.
    for resolution, last in ((16, "L3_36_32"), (32, "L7_52_32")):
        middle = golden[f"feature/{last}"][:, :, 10:-10, 10:-10]
        assert_close(synthesis.features(ws, resolution), middle)
        image, features = synthesis.image_and_features(ws, resolution)
        assert_close(features, middle)
        assert_close(image, golden["image"][:1])


def names(img_resolution: int, channel_base: int, channel_max: int) -> list[str]:
    bands = layer_bands(
        img_resolution,
        img_channels=3,
        channel_base=channel_base,
        channel_max=channel_max,
        num_layers=14,
        num_critical=2,
        first_cutoff=2,
        first_stopband=2**2.1,
        last_stopband_rel=2**0.3,
        margin_size=10,
    )
    return [f"L{i}_{band.size}_{band.channels}" for i, band in enumerate(bands)]


def test_layers_of_the_published_models() -> None:
    """As the published stylegan3-t-ffhq-1024x1024 and stylegan3-r-ffhqu-256x256 list them."""
    assert names(1024, 32768, 512) == [
        "L0_36_512",
        "L1_36_512",
        "L2_52_512",
        "L3_52_512",
        "L4_84_512",
        "L5_148_512",
        "L6_148_512",
        "L7_276_323",
        "L8_276_203",
        "L9_532_128",
        "L10_1044_81",
        "L11_1044_51",
        "L12_1044_32",
        "L13_1024_32",
        "L14_1024_3",
    ]
    assert names(256, 32768, 1024) == [
        "L0_36_1024",
        "L1_36_1024",
        "L2_36_1024",
        "L3_52_1024",
        "L4_52_1024",
        "L5_84_1024",
        "L6_84_1024",
        "L7_148_724",
        "L8_148_512",
        "L9_148_362",
        "L10_276_256",
        "L11_276_181",
        "L12_276_128",
        "L13_256_128",
        "L14_256_3",
    ]


def test_lowpass_filters_pass_and_stop() -> None:
    """A constant stays; beyond the transition band less than the window's promise of 30 dB is left."""
    f = design_lowpass(24, cutoff=8, width=10, sampling_rate=64)
    assert f is not None
    torch.testing.assert_close(f.sum(), torch.tensor(1.0))
    position = (torch.arange(24) - 11.5) / 64
    gain = [float((f * torch.cos(2 * np.pi * k * position)).sum()) for k in (0, 8, 13, 20, 30)]
    assert gain[1] == pytest.approx(0.5, abs=0.02)
    assert max(abs(g) for g in gain[2:]) < 10 ** (-30 / 20)
    assert design_lowpass(1, 8, 10, 64) is None
    # A radial filter of odd length has a tap at the centre, where the ideal response is a limit.
    disc = design_lowpass(13, cutoff=8, width=10, sampling_rate=64, radial=True)
    assert disc is not None
    assert disc[6, 6] == disc.max()
    torch.testing.assert_close(disc, disc.rot90())
    assert kaiser_beta(2, 0.01) == 0
    assert kaiser_beta(64, 0.5) == pytest.approx(0.1102 * (2.285 * 63 * np.pi * 0.5 + 7.95 - 8.7))


def point_symmetric(configuration: str) -> Generator:
    """Random weights whose kernels look the same turned by half a turn, so that the network moves nothing."""
    generator = Generator(
        16, 0, 16, 64, channel_base=512, channel_max=12, **CONFIGURATIONS[configuration]
    ).requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if parameter.ndim == 4:
            parameter.copy_((parameter + parameter.flip([2, 3])) / 2**0.5)
        elif name.endswith("bias") and "affine" not in name:
            parameter.normal_(std=0.3)
    return generator.eval()


def drawn(generator: Generator, ws: Tensor, transform: list[list[float]]) -> list[Tensor]:
    """Features of all blocks, and the picture, under a transform of the input."""
    generator.synthesis.input.transform.copy_(torch.tensor(transform))
    return [generator.synthesis.features(ws, r) for r in (16, 32, 64)] + [generator.synthesis(ws)]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_half_a_turn_maps_every_feature_map_onto_itself(configuration: str) -> None:
    """So the picture's centre lies exactly in the middle of each."""
    generator = point_symmetric(configuration)
    ws = generator.mapping(torch.randn(1, 16))
    upright = drawn(generator, ws, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    turned = drawn(generator, ws, [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    for before, after in zip(upright, turned):
        assert (before.flip([2, 3]) - after).abs().max() < 1e-4 * before.std()
        assert (before - after).abs().max() > 0.1 * before.std()


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_shift_moves_features_and_picture_alike(configuration: str) -> None:
    """By an eighth of the width to the left and a sixteenth down: whole samples in every map."""
    generator = point_symmetric(configuration)
    ws = generator.mapping(torch.randn(1, 16))
    still = drawn(generator, ws, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    moved = drawn(generator, ws, [[1.0, 0.0, 1 / 8], [0.0, 1.0, -1 / 16], [0.0, 0.0, 1.0]])
    for before, after in zip(still, moved):
        size = before.shape[-1]
        x, y, edge = size // 8, -size // 16, size // 4
        expected = before[:, :, edge + y : size - edge + y, edge + x : size - edge + x]
        # The border of the margin is felt inside a little (padding), in T more than in R.
        assert (after[:, :, edge:-edge, edge:-edge] - expected).abs().max() < 0.01 * expected.std()


@pytest.mark.parametrize(("resolution", "cell"), [(16, (4, 9)), (32, (11, 19)), (64, (40, 20))])
def test_a_changed_feature_changes_the_picture_at_its_place(resolution: int, cell: tuple[int, int]) -> None:
    """In R, whose kernels of one tap spread a change evenly."""
    synthesis = (generator := point_symmetric("r")).synthesis
    ws = generator.mapping(torch.randn(1, 16))

    def picture(change: float) -> Tensor:
        x: Tensor | None = None
        img: Tensor | None = None
        for block, own in synthesis.blocks(ws):
            x = block.features(x, own)
            if block.resolution == resolution:
                margin = (x.shape[-1] - resolution) // 2
                x[:, :, margin + cell[0], margin + cell[1]] += change * x.std()
            img = block.to_image(x, img, own)
        assert img is not None
        return img

    energy = (picture(0.02) - picture(0)).square().sum(dim=1)[0]
    at = torch.arange(64) + 0.5
    cell_size = 64 / resolution
    for axis, index in ((1, cell[0]), (0, cell[1])):
        centre = float((energy.sum(dim=axis) * at).sum() / energy.sum())
        assert centre == pytest.approx((index + 0.5) * cell_size, abs=0.1 * cell_size)


def small(**kwargs: Any) -> Generator:
    return Generator(
        8,
        kwargs.pop("c_dim", 0),
        8,
        32,
        **{
            "channel_base": 64,
            "channel_max": 4,
            "num_layers": 6,
            "margin_size": 4,
            "filter_size": 4,
            **kwargs,
        },
    ).eval()


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_gradient(configuration: str) -> None:
    generator = small(**CONFIGURATIONS[configuration]).double().requires_grad_(False)
    torch.nn.init.normal_(generator.synthesis.input.affine.weight)  # else the first entry does nothing
    ws = torch.randn(1, generator.num_ws, 8, dtype=torch.float64, requires_grad=True)
    for resolution in generator.synthesis.block_resolutions:
        assert torch.autograd.gradcheck(
            lambda ws, resolution=resolution: generator.synthesis.features(ws, resolution), ws, fast_mode=True
        )
    assert torch.autograd.gradcheck(generator.synthesis, ws, fast_mode=True)


def test_gradient_of_w_is_the_same_from_features_and_from_the_whole_network() -> None:
    generator = small().requires_grad_(False)
    torch.nn.init.normal_(generator.synthesis.input.affine.weight)
    ws = torch.randn(1, generator.num_ws, 8, requires_grad=True)
    below = generator.synthesis.block(16).num_conv
    (early,) = torch.autograd.grad(generator.synthesis.features(ws, 16).square().sum(), ws)
    (whole,) = torch.autograd.grad(generator.synthesis.image_and_features(ws, 16)[1].square().sum(), ws)
    torch.testing.assert_close(early, whole)
    assert early[:, :below].abs().amax(dim=2).min() > 0
    assert early[:, below:].abs().max() == 0


def test_features_compute_nothing_above_their_block() -> None:
    generator = small()
    synthesis = generator.synthesis
    ran: list[str] = []
    for name in synthesis.layer_names:
        getattr(synthesis, name).register_forward_hook(lambda *_, name=name: ran.append(name))
    ws = generator.mapping(torch.randn(1, 8))
    synthesis.features(ws, 16)
    lowest = [name for name in synthesis.layer_names if synthesis.resolution_of(f"{name}.weight") == 16]
    assert ran == lowest
    ran.clear()
    synthesis.layer_features(ws, synthesis.layer_names[0])
    assert ran == synthesis.layer_names[:1]


def test_every_parameter_belongs_to_a_block() -> None:
    generator = small()
    synthesis = generator.synthesis
    found = {synthesis.resolution_of(name) for name, _ in synthesis.named_parameters()}
    assert found == set(synthesis.block_resolutions) == {16, 32}
    assert synthesis.resolution_of("input.weight") == 16
    assert sum(synthesis.block(r).num_conv + synthesis.block(r).num_torgb for r in found) == generator.num_ws


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    generator = small()
    ws = generator.mapping(torch.randn(3, 8))
    torch.testing.assert_close(generator.synthesis(ws)[1:2], generator.synthesis(ws[1:2]))


def test_labels_change_the_picture() -> None:
    generator = small(c_dim=3)
    z = torch.randn(1, 8)
    first, second = (generator(z, torch.eye(3)[i : i + 1]) for i in range(2))
    assert (first - second).abs().max() > 1e-3
    with pytest.raises(ValueError, match=r"c must be \[N, 3\]"):
        generator(z)


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda g: g.synthesis.features(torch.zeros(1, 8, 8), 64), "no block of resolution 64"),
        (lambda g: g.synthesis.layer_features(torch.zeros(1, 8, 8), "L9"), "no layer L9; there are L0_24_4"),
        (lambda g: g.synthesis(torch.zeros(1, 4, 8)), r"ws must be \[N, 8, 8\]"),
        (lambda g: Generator(8, 0, 8, 48), "power of two of at least 16"),
    ],
)
def test_errors_say_what_is_wrong(act: Callable[[Generator], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        act(small())
