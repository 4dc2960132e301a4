# mypy: disable-error-code="no-untyped-def,import-not-found"
"""`filtered_lrelu` without the large intermediate picture: each program makes a tile of it and keeps it on the chip.

Within a tile both filters are products with banded matrices from either side, which suit a GPU's matrix units. A
separable filter is one such pair, any other the sum of as many pairs as it has singular values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from stylegan_ops.filtered_lrelu import plain_filtered_lrelu
from stylegan_ops.upfirdn2d import filter_size, parse_padding, setup_filter

from .gradients import differentiable_gradients, in_pytorch, largest_error

_TILE = 64
"""Side of a tile of the upsampled picture."""

LONGEST_FILTER = 32
"""More taps than this leave a tile too few results."""

CAPABILITY = (8, 0)
"""GPUs before these multiply no matrices of float32 in hardware."""

_WARPS = 8  # fewer have too few registers for the tiles

# Compiled once for all values of these: a network has as many of them as layers, and compiling takes seconds.
_COUNTS = (
    "channels",
    "height",
    "width",
    "out_height",
    "out_width",
    "pad_y",
    "pad_x",
    "tiles_x",
    "tiles",
)

_factors: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


class _Filter(NamedTuple):
    """Pairs of filters whose products add up to a 2-D one, to be correlated with: ``[pairs, taps]`` each."""

    y: Tensor
    x: Tensor


class _Plan(NamedTuple):
    """The numbers of one call. Tiles are counted in results for the forward, in inputs for the backward pass."""

    height: int
    width: int
    out_height: int
    out_width: int
    pad_y: int
    pad_x: int
    up: int
    down: int
    gain: float
    slope: float
    clamp: float | None


@triton.jit
def _floor_divide(a, b: tl.constexpr):
    """For ``a`` of any sign: integer division in Triton rounds toward zero."""
    return (a - (a % b + b) % b) // b


@triton.jit
def _band(f_ptr, pair, far, near, pad, RATE: tl.constexpr, TAPS: tl.constexpr):
    """Entries ``taps[near * RATE + pad - far]``, 0 outside: the weight of a sample of the coarser grid in one of the
    finer, by their indices; either may be the rows.
    """
    k = near * RATE + pad - far
    return tl.load(f_ptr + pair * TAPS + k, mask=(k >= 0) & (k < TAPS), other=0.0)


@triton.jit
def _filtered(
    x,
    fy_ptr,
    fx_ptr,
    far_y,
    near_y,
    far_x,
    near_x,
    pad_y,
    pad_x,
    RATE: tl.constexpr,
    PAIRS: tl.constexpr,
    TAPS_Y: tl.constexpr,
    TAPS_X: tl.constexpr,
    SIDE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """``x`` between the banded matrices of a filter, ``[SIDE, SIDE]``; see `_band` for the indices."""
    total = tl.zeros([SIDE, SIDE], dtype=tl.float32)
    for pair in tl.range(PAIRS, num_stages=1):
        left = _band(fy_ptr, pair, far_y, near_y, pad_y, RATE, TAPS_Y)
        right = _band(fx_ptr, pair, far_x, near_x, pad_x, RATE, TAPS_X)
        half = tl.dot(left, x, input_precision=PRECISION)
        total += tl.dot(half, right, input_precision=PRECISION)
    return total


@triton.jit
def _load(ptr, plane, rows, columns, height, width):
    """Entries of a plane as float32, 0 outside, and where inside is."""
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None, :]
    at = ptr + (plane * height + rows[:, None]) * width + columns[None, :]
    return tl.load(at, mask=inside, other=0.0).to(tl.float32), inside


@triton.jit(do_not_specialize=_COUNTS)
def _filtered_lrelu_kernel(
    x_ptr,
    b_ptr,
    fuy_ptr,
    fux_ptr,
    fdy_ptr,
    fdx_ptr,
    dy_ptr,
    out_ptr,
    channels,
    height,
    width,
    out_height,
    out_width,
    pad_y,
    pad_x,
    tiles_x,
    tiles,
    gain,
    slope,
    clamp,
    UP: tl.constexpr,
    DOWN: tl.constexpr,
    PAIRS_U: tl.constexpr,
    PAIRS_D: tl.constexpr,
    TAPS_UY: tl.constexpr,
    TAPS_UX: tl.constexpr,
    TAPS_DY: tl.constexpr,
    TAPS_DX: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    HAS_CLAMP: tl.constexpr,
    BACKWARD: tl.constexpr,
    TILE: tl.constexpr,
    IN: tl.constexpr,
    COARSE: tl.constexpr,
    SIDE: tl.constexpr,
    STEP: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """``STEP`` × ``STEP`` results a program, of ``SIDE`` × ``SIDE`` that it computes; or, when ``BACKWARD``, as many
    entries of the gradient by ``x``: the same tile again, then both filters transposed.
    """
    plane = (tl.program_id(0) // tiles).to(tl.int64)
    tile_index = tl.program_id(0) % tiles
    first_y = (tile_index // tiles_x) * STEP
    first_x = (tile_index % tiles_x) * STEP
    # Where the tile of the upsampled picture starts, and its samples.
    t_y = first_y * DOWN
    t_x = first_x * DOWN
    if BACKWARD:
        t_y = first_y * UP + pad_y - (TAPS_UY - 1)
        t_x = first_x * UP + pad_x - (TAPS_UX - 1)
    fine_y = t_y + tl.arange(0, TILE)
    fine_x = t_x + tl.arange(0, TILE)

    from_y = _floor_divide(t_y - pad_y, UP) + tl.arange(0, IN)
    from_x = _floor_divide(t_x - pad_x, UP) + tl.arange(0, IN)
    x, inside = _load(x_ptr, plane, from_y, from_x, height, width)
    if HAS_BIAS:
        x = tl.where(inside, x + tl.load(b_ptr + plane % channels).to(tl.float32), 0.0)
    tile = _filtered(
        x,
        fuy_ptr,
        fux_ptr,
        fine_y[:, None],
        from_y[None, :],
        fine_x[None, :],
        from_x[:, None],
        pad_y,
        pad_x,
        UP,
        PAIRS_U,
        TAPS_UY,
        TAPS_UX,
        TILE,
        PRECISION,
    )
    active = tl.where(tile > 0, tile, tile * slope) * gain

    rows = first_y + tl.arange(0, SIDE)
    columns = first_x + tl.arange(0, SIDE)
    # The downsampling reads the finer grid: its taps count on from the coarse sample, so both signs turn round.
    if BACKWARD:
        by_y = _floor_divide(t_y - (TAPS_DY - 1), DOWN) + tl.arange(0, COARSE)
        by_x = _floor_divide(t_x - (TAPS_DX - 1), DOWN) + tl.arange(0, COARSE)
        dy, _ = _load(dy_ptr, plane, by_y, by_x, out_height, out_width)
        tile_grad = _filtered(
            dy,
            fdy_ptr,
            fdx_ptr,
            -fine_y[:, None],
            -by_y[None, :],
            -fine_x[None, :],
            -by_x[:, None],
            0,
            0,
            DOWN,
            PAIRS_D,
            TAPS_DY,
            TAPS_DX,
            TILE,
            PRECISION,
        )
        tile_grad *= tl.where(tile > 0, 1.0, slope) * gain
        if HAS_CLAMP:
            tile_grad = tl.where(tl.abs(active) > clamp, 0.0, tile_grad)
        out = _filtered(
            tile_grad,
            fuy_ptr,
            fux_ptr,
            fine_y[None, :],
            rows[:, None],
            fine_x[:, None],
            columns[None, :],
            pad_y,
            pad_x,
            UP,
            PAIRS_U,
            TAPS_UY,
            TAPS_UX,
            SIDE,
            PRECISION,
        )
        end_y = tl.minimum(height, first_y + STEP)
        end_x = tl.minimum(width, first_x + STEP)
        at = out_ptr + (plane * height + rows[:, None]) * width + columns[None, :]
    else:
        if HAS_CLAMP:
            active = tl.where(active > clamp, clamp, tl.where(active < -clamp, -clamp, active))
        out = _filtered(
            active,
            fdy_ptr,
            fdx_ptr,
            -fine_y[None, :],
            -rows[:, None],
            -fine_x[:, None],
            -columns[None, :],
            0,
            0,
            DOWN,
            PAIRS_D,
            TAPS_DY,
            TAPS_DX,
            SIDE,
            PRECISION,
        )
        end_y = tl.minimum(out_height, first_y + STEP)
        end_x = tl.minimum(out_width, first_x + STEP)
        at = out_ptr + (plane * out_height + rows[:, None]) * out_width + columns[None, :]
    mine = (rows < end_y)[:, None] & (columns < end_x)[None, :]
    tl.store(at, out.to(out_ptr.dtype.element_ty), mask=mine)


def _block(entries: int) -> int:
    """A side that holds as many entries and that the matrix units take."""
    return max(triton.next_power_of_2(entries), 16)


def _filters(f: Tensor | None, like: Tensor, flip: bool, gain: float) -> _Filter:
    """A filter of `setup_filter` as pairs, the first of each scaled by ``gain``."""
    if f is None:
        one = like.new_ones([1, 1], dtype=torch.float32)
        return _Filter(one * gain, one)
    if f.ndim == 1:
        taps = (f if flip else f.flip(0)).to(like.device, torch.float32)[None]
        return _Filter(taps * gain, taps.contiguous())
    version = 0 if f.is_inference() else f._version
    known = _factors.get(f)
    if known is None or known[0] != version:
        u, s, v = torch.linalg.svd(f.detach().double().cpu())
        pairs = max(int((s > 1e-7 * s[0]).sum()), 1)
        y = (u[:, :pairs] * s[:pairs]).t()
        known = _factors[f] = version, [part.to(like.device, torch.float32) for part in (y, v[:pairs])]
    y, x = (part if flip else part.flip(1) for part in known[1])
    return _Filter((y * gain).contiguous(), x.contiguous())


def _launch(x: Tensor, b: Tensor | None, fu: _Filter, fd: _Filter, plan: _Plan, dy: Tensor | None) -> Tensor:
    """Results, or the gradient by ``x`` where ``dy`` is one by the results."""
    x = x.contiguous()
    taps_u, taps_d = (max(f.y.shape[1], f.x.shape[1]) for f in (fu, fd))
    # How many results, or inputs, one tile of the upsampled picture serves.
    if dy is None:
        step, size = (_TILE - taps_d) // plan.down + 1, (plan.out_height, plan.out_width)
    else:
        step, size = (_TILE - taps_u) // plan.up + 1, (plan.height, plan.width)
    out = x.new_empty([*x.shape[:2], *size])
    tiles_y, tiles_x = (triton.cdiv(side, step) for side in size)
    _filtered_lrelu_kernel[(tiles_y * tiles_x * x.shape[0] * x.shape[1],)](
        x,
        x if b is None else b.contiguous(),
        fu.y,
        fu.x,
        fd.y,
        fd.x,
        x if dy is None else dy.contiguous(),
        out,
        x.shape[1],
        plan.height,
        plan.width,
        plan.out_height,
        plan.out_width,
        plan.pad_y,
        plan.pad_x,
        tiles_x,
        tiles_y * tiles_x,
        float(plan.gain),
        float(plan.slope),
        float(plan.clamp or 0),
        UP=plan.up,
        DOWN=plan.down,
        PAIRS_U=fu.y.shape[0],
        PAIRS_D=fd.y.shape[0],
        TAPS_UY=fu.y.shape[1],
        TAPS_UX=fu.x.shape[1],
        TAPS_DY=fd.y.shape[1],
        TAPS_DX=fd.x.shape[1],
        HAS_BIAS=b is not None,
        HAS_CLAMP=plan.clamp is not None,
        BACKWARD=dy is not None,
        TILE=_TILE,
        IN=_block((_TILE + taps_u - 2) // plan.up + 2),
        COARSE=_block((_TILE + taps_d - 2) // plan.down + 2),
        SIDE=_block(step),
        STEP=step,
        # Products round nearly as float32 does, or as finely as the data where that is shorter.
        PRECISION="tf32x3" if x.dtype == torch.float32 else "tf32",
        num_warps=_WARPS,
    )
    return out


class _FilteredLrelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, b: Tensor | None, fu: _Filter, fd: _Filter, plan: _Plan, plain: Any
    ) -> Tensor:
        ctx.save_for_backward(x, b)
        ctx.constants = fu, fd, plan
        ctx.plain = plain
        return _launch(x, b, fu, fd, plan, None)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, b = ctx.saved_tensors
        if in_pytorch(grads[0]):
            inputs = [x] if b is None else [x, b]
            found = [*differentiable_gradients(ctx.plain, inputs, grads[0]), None]
            return found[0], found[1], None, None, None, None
        fu, fd, plan = ctx.constants
        dx = _launch(x, b, fu, fd, plan, grads[0])
        db = dx.sum(dim=[0, 2, 3]).to(b.dtype) if b is not None and ctx.needs_input_grad[1] else None
        return dx if ctx.needs_input_grad[0] else None, db, None, None, None, None


def filtered_lrelu(
    x: Tensor,
    fu: Tensor | None = None,
    fd: Tensor | None = None,
    b: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int | Sequence[int] = 0,
    gain: float = 2.0**0.5,
    slope: float = 0.2,
    clamp: float | None = None,
    flip_filter: bool = False,
) -> Tensor:
    """See `stylegan_ops.filtered_lrelu.filtered_lrelu`, for ``x`` on a CUDA device and filters of at most
    `LONGEST_FILTER` taps.
    """
    x0, x1, y0, y1 = parse_padding(padding)
    height, width = x.shape[2:]
    sizes = []
    for side, before, after, axis in ((height, y0, y1, 1), (width, x0, x1, 0)):
        taps = filter_size(fu)[axis] + filter_size(fd)[axis] - 2
        sizes.append((side * up + before + after - taps + down - 1) // down)
        if sizes[-1] < 1:
            raise ValueError(
                f"filters of {taps + 2} taps are longer than {side * up + before + after} samples"
            )
    out_height, out_width = sizes
    plan = _Plan(height, width, out_height, out_width, y0, x0, up, down, gain, slope, clamp)

    def plain(x: Tensor, b: Tensor | None = None) -> Tensor:
        return plain_filtered_lrelu(x, fu, fd, b, up, down, padding, gain, slope, clamp, flip_filter)

    out: Tensor = _FilteredLrelu.apply(
        x, b, _filters(fu, x, flip_filter, up * up), _filters(fd, x, flip_filter, 1), plan, plain
    )
    return out


def example_error(device: torch.device) -> float:
    """See `gradients.largest_error`, on a small example."""
    x = torch.linspace(-2, 2, 2 * 9 * 7, device=device).sin().reshape(1, 2, 9, 7)
    b = torch.tensor([0.3, -0.2], device=device)
    f = setup_filter([1, 2, 4, 6, 7, 8, 8, 7, 6, 4, 2, 1]).to(device)
    options: dict[str, Any] = {"up": 2, "down": 2, "padding": [9, 10, 8, 9], "clamp": 1.5}
    return largest_error(
        lambda x, b: plain_filtered_lrelu(x, f, torch.outer(f, f), b, **options),
        lambda x, b: filtered_lrelu(x, f, torch.outer(f, f), b, **options),
        (x, b),
    )
