"""Layers with run-time weight scaling (equalised learning rate, Karras et al. 2018) that the networks share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .bias_act import ACTIVATIONS, bias_act
from .conv2d_resample import conv2d_resample
from .upfirdn2d import setup_filter


def normalize_2nd_moment(x: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Scale ``x`` so that its mean square along ``dim`` is 1."""
    return x * (x.square().mean(dim=dim, keepdim=True) + eps).rsqrt()


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` as float32 when it is of lower precision, else as it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def channels_at(
    resolution: int, channel_base: int, channel_max: int, channels: Sequence[int] | None = None
) -> int:
    """Feature maps at a resolution: ``channel_base / resolution``, at most ``channel_max``.

    ``channels`` replaces the rule, for models that follow another one: the maps at 4, 8, 16, …
    """
    if channels is not None:
        return channels[resolution.bit_length() - 3]
    return min(channel_base // resolution, channel_max)


def size_at(resolution: int, base_size: Sequence[int]) -> tuple[int, int]:
    """``(height, width)`` of the feature maps at a resolution, where 4 stands for ``base_size``.

    Raises:
        ValueError: ``base_size`` is not two numbers of at least 1.
    """
    if len(base_size) != 2 or min(base_size) < 1:
        raise ValueError(f"base_size must be [height, width], each at least 1, not {list(base_size)}")
    height, width = base_size
    return height * resolution // 4, width * resolution // 4


class FullyConnectedLayer(nn.Module):
    """``y = act(x Wᵀ·g + b·m)`` with ``g = lr_multiplier/√in_features`` and ``m = lr_multiplier``."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str = "linear",
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.activation = activation
        # In place: a quotient on the meta device would import PyTorch's compiler.
        self.weight = nn.Parameter(torch.randn(out_features, in_features).div_(lr_multiplier))
        self.bias = nn.Parameter(torch.full([out_features], float(bias_init)))
        self.weight_gain = lr_multiplier / in_features**0.5
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """``[N, in_features]`` to ``[N, out_features]``."""
        w = self.weight.to(x.dtype) * self.weight_gain
        return bias_act(x @ w.t(), self.bias * self.bias_gain, act=self.activation)


class Conv2dLayer(nn.Module):
    """Convolution, resampling, bias and activation; weights scaled by ``1/√fan_in`` at run time."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        bias: bool = True,
        activation: str = "linear",
        up: int = 1,
        down: int = 1,
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.up = up
        self.down = down
        self.conv_clamp = conv_clamp
        self.padding = kernel_size // 2
        self.weight_gain = 1 / (in_channels * kernel_size**2) ** 0.5
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.register_buffer("resample_filter", setup_filter(resample_filter))

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """``[N, in_channels, H, W]`` to ``[N, out_channels, H*up/down, W*up/down]``, scaled by ``gain``."""
        x = conv2d_resample(
            x,
            (self.weight * self.weight_gain).to(x.dtype),
            self.resample_filter,
            up=self.up,
            down=self.down,
            padding=self.padding,
            flip_weight=self.up == 1,
        )
        return bias_act(
            x,
            self.bias,
            act=self.activation,
            gain=ACTIVATIONS[self.activation].gain * gain,
            clamp=None if self.conv_clamp is None else self.conv_clamp * gain,
        )
