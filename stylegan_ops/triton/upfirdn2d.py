# mypy: disable-error-code="no-untyped-def,import-not-found"
"""`upfirdn2d` without the zeros: each result is summed over the taps that meet a sample (a polyphase filter)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from stylegan_ops.upfirdn2d import parse_padding, parse_scaling, plain_upfirdn2d, setup_filter

from .gradients import largest_error, many_at_once

CAPABILITY = (7, 0)
"""The oldest GPUs that Triton knows."""

_BLOCK = 256


class _Axis(NamedTuple):
    """One direction of the operation: output[o] = Σₖ taps[k]·upsampled[o·down + k - pad]."""

    size: int
    out_size: int
    up: int
    down: int
    pad: int
    taps: int

    def transposed(self) -> _Axis:
        """The same for the gradient, with the taps in reverse order."""
        return _Axis(self.out_size, self.size, self.down, self.up, self.taps - 1 - self.pad, self.taps)

    @property
    def pad_after(self) -> int:
        """What the last result needs behind the samples."""
        return (self.out_size - 1) * self.down + self.taps - self.size * self.up - self.pad

    @property
    def shift(self) -> int:
        """Samples to add so that no position is negative: integer division there depends on the sign."""
        return max(-(-self.pad // self.up), 0)


@triton.jit
def _upfirdn2d_kernel(
    x_ptr,
    f_ptr,
    out_ptr,
    n,
    height,
    width,
    out_height,
    out_width,
    pad_y,
    pad_x,
    shift_y,
    shift_x,
    gain,
    UP_Y: tl.constexpr,
    UP_X: tl.constexpr,
    DOWN_Y: tl.constexpr,
    DOWN_X: tl.constexpr,
    TAPS_Y: tl.constexpr,
    TAPS_X: tl.constexpr,
    BLOCK: tl.constexpr,
):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    ox = i % out_width
    oy = (i // out_width) % out_height
    plane = i // (out_width * out_height)
    # The first tap that meets a sample, and that sample.
    from_y = oy * DOWN_Y - pad_y + shift_y * UP_Y
    from_x = ox * DOWN_X - pad_x + shift_x * UP_X
    tap_y = (UP_Y - from_y % UP_Y) % UP_Y
    tap_x = (UP_X - from_x % UP_X) % UP_X
    at_y = (from_y + tap_y) // UP_Y - shift_y
    at_x = (from_x + tap_x) // UP_X - shift_x
    total = tl.zeros([BLOCK], dtype=tl.float32)
    for j in range((TAPS_Y + UP_Y - 1) // UP_Y):
        y = at_y + j
        ky = tap_y + j * UP_Y
        row = (i < n) & (y >= 0) & (y < height) & (ky < TAPS_Y)
        for k in range((TAPS_X + UP_X - 1) // UP_X):
            x = at_x + k
            kx = tap_x + k * UP_X
            meets = row & (x >= 0) & (x < width) & (kx < TAPS_X)
            sample = tl.load(x_ptr + (plane * height + y) * width + x, mask=meets, other=0.0)
            weight = tl.load(f_ptr + ky * TAPS_X + kx, mask=meets, other=0.0)
            total += sample.to(tl.float32) * weight
    tl.store(out_ptr + i, (total * gain).to(out_ptr.dtype.element_ty), mask=i < n)


def _run(x: Tensor, f: Tensor, y: _Axis, x_axis: _Axis, gain: float) -> Tensor:
    """``f`` is ``[taps_y, taps_x]``, to be correlated with."""
    x = x.contiguous()
    out = x.new_empty([*x.shape[:2], y.out_size, x_axis.out_size])
    _upfirdn2d_kernel[(triton.cdiv(out.numel(), _BLOCK),)](
        x,
        f,
        out,
        out.numel(),
        y.size,
        x_axis.size,
        y.out_size,
        x_axis.out_size,
        y.pad,
        x_axis.pad,
        y.shift,
        x_axis.shift,
        float(gain),
        UP_Y=y.up,
        UP_X=x_axis.up,
        DOWN_Y=y.down,
        DOWN_X=x_axis.down,
        TAPS_Y=y.taps,
        TAPS_X=x_axis.taps,
        BLOCK=_BLOCK,
    )
    return out


def _in_pytorch(x: Tensor, f: Tensor, y: _Axis, x_axis: _Axis, gain: float) -> Tensor:
    padding = [x_axis.pad, x_axis.pad_after, y.pad, y.pad_after]
    return plain_upfirdn2d(x, f, (x_axis.up, y.up), (x_axis.down, y.down), padding, True, gain)


class _Upfirdn2d(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, f: Tensor, y: _Axis, x_axis: _Axis, gain: float) -> Tensor:
        ctx.save_for_backward(f)
        ctx.axes = y, x_axis
        ctx.gain = gain
        return _run(x, f, y, x_axis, gain)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        (f,) = ctx.saved_tensors
        y, x_axis = ctx.axes
        reverse = f.flip([0, 1]).contiguous()
        y, x_axis = y.transposed(), x_axis.transposed()
        # A gradient of this one is the operation itself; only many at once need PyTorch's own.
        run = _in_pytorch if many_at_once(grads[0]) else _Upfirdn2d.apply
        return run(grads[0], reverse, y, x_axis, ctx.gain), None, None, None, None


def _axis(size: int, up: int, down: int, before: int, after: int, taps: int) -> _Axis:
    out_size = (size * up + before + after - taps) // down + 1
    if out_size < 1:
        raise ValueError(
            f"a filter of {taps} taps is longer than the {size * up + before + after} padded samples"
        )
    return _Axis(size, out_size, up, down, before, taps)


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up: int | Sequence[int] = 1,
    down: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
) -> Tensor:
    """See `stylegan_ops.upfirdn2d.upfirdn2d`, for ``x`` on a CUDA device."""
    up_x, up_y = parse_scaling(up)
    down_x, down_y = parse_scaling(down)
    x0, x1, y0, y1 = parse_padding(padding)
    taps = x.new_ones([1, 1], dtype=torch.float32) if f is None else f.to(x.device, torch.float32)
    if not flip_filter:
        taps = taps.flip(list(range(taps.ndim)))
    height, width = x.shape[2:]
    if taps.ndim == 2:
        kh, kw = taps.shape
        y, x_axis = _axis(height, up_y, down_y, y0, y1, kh), _axis(width, up_x, down_x, x0, x1, kw)
        out: Tensor = _Upfirdn2d.apply(x, taps.contiguous(), y, x_axis, gain)
        return out
    still = _axis(height, 1, 1, 0, 0, 1)
    x_axis = _axis(width, up_x, down_x, x0, x1, len(taps))
    x = _Upfirdn2d.apply(x, taps[None].contiguous(), still, x_axis, gain)
    still = _axis(x_axis.out_size, 1, 1, 0, 0, 1)
    y = _axis(height, up_y, down_y, y0, y1, len(taps))
    out = _Upfirdn2d.apply(x, taps[:, None].contiguous(), y, still, 1.0)
    return out


def example_error(device: torch.device) -> float:
    """See `gradients.largest_error`, on a small example."""
    x = torch.linspace(-1, 1, 2 * 3 * 7 * 5, device=device).square().reshape(2, 3, 7, 5)
    f = setup_filter([1, 3, 2, 1]).to(device)
    return largest_error(
        lambda x: plain_upfirdn2d(x, f, up=2, padding=[2, 1, 3, -1], gain=4),
        lambda x: upfirdn2d(x, f, up=2, padding=[2, 1, 3, -1], gain=4),
        (x,),
    )
