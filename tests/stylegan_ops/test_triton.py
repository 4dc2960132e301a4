"""The fused kernels against plain PyTorch and against recorded numbers; on a GPU, or in Triton's interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import stylegan_ops.triton as dispatch
from stylegan_ops.bias_act import ACTIVATIONS, plain_bias_act
from stylegan_ops.filtered_lrelu import plain_filtered_lrelu
from stylegan_ops.lowpass import design_lowpass
from stylegan_ops.stylegan3 import Generator
from stylegan_ops.upfirdn2d import plain_upfirdn2d, setup_filter

triton = pytest.importorskip("triton", reason="Triton is not installed; plain PyTorch is used without it")

from stylegan_ops.triton import bias_act as fused_bias_act  # noqa: E402
from stylegan_ops.triton import filtered_lrelu as fused_filtered_lrelu  # noqa: E402
from stylegan_ops.triton import upfirdn2d as fused_upfirdn2d  # noqa: E402

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
OPS = np.load(Path(__file__).parent.parent / "data" / "ops.npz")
CASES = json.loads(str(OPS["cases"]))
CONFIGURATIONS: list[dict[str, Any]] = [{}, {"conv_kernel": 1, "use_radial_filters": True}]  # T and R


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def recorded(key: str) -> Tensor:
    return torch.from_numpy(OPS[key]).to(DEVICE)


def random(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, device=DEVICE).to(dtype).requires_grad_(True)


def assert_same(
    fused: Callable[..., Tensor],
    plain: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    tolerance: float = 1e-5,
) -> None:
    """Values, and gradients by every input."""
    mine, theirs = fused(*inputs), plain(*inputs)
    assert mine.dtype == theirs.dtype
    scale = float(theirs.detach().abs().max())
    torch.testing.assert_close(mine, theirs, rtol=0, atol=tolerance * scale)
    dy = torch.randn_like(mine)
    for a, b in zip(torch.autograd.grad(mine, inputs, dy), torch.autograd.grad(theirs, inputs, dy)):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance * float(b.abs().max()))


@pytest.mark.parametrize("module", [fused_bias_act, fused_upfirdn2d, fused_filtered_lrelu])
def test_its_own_example_agrees(module: ModuleType) -> None:
    assert module.example_error(DEVICE) < 1e-5


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["op"] == "bias_act"], ids=lambda c: f"{c['act']}-{c['clamp']}"
)
def test_bias_act_as_recorded(case: dict[str, Any]) -> None:
    out = fused_bias_act.bias_act(
        recorded("x"), recorded("b"), act=case["act"], gain=case["gain"], clamp=case["clamp"]
    )
    expected = recorded(f"bias_act/{case['act']}" + ("/clamp" if case["clamp"] else ""))
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", [c for c in CASES if c["op"] == "upfirdn2d"], ids=lambda c: str(c["i"]))
def test_upfirdn2d_as_recorded(case: dict[str, Any]) -> None:
    arguments = {k: case[k] for k in ("up", "down", "padding", "flip_filter", "gain")}
    out = fused_upfirdn2d.upfirdn2d(recorded("x"), recorded(f"filter/{case['filter']}"), **arguments)
    torch.testing.assert_close(out, recorded(f"upfirdn2d/{case['i']}"), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", [c for c in CASES if c["op"] == "filtered_lrelu"], ids=lambda c: str(c["i"]))
def test_filtered_lrelu_as_recorded(case: dict[str, Any]) -> None:
    arguments = {k: case[k] for k in ("up", "down", "padding", "gain", "slope", "clamp")}
    fu, fd = (recorded(f"filter/{case[k]}") for k in ("fu", "fd"))
    out = fused_filtered_lrelu.filtered_lrelu(recorded("x"), fu, fd, recorded("b"), **arguments)
    torch.testing.assert_close(out, recorded(f"filtered_lrelu/{case['i']}"), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 5, 7)])
def test_bias_act(act: str, shape: tuple[int, ...]) -> None:
    def run(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda x, b: operation(x, b, act=act, alpha=0.3, gain=1.7, clamp=1.2)

    assert_same(run(fused_bias_act.bias_act), run(plain_bias_act), (random(*shape), random(3)))
    assert_same(
        lambda x: fused_bias_act.bias_act(x, act=act), lambda x: plain_bias_act(x, act=act), (random(*shape),)
    )


def test_bias_act_takes_what_does_not_lie_in_a_row() -> None:
    x, b = random(4, 5, 3), random(6)[::2]
    assert_same(
        lambda x, b: fused_bias_act.bias_act(x.permute(0, 2, 1), b, dim=-2),
        lambda x, b: plain_bias_act(x.permute(0, 2, 1), b, dim=1),
        (x, b),
    )


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), ([2, 3], [3, 1])])
@pytest.mark.parametrize("padding", [[5, 4, 6, 3], [-1, 12, 11, -2]])
@pytest.mark.parametrize("taps", [[1, 3, 2, 1], [[1, 2, 0], [3, 1, 1]], [1, 2, 3, 5, 4, 4, 3, 2, 1]])
@pytest.mark.parametrize("flip", [False, True])
def test_upfirdn2d(up: Any, down: Any, padding: list[int], taps: Any, flip: bool) -> None:
    f = setup_filter(taps).to(DEVICE)
    options = {"up": up, "down": down, "padding": padding, "flip_filter": flip, "gain": 1.5}
    assert_same(
        lambda x: fused_upfirdn2d.upfirdn2d(x, f, **options),
        lambda x: plain_upfirdn2d(x, f, **options),
        (random(1, 2, 6, 5),),
    )


def test_upfirdn2d_without_a_filter() -> None:
    assert_same(
        lambda x: fused_upfirdn2d.upfirdn2d(x, None, padding=[1, 2, -1, 0], down=2),
        lambda x: plain_upfirdn2d(x, None, padding=[1, 2, -1, 0], down=2),
        (random(2, 2, 6, 5),),
    )


# The filters of StyleGAN3: T and R, an upsampling by 2, by 4 and by none; and one of no symmetry at all.
LOW = design_lowpass(12, 4, 4, 32)
STEEP = design_lowpass(24, 4, 4, 64)
DISC = design_lowpass(12, 4, 4, 32, radial=True)
ODD = setup_filter([[1, 2, 0, -1], [3, 1, 1, 2], [0, 2, 1, 1]])


@pytest.mark.parametrize(
    ("fu", "fd", "up", "down"),
    [
        (LOW, LOW, 2, 2),
        (STEEP, LOW, 4, 2),
        (LOW, DISC, 2, 2),
        (ODD, ODD.t(), 3, 2),
        (None, LOW, 1, 2),
        (LOW, None, 2, 1),
    ],
    ids=["t", "t4", "r", "odd", "down", "up"],
)
@pytest.mark.parametrize("size", [(9, 8), (41, 33)], ids=["small", "tiles"])
def test_filtered_lrelu(
    fu: Tensor | None, fd: Tensor | None, up: int, down: int, size: tuple[int, int]
) -> None:
    fu, fd = (None if f is None else f.to(DEVICE) for f in (fu, fd))
    options = {"up": up, "down": down, "padding": [13, 10, 9, 14], "gain": 1.6, "slope": 0.3, "clamp": 1.1}
    assert_same(
        lambda x, b: fused_filtered_lrelu.filtered_lrelu(x, fu, fd, b, **options),
        lambda x, b: plain_filtered_lrelu(x, fu, fd, b, **options),
        (random(1, 2, *size), random(2)),
    )


@pytest.mark.parametrize("flip", [False, True])
def test_filtered_lrelu_crops_and_flips(flip: bool) -> None:
    f = setup_filter([1, 2, 4, 6, 7, 3]).to(DEVICE)
    options = {"up": 2, "down": 1, "padding": [-3, 4, 5, -6], "flip_filter": flip}
    assert_same(
        lambda x: fused_filtered_lrelu.filtered_lrelu(x, f, f, **options),
        lambda x: plain_filtered_lrelu(x, f, f, **options),
        (random(2, 1, 9, 8),),
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_floats(dtype: torch.dtype) -> None:
    tolerance = 0.005 if dtype == torch.float16 else 0.04
    f = LOW.to(DEVICE)
    x, b = random(1, 2, 9, 8, dtype=dtype), random(2, dtype=dtype)
    assert_same(fused_bias_act.bias_act, plain_bias_act, (x, b), tolerance)
    assert_same(
        lambda x: fused_upfirdn2d.upfirdn2d(x, f, up=2, padding=6),
        lambda x: plain_upfirdn2d(x, f, up=2, padding=6),
        (x,),
        tolerance,
    )
    mine = fused_filtered_lrelu.filtered_lrelu(x, f, f, b, up=2, down=2, padding=11)
    exact = plain_filtered_lrelu(x.float(), f, f, b.float(), up=2, down=2, padding=11)
    assert mine.dtype == dtype
    assert (mine.float() - exact).abs().max() < tolerance * exact.abs().max()


@pytest.mark.parametrize(
    "operation",
    [
        (
            lambda x, b: fused_bias_act.bias_act(x, b, act="swish"),
            lambda x, b: plain_bias_act(x, b, act="swish"),
        ),
        (
            lambda x, b: fused_upfirdn2d.upfirdn2d(x * b[0] ** 3, LOW.to(DEVICE), up=2, padding=4),
            lambda x, b: plain_upfirdn2d(x * b[0] ** 3, LOW.to(DEVICE), up=2, padding=4),
        ),
        (
            lambda x, b: fused_filtered_lrelu.filtered_lrelu(
                x * b[0] ** 3, LOW.to(DEVICE), LOW.to(DEVICE), b, up=2, down=2, padding=11
            ),
            lambda x, b: plain_filtered_lrelu(
                x * b[0] ** 3, LOW.to(DEVICE), LOW.to(DEVICE), b, up=2, down=2, padding=11
            ),
        ),
    ],
    ids=["bias_act", "upfirdn2d", "filtered_lrelu"],
)
def test_gradients_of_gradients(operation: tuple[Callable[..., Tensor], Callable[..., Tensor]]) -> None:
    """As R1 and path length regularisation take them."""
    inputs = random(1, 2, 5, 6), random(2)

    def penalty(of: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        y = of(*inputs)
        (dx,) = torch.autograd.grad(
            (y * torch.linspace(-1, 1, y.numel(), device=DEVICE).reshape(y.shape)).sum(),
            inputs[0],
            create_graph=True,
        )
        return torch.autograd.grad((dx * y.mean()).square().sum(), inputs)

    mine, theirs = (penalty(of) for of in operation)
    for a, b in zip(mine, theirs):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))


def test_a_changed_filter_is_taken_apart_again() -> None:
    """The factors of 2-D filters are kept with the filter."""
    f, x = torch.rand(4, 4, device=DEVICE), random(1, 1, 8, 8)
    for _ in range(2):
        assert_same(
            lambda x: fused_filtered_lrelu.filtered_lrelu(x, None, f),
            lambda x: plain_filtered_lrelu(x, None, f),
            (x,),
        )
        f.copy_(torch.rand(4, 4))


def test_too_long_filters_are_refused_as_plainly_as_without() -> None:
    x, f = random(1, 1, 3, 3), setup_filter(list(range(1, 13))).to(DEVICE)
    with pytest.raises(ValueError, match="longer than the 3 padded samples"):
        fused_upfirdn2d.upfirdn2d(x, f)
    with pytest.raises(ValueError, match="are longer than 6 samples"):
        fused_filtered_lrelu.filtered_lrelu(x, f, f, up=2)


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fused kernels for every tensor, whatever its device; the operations that asked."""
    asked: list[str] = []

    def fused(operation: str, x: Tensor, *constants: Tensor | None) -> ModuleType:
        asked.append(operation)
        return sys.modules[f"stylegan_ops.triton.{operation}"]

    for name in ("bias_act", "upfirdn2d", "filtered_lrelu"):
        monkeypatch.setattr(sys.modules[f"stylegan_ops.{name}"], "fused", fused)
    return asked


