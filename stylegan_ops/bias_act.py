"""Bias, activation, gain and clamp in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .triton import fused


class Activation(NamedTuple):
    """A non-linearity with the slope and gain that StyleGAN2 uses when none is given."""

    function: Callable[[Tensor, float], Tensor]
    alpha: float
    gain: float


_SQRT2 = 2.0**0.5

ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda x, _: x, 0.0, 1.0),
    "relu": Activation(lambda x, _: functional.relu(x), 0.0, _SQRT2),
    "lrelu": Activation(functional.leaky_relu, 0.2, _SQRT2),
    "tanh": Activation(lambda x, _: torch.tanh(x), 0.0, 1.0),
    "sigmoid": Activation(lambda x, _: torch.sigmoid(x), 0.0, 1.0),
    "elu": Activation(lambda x, _: functional.elu(x), 0.0, 1.0),
    "selu": Activation(lambda x, _: functional.selu(x), 0.0, 1.0),
    "softplus": Activation(lambda x, _: functional.softplus(x), 0.0, 1.0),
    "swish": Activation(lambda x, _: torch.sigmoid(x) * x, 0.0, _SQRT2),
}


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    dim: int = 1,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """Add a bias, apply an activation, scale, and clamp, in that order.

    Args:
        x: any shape.
        b: bias, 1-D, as long as ``x`` along ``dim``; ``None`` for none.
        dim: the dimension of ``x`` that ``b`` runs along.
        act: a key of `ACTIVATIONS`.
        alpha: negative slope for ``lrelu``; the activation's own when ``None``.
        gain: factor after the activation; the activation's own when ``None``.
        clamp: bound on the absolute value of the result; ``None`` for none.

    Returns:
        A tensor of the shape and dtype of ``x``.

    Raises:
        KeyError: unknown activation.
    """
    kernels = fused("bias_act", x)
    implementation = plain_bias_act if kernels is None else kernels.bias_act
    return implementation(x, b, dim, act, alpha, gain, clamp)


def plain_bias_act(
    x: Tensor,
    b: Tensor | None = None,
    dim: int = 1,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """`bias_act` in PyTorch's operations, on any device."""
    spec = ACTIVATIONS[act]
    alpha = spec.alpha if alpha is None else alpha
    gain = spec.gain if gain is None else gain
    if b is not None:
        x = x + b.to(x.dtype).reshape([-1 if i == dim else 1 for i in range(x.ndim)])
    x = spec.function(x, alpha)
    if gain != 1:
        x = x * gain
    if clamp is not None:
        x = x.clamp(-clamp, clamp)
    return x
