# mypy: disable-error-code="no-untyped-def,import-not-found"
"""`bias_act` in one pass over memory."""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from stylegan_ops.bias_act import ACTIVATIONS, plain_bias_act

from .gradients import differentiable_gradients, in_pytorch, largest_error

CAPABILITY = (7, 0)
"""The oldest GPUs that Triton knows."""

_BLOCK = 1024

_SELU_SCALE = tl.constexpr(1.0507009873554805)
_SELU_ALPHA = tl.constexpr(1.6732632423543772)


@triton.jit
def _activate(v, alpha, ACT: tl.constexpr):
    if ACT == "relu":
        v = tl.where(v > 0, v, v * 0)
    elif ACT == "lrelu":
        v = tl.where(v > 0, v, v * alpha)
    elif ACT == "tanh":
        v = 2 * tl.sigmoid(2 * v) - 1
    elif ACT == "sigmoid":
        v = tl.sigmoid(v)
    elif ACT == "elu":
        v = tl.where(v > 0, v, tl.exp(tl.minimum(v, 0.0)) - 1)
    elif ACT == "selu":
        v = _SELU_SCALE * tl.where(v > 0, v, _SELU_ALPHA * (tl.exp(tl.minimum(v, 0.0)) - 1))
    elif ACT == "softplus":
        v = tl.maximum(v, 0.0) + tl.log(1 + tl.exp(-tl.abs(v)))
    elif ACT == "swish":
        v = tl.sigmoid(v) * v
    return v


@triton.jit
def _slope(v, alpha, ACT: tl.constexpr):
    """Derivative of `_activate`; at a kink that of the lower side, as in PyTorch."""
    if ACT == "relu":
        d = tl.where(v > 0, 1.0, 0.0)
    elif ACT == "lrelu":
        d = tl.where(v > 0, 1.0, alpha)
    elif ACT == "tanh":
        t = 2 * tl.sigmoid(2 * v) - 1
        d = 1 - t * t
    elif ACT == "sigmoid":
        s = tl.sigmoid(v)
        d = s * (1 - s)
    elif ACT == "elu":
        d = tl.where(v > 0, 1.0, tl.exp(tl.minimum(v, 0.0)))
    elif ACT == "selu":
        d = _SELU_SCALE * tl.where(v > 0, 1.0, _SELU_ALPHA * tl.exp(tl.minimum(v, 0.0)))
    elif ACT == "softplus":
        d = tl.sigmoid(v)
    elif ACT == "swish":
        s = tl.sigmoid(v)
        d = s + v * s * (1 - s)
    else:
        d = v * 0 + 1
    return d


@triton.jit
def _bias_act_kernel(
    x_ptr,
    b_ptr,
    dy_ptr,
    out_ptr,
    n,
    step,
    channels,
    alpha,
    gain,
    clamp,
    ACT: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    HAS_CLAMP: tl.constexpr,
    BACKWARD: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Values of ``n`` entries, or the gradient by ``x`` when ``BACKWARD``; the bias changes every ``step`` of them."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    v = tl.load(x_ptr + i, mask=inside, other=0.0).to(tl.float32)
    if HAS_BIAS:
        v += tl.load(b_ptr + (i // step) % channels, mask=inside, other=0.0).to(tl.float32)
    y = _activate(v, alpha, ACT) * gain
    if BACKWARD:
        d = tl.load(dy_ptr + i, mask=inside, other=0.0).to(tl.float32) * gain * _slope(v, alpha, ACT)
        if HAS_CLAMP:
            d = tl.where(tl.abs(y) > clamp, 0.0, d)
        y = d
    elif HAS_CLAMP:
        y = tl.where(y > clamp, clamp, tl.where(y < -clamp, -clamp, y))
    tl.store(out_ptr + i, y.to(out_ptr.dtype.element_ty), mask=inside)


def _run(
    x: Tensor,
    b: Tensor | None,
    dy: Tensor | None,
    dim: int,
    act: str,
    alpha: float,
    gain: float,
    clamp: float | None,
) -> Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    _bias_act_kernel[(triton.cdiv(x.numel(), _BLOCK),)](
        x,
        x if b is None else b.contiguous(),
        x if dy is None else dy.contiguous(),
        out,
        x.numel(),
        math.prod(x.shape[dim + 1 :]),
        x.shape[dim],
        float(alpha),
        float(gain),
        float(clamp or 0),
        ACT=act,
        HAS_BIAS=b is not None,
        HAS_CLAMP=clamp is not None,
        BACKWARD=dy is not None,
        BLOCK=_BLOCK,
    )
    return out


class _BiasAct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, b: Tensor | None, options: tuple[Any, ...]) -> Tensor:
        ctx.save_for_backward(x, b)
        ctx.options = options
        return _run(x, b, None, *options)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, b = ctx.saved_tensors
        (dy,) = grads
        if in_pytorch(dy):
            inputs = [x] if b is None else [x, b]

            def plain(x: Tensor, b: Tensor | None = None) -> Tensor:
                return plain_bias_act(x, b, *ctx.options)

            found = [*differentiable_gradients(plain, inputs, dy), None]
            return found[0], found[1], None
        dim = ctx.options[0]
        dx = _run(x, b, dy, *ctx.options)
        db = None
        if b is not None and ctx.needs_input_grad[1]:
            db = dx.sum(dim=[i for i in range(x.ndim) if i != dim]).to(b.dtype)
        return dx if ctx.needs_input_grad[0] else None, db, None


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    dim: int = 1,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """See `stylegan_ops.bias_act.bias_act`, for ``x`` on a CUDA device."""
    spec = ACTIVATIONS[act]
    options = (
        dim % x.ndim,
        act,
        spec.alpha if alpha is None else alpha,
        spec.gain if gain is None else gain,
        clamp,
    )
    out: Tensor = _BiasAct.apply(x, b, options)
    return out


def example_error(device: torch.device) -> float:
    """See `gradients.largest_error`, on a small example."""
    x, b = torch.linspace(-3, 3, 210, device=device).reshape(2, 3, 35), torch.arange(3.0, device=device)
    return largest_error(
        lambda x, b: plain_bias_act(x, b, act="lrelu", clamp=2.0),
        lambda x, b: bias_act(x, b, act="lrelu", clamp=2.0),
        (x, b),
    )