def small(**configuration: Any) -> Generator:
    generator = Generator(
        8, 0, 8, 32, channel_base=64, channel_max=3, num_layers=6, margin_size=4, **configuration
    )
    return generator.to(DEVICE).requires_grad_(False)


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=["t", "r"])
def test_a_network_draws_the_same_with_them(configuration: dict[str, Any], everywhere: list[str]) -> None:
    generator = small(**configuration)
    ws = generator.mapping(torch.randn(1, 8, device=DEVICE)).requires_grad_(True)

    def run() -> tuple[Tensor, Tensor]:
        image = generator.synthesis(ws)
        return image.detach(), torch.autograd.grad(image.square().sum(), ws)[0]

    with_kernels = run()
    assert set(everywhere) == {"bias_act", "filtered_lrelu"}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("bias_act", "upfirdn2d", "filtered_lrelu"):
            patch.setattr(sys.modules[f"stylegan_ops.{name}"], "fused", lambda *_: None)
        without = run()
    for a, b in zip(with_kernels, without):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5 * float(b.abs().max()))


def many_gradients(found: Tensor, by: Tensor) -> None:
    """All gradients of ``found`` at once are those of each entry alone."""
    rows = torch.eye(found.numel(), device=DEVICE).reshape(-1, *found.shape)
    (together,) = torch.autograd.grad(found, by, rows, retain_graph=True, is_grads_batched=True)
    for row, mine in zip(rows, together):
        (alone,) = torch.autograd.grad(found, by, row, retain_graph=True)
        torch.testing.assert_close(mine, alone, rtol=0, atol=1e-5 * float(alone.abs().max()))


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=["t", "r"])
def test_many_gradients_at_once(configuration: dict[str, Any], everywhere: list[str]) -> None:
    """As a Jacobian is taken: PyTorch hands the backward pass all of them in one tensor."""
    generator = small(**configuration)
    ws = generator.mapping(torch.randn(1, 8, device=DEVICE)).requires_grad_(True)
    found = generator.synthesis.features(ws, 32)[0, :, 5:7, 6]
    assert set(everywhere) == {"bias_act", "filtered_lrelu"}
    many_gradients(found, ws)


