"""StyleGAN2 generator (Karras et al. 2020), with the published PyTorch version's parameter names and calls.

Mixed precision is the caller's choice (``torch.autocast``); the networks themselves hold no dtype policy.

Rectangular pictures, as of StyleGAN-Human (Fu et al. 2022): ``base_size`` is the height and width of the learned
constant, ``[4, 2]`` there. Every block doubles both; blocks are named by what a square picture would measure, so that
``b1024`` of StyleGAN-Human holds 1024×512 features and noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from . import generator
from .bias_act import ACTIVATIONS, bias_act
from .generator import NoiseMode, StyleGenerator
from .layers import (
    Conv2dLayer,
    FullyConnectedLayer,
    at_least_float32,
    channels_at,
    size_at,
)
from .modulated_conv2d import modulated_conv2d
from .upfirdn2d import setup_filter, upsample2d

Architecture = Literal["orig", "skip", "resnet"]


class SynthesisLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias and activation."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        size: tuple[int, int],
        kernel_size: int = 3,
        up: int = 1,
        use_noise: bool = True,
        activation: str = "lrelu",
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.up = up
        self.use_noise = use_noise
        self.activation = activation
        self.conv_clamp = conv_clamp
        self.padding = kernel_size // 2
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        if use_noise:
            self.register_buffer("noise_const", torch.randn(*size))
            self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(
        self,
        x: Tensor,
        w: Tensor,
        noise_mode: NoiseMode = "random",
        fused_modconv: bool = False,
        gain: float = 1.0,
    ) -> Tensor:
        """``x`` ``[N, in, H, W]`` and ``w`` ``[N, w_dim]`` to ``[N, out, H*up, W*up]``, scaled by ``gain``."""
        noise = None
        if self.use_noise and noise_mode == "random":
            noise = torch.randn([x.shape[0], 1, *self.size], device=x.device) * self.noise_strength
        elif self.use_noise and noise_mode == "const":
            noise = self.noise_const * self.noise_strength
        x = modulated_conv2d(
            x,
            self.weight,
            self.affine(w),
            noise=noise,
            up=self.up,
            padding=self.padding,
            resample_filter=self.resample_filter,
            flip_weight=self.up == 1,
            fused_modconv=fused_modconv,
        )
        return bias_act(
            x,
            self.bias,
            act=self.activation,
            gain=ACTIVATIONS[self.activation].gain * gain,
            clamp=None if self.conv_clamp is None else self.conv_clamp * gain,
        )


class ToRGBLayer(nn.Module):
    """Modulated 1×1 convolution to the picture's channels, without demodulation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        kernel_size: int = 1,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.conv_clamp = conv_clamp
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1 / (in_channels * kernel_size**2) ** 0.5

    def forward(self, x: Tensor, w: Tensor, fused_modconv: bool = False) -> Tensor:
        """``x`` ``[N, in, H, W]`` and ``w`` ``[N, w_dim]`` to ``[N, out, H, W]``."""
        styles = self.affine(w) * self.weight_gain
        x = modulated_conv2d(x, self.weight, styles, demodulate=False, fused_modconv=fused_modconv)
        return bias_act(x, self.bias, clamp=self.conv_clamp)


class SynthesisBlock(nn.Module):
    """All layers of one resolution."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        img_channels: int,
        is_last: bool,
        architecture: Architecture = "skip",
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
        base_size: Sequence[int] = (4, 4),
        **layer_kwargs: Any,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.resolution = resolution
        self.architecture = architecture
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        shared: dict[str, Any] = {
            "w_dim": w_dim,
            "size": size_at(resolution, base_size),
            "conv_clamp": conv_clamp,
            **layer_kwargs,
        }
        shared["resample_filter"] = resample_filter
        self.num_conv = 1 if in_channels == 0 else 2
        self.num_torgb = int(is_last or architecture == "skip")
        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, *size_at(resolution, base_size)))
        else:
            self.conv0 = SynthesisLayer(in_channels, out_channels, up=2, **shared)
        self.conv1 = SynthesisLayer(out_channels, out_channels, **shared)
        if self.num_torgb:
            self.torgb = ToRGBLayer(out_channels, img_channels, w_dim=w_dim, conv_clamp=conv_clamp)
        if in_channels != 0 and architecture == "resnet":
            self.skip = Conv2dLayer(
                in_channels, out_channels, kernel_size=1, bias=False, up=2, resample_filter=resample_filter
            )

    def features(self, x: Tensor | None, ws: Tensor, **layer_kwargs: Any) -> Tensor:
        """The block's convolutions.

        Args:
            x: the block below's features ``[N, in_channels, H/2, W/2]``; ``None`` for the first block.
            ws: at least ``num_conv`` styles, ``[N, ≥num_conv, w_dim]``.

        Returns:
            ``[N, out_channels, H, W]``.
        """
        if self.in_channels == 0:
            x = self.const[None].expand(ws.shape[0], -1, -1, -1)
            return self.conv1(x, ws[:, 0], **layer_kwargs)
        if self.architecture == "resnet":
            y = self.skip(x, gain=0.5**0.5)
            x = self.conv0(x, ws[:, 0], **layer_kwargs)
            return y + self.conv1(x, ws[:, 1], gain=0.5**0.5, **layer_kwargs)
        return self.conv1(self.conv0(x, ws[:, 0], **layer_kwargs), ws[:, 1], **layer_kwargs)

    def to_image(
        self, x: Tensor, img: Tensor | None, ws: Tensor, fused_modconv: bool = False
    ) -> Tensor | None:
        """Upsample the picture so far and add this block's contribution to it."""
        if img is not None:
            img = upsample2d(img, self.resample_filter)
        if not self.num_torgb:
            return img
        y = self.torgb(x, ws[:, self.num_conv], fused_modconv=fused_modconv)
        y = at_least_float32(y)
        return y if img is None else img + y


class SynthesisNetwork(generator.SynthesisNetwork):
    """w+ → picture, and w+ → the features of any block."""

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
        channels: Sequence[int] | None = None,
        base_size: Sequence[int] = (4, 4),
        **block_kwargs: Any,
    ) -> None:
        """``block_kwargs`` are those of `SynthesisBlock` from ``architecture`` on, and of `SynthesisLayer`."""
        super().__init__(w_dim, img_resolution, size_at(img_resolution, base_size), img_channels)
        if img_resolution < 4 or img_resolution & (img_resolution - 1):
            raise ValueError(f"the resolution must be a power of two of at least 4, not {img_resolution}")
        self.block_resolutions = [2**i for i in range(2, img_resolution.bit_length())]
        in_channels = 0
        for resolution in self.block_resolutions:
            out_channels = channels_at(resolution, channel_base, channel_max, channels)
            is_last = resolution == img_resolution
            block = SynthesisBlock(
                in_channels,
                out_channels,
                w_dim=w_dim,
                resolution=resolution,
                img_channels=img_channels,
                is_last=is_last,
                base_size=base_size,
                **block_kwargs,
            )
            self.num_ws += block.num_conv + (block.num_torgb if is_last else 0)
            setattr(self, f"b{resolution}", block)
            in_channels = out_channels

    def _block(self, resolution: int) -> SynthesisBlock:
        block: SynthesisBlock = getattr(self, f"b{resolution}")
        return block

    def resolution_of(self, parameter: str) -> int:
        """The resolution of the block that a parameter or buffer of this network belongs to, by its name."""
        return int(parameter.split(".")[0].removeprefix("b"))


class Generator(StyleGenerator):
    """z (and a label) → picture: `mapping` followed by `synthesis`."""

    synthesis: SynthesisNetwork
    _synthesis_network = SynthesisNetwork
