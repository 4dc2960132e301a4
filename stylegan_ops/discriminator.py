"""StyleGAN2 discriminator (Karras et al. 2020), with the parameter names of its published PyTorch version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .layers import Conv2dLayer, FullyConnectedLayer, channels_at, size_at
from .mapping import MappingNetwork
from .stylegan2 import Architecture
from .upfirdn2d import downsample2d, setup_filter


def minibatch_std(x: Tensor, group_size: int | None = 4, num_channels: int = 1) -> Tensor:
    """Append the standard deviation over groups of the batch as feature maps (Karras et al. 2018, section 3).

    Args:
        x: ``[N, C, H, W]``; ``N`` is divided by the group size.
        group_size: pictures a group, at most ``N``; ``None`` for the whole batch.
        num_channels: feature maps to append.

    Returns:
        ``[N, C + num_channels, H, W]``.
    """
    n, channels, height, width = x.shape
    group = n if group_size is None else min(group_size, n)
    y = x.reshape(group, -1, num_channels, channels // num_channels, height, width)
    y = (y - y.mean(dim=0)).square().mean(dim=0)
    y = (y + 1e-8).sqrt().mean(dim=[2, 3, 4])
    y = y.reshape(-1, num_channels, 1, 1).repeat(group, 1, height, width)
    return torch.cat([x, y], dim=1)


class DiscriminatorBlock(nn.Module):
    """All layers of one resolution; halves it."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        tmp_channels: int,
        out_channels: int,
        img_channels: int,
        architecture: Architecture = "resnet",
        activation: str = "lrelu",
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        shared: dict[str, Any] = {"activation": activation, "conv_clamp": conv_clamp}
        if in_channels == 0 or architecture == "skip":
            self.fromrgb: Conv2dLayer | None = Conv2dLayer(
                img_channels, tmp_channels, kernel_size=1, **shared
            )
        else:
            self.fromrgb = None
        self.conv0 = Conv2dLayer(tmp_channels, tmp_channels, kernel_size=3, **shared)
        self.conv1 = Conv2dLayer(
            tmp_channels, out_channels, kernel_size=3, down=2, resample_filter=resample_filter, **shared
        )
        if architecture == "resnet":
            self.skip = Conv2dLayer(
                tmp_channels, out_channels, kernel_size=1, bias=False, down=2, resample_filter=resample_filter
            )

    def forward(self, x: Tensor | None, img: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``x`` ``[N, in, H, W]`` to ``[N, out, H/2, W/2]``; the picture goes along for ``skip``."""
        if self.fromrgb is not None:
            assert img is not None
            y = self.fromrgb(img)
            x = y if x is None else x + y
            img = downsample2d(img, self.resample_filter) if self.architecture == "skip" else None
        assert x is not None
        if self.architecture == "resnet":
            y = self.skip(x, gain=0.5**0.5)
            return y + self.conv1(self.conv0(x), gain=0.5**0.5), img
        return self.conv1(self.conv0(x)), img


class DiscriminatorEpilogue(nn.Module):
    """The layers at the lowest resolution: minibatch deviation, convolution, logits."""

    def __init__(
        self,
        in_channels: int,
        cmap_dim: int,
        size: tuple[int, int],
        img_channels: int,
        architecture: Architecture = "resnet",
        mbstd_group_size: int | None = 4,
        mbstd_num_channels: int = 1,
        activation: str = "lrelu",
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.cmap_dim = cmap_dim
        self.mbstd_group_size = mbstd_group_size
        self.mbstd_num_channels = mbstd_num_channels
        if architecture == "skip":
            self.fromrgb: Conv2dLayer | None = Conv2dLayer(
                img_channels, in_channels, kernel_size=1, activation=activation
            )
        else:
            self.fromrgb = None
        self.conv = Conv2dLayer(
            in_channels + mbstd_num_channels,
            in_channels,
            kernel_size=3,
            activation=activation,
            conv_clamp=conv_clamp,
        )
        self.fc = FullyConnectedLayer(in_channels * size[0] * size[1], in_channels, activation=activation)
        self.out = FullyConnectedLayer(in_channels, cmap_dim or 1)

    def forward(self, x: Tensor, img: Tensor | None, cmap: Tensor | None) -> Tensor:
        """``[N, in_channels, *size]`` to logits ``[N, 1]``."""
        if self.fromrgb is not None:
            assert img is not None
            x = x + self.fromrgb(img)
        if self.mbstd_num_channels > 0:
            x = minibatch_std(x, self.mbstd_group_size, self.mbstd_num_channels)
        x = self.out(self.fc(self.conv(x).flatten(1)))
        if cmap is not None:
            x = (x * cmap).sum(dim=1, keepdim=True) / self.cmap_dim**0.5
        return x


class Discriminator(nn.Module):
    """Picture (and label) → logits; also the pyramid of features that the perceptual distance uses."""

    def __init__(
        self,
        c_dim: int,
        img_resolution: int,
        img_channels: int = 3,
        architecture: Architecture = "resnet",
        channel_base: int = 32768,
        channel_max: int = 512,
        conv_clamp: float | None = None,
        cmap_dim: int | None = None,
        mapping_kwargs: dict[str, Any] | None = None,
        epilogue_kwargs: dict[str, Any] | None = None,
        channels: Sequence[int] | None = None,
        base_size: Sequence[int] = (4, 4),
    ) -> None:
        """``base_size`` is the height and width at the lowest resolution, see `stylegan2`.

        Raises:
            ValueError: ``img_resolution`` is no power of two of at least 8.
        """
        super().__init__()
        if img_resolution < 8 or img_resolution & (img_resolution - 1):
            raise ValueError(f"the resolution must be a power of two of at least 8, not {img_resolution}")
        self.c_dim = c_dim
        self.img_resolution = img_resolution
        self.img_shape = size_at(img_resolution, base_size)
        self.img_channels = img_channels
        self.block_resolutions = [2**i for i in range(img_resolution.bit_length() - 1, 2, -1)]
        bottom = channels_at(4, channel_base, channel_max, channels)
        cmap_dim = 0 if c_dim == 0 else bottom if cmap_dim is None else cmap_dim
        in_channels = 0
        for resolution in self.block_resolutions:
            tmp_channels = channels_at(resolution, channel_base, channel_max, channels)
            out_channels = channels_at(resolution // 2, channel_base, channel_max, channels)
            block = DiscriminatorBlock(
                in_channels, tmp_channels, out_channels, img_channels, architecture, conv_clamp=conv_clamp
            )
            setattr(self, f"b{resolution}", block)
            in_channels = out_channels
        if c_dim > 0:
            self.mapping = MappingNetwork(
                0, c_dim, cmap_dim, num_ws=None, w_avg_beta=None, **(mapping_kwargs or {})
            )
        self.b4 = DiscriminatorEpilogue(
            bottom,
            cmap_dim,
            size_at(4, base_size),
            img_channels,
            architecture,
            conv_clamp=conv_clamp,
            **(epilogue_kwargs or {}),
        )

    def forward(self, img: Tensor, c: Tensor | None = None) -> Tensor:
        """Pictures ``[N, img_channels, *img_shape]`` in [-1, 1] (and labels ``[N, c_dim]``) to logits ``[N, 1]``.

        Raises:
            ValueError: pictures of another size, or labels that do not fit.
        """
        if img.shape[1:] != (self.img_channels, *self.img_shape):
            wanted = ", ".join(map(str, (self.img_channels, *self.img_shape)))
            raise ValueError(f"pictures must be [N, {wanted}], not {list(img.shape)}")
        x: Tensor | None = None
        rest: Tensor | None = img
        for resolution in self.block_resolutions:
            x, rest = getattr(self, f"b{resolution}")(x, rest)
        cmap = self.mapping(None, c) if self.c_dim > 0 else None
        return self.b4(x, rest, cmap)

    def features(self, img: Tensor) -> list[Tensor]:
        """The output of every block for pictures ``[N, img_channels, H, W]`` in [-1, 1], finest first.

        Returns:
            One ``[N, C, H/2ⁱ, W/2ⁱ]`` a block, i = 1, 2, … down to ``base_size``.
        """
        maps: list[Tensor] = []
        x: Tensor | None = None
        rest: Tensor | None = img
        for resolution in self.block_resolutions:
            x, rest = getattr(self, f"b{resolution}")(x, rest)
            maps.append(x)
        return maps