@pytest.mark.parametrize("taps", [[1, 3, 2, 1], list(range(1, 10))])
def test_many_gradients_of_upfirdn2d_at_once(taps: list[int]) -> None:
    x = random(1, 2, 5, 6)
    out = fused_upfirdn2d.upfirdn2d(
        x, setup_filter(taps).to(DEVICE), up=[2, 3], down=[3, 2], padding=[7, 3, -1, 8]
    )
    many_gradients(out[0, :, 1, :2], x)


class TestChoice:
    """When `fused` chooses the kernels, on a machine that is said to have a GPU."""

    @pytest.fixture(autouse=True)
    def _gpu(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        dispatch.proven.cache_clear()
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
        monkeypatch.setattr(torch.version, "hip", None)
        yield
        dispatch.proven.cache_clear()

    def test_without_a_gpu_plain_pytorch_is_used(self) -> None:
        assert dispatch.fused("bias_act", torch.zeros(1)) is None

    def test_they_are_tried_once_before_use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tried: list[torch.device] = []
        monkeypatch.setattr(fused_bias_act, "example_error", lambda device: tried.append(device) or 1e-6)
        assert dispatch.proven("bias_act", 1)
        assert dispatch.proven("bias_act", 1)
        assert tried == [torch.device("cuda", 1)]

    @pytest.mark.parametrize("error", [0.1, float("nan"), RuntimeError("no C compiler")])
    def test_kernels_that_fail_or_are_wrong_are_not_used(
        self, error: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def example_error(_: torch.device) -> float:
            if isinstance(error, Exception):
                raise error
            return float(error)

        monkeypatch.setattr(fused_bias_act, "example_error", example_error)
        assert not dispatch.proven("bias_act", 0)
        assert not dispatch.proven("bias_act", 0)
        assert [record.getMessage().split(",")[0] for record in caplog.records] == [
            "bias_act runs in plain PyTorch"
        ]

    def test_they_can_be_turned_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fused_bias_act, "example_error", lambda _: 0.0)
        monkeypatch.setenv("STYLEGAN_OPS_TRITON", "0")
        assert not dispatch.proven("bias_act", 0)

    def test_a_gpu_that_is_too_old_keeps_plain_pytorch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fused_filtered_lrelu, "example_error", lambda _: 0.0)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
        assert not dispatch.proven("filtered_lrelu", 0)

    def test_a_missing_triton_is_no_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dispatch.importlib.util, "find_spec", lambda _: None)
        assert not dispatch.proven("bias_act", 0)


COMPILE = """
import sys
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from stylegan_ops.triton import bias_act, filtered_lrelu, upfirdn2d

def check(kernel, constants, warps=4):
    signature = {}
    for name in (parameter.name for parameter in kernel.params):
        if name in constants:
            signature[name] = "constexpr"
        elif name.endswith("_ptr"):
            signature[name] = "*fp32" if name.startswith("f") else "*fp16"
        else:
            signature[name] = "fp32" if name in ("alpha", "gain", "slope", "clamp") else "i32"
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    made = compile(source, target=GPUTarget("cuda", 80, 32), options={"num_warps": warps})
    assert made.asm["cubin"]
    assert made.metadata.shared <= 96 * 1024, made.metadata.shared

common = {"HAS_BIAS": True, "HAS_CLAMP": True}
check(bias_act._bias_act_kernel, {**common, "ACT": "softplus", "BACKWARD": True, "BLOCK": 1024})
check(
    upfirdn2d._upfirdn2d_kernel,
    {"UP_Y": 2, "UP_X": 2, "DOWN_Y": 1, "DOWN_X": 1, "TAPS_Y": 4, "TAPS_X": 4, "BLOCK": 256},
)
tile = {"UP": 2, "DOWN": 2, "PAIRS_U": 1, "PAIRS_D": 6, "TILE": 64, "IN": 64, "SIDE": 32, "STEP": 27}
tile |= {f"TAPS_{name}": 12 for name in ("UY", "UX", "DY", "DX")} | {"COARSE": 64, "PRECISION": "tf32"} | common
for backward in (False, True):
    check(filtered_lrelu._filtered_lrelu_kernel, tile | {"BACKWARD": backward}, filtered_lrelu._WARPS)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Triton brings NVIDIA's assembler for Linux only")
def test_they_compile_for_a_gpu_that_is_not_there() -> None:
    """Down to machine code for compute capability 8.0, within the memory that every GPU of it has on the chip."""
    variables = {**os.environ, "TRITON_INTERPRET": "0"}
    answer = subprocess.run(
        [sys.executable, "-c", COMPILE], capture_output=True, text=True, check=False, env=variables
    )
    assert answer.returncode == 0, answer.stderr
