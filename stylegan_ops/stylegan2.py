"""StyleGAN2 generator (Karras et al. 2020), with the published PyTorch version's parameter names and calls.

Mixed precision is the caller's choice (``torch.autocast``); the networks themselves hold no dtype policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .bias_act import ACTIVATIONS, bias_act
from .layers import Conv2dLayer, FullyConnectedLayer, channels_at, normalize_2nd_moment
from .modulated_conv2d import modulated_conv2d
from .upfirdn2d import setup_filter, upsample2d

NoiseMode = Literal["const", "random", "none"]
Architecture = Literal["orig", "skip", "resnet"]


class MappingNetwork(nn.Module):
    """z (and a label) → w, an MLP on the normalised latent."""

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        num_layers: int = 8,
        embed_features: int | None = None,
        layer_features: int | None = None,
        activation: str = "lrelu",
        lr_multiplier: float = 0.01,
        w_avg_beta: float | None = 0.998,
    ) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.w_dim = w_dim
        self.num_ws = num_ws
        self.num_layers = num_layers
        self.w_avg_beta = w_avg_beta
        embed_features = 0 if c_dim == 0 else embed_features or w_dim
        features = [z_dim + embed_features, *[layer_features or w_dim] * (num_layers - 1), w_dim]
        if c_dim > 0:
            self.embed = FullyConnectedLayer(c_dim, embed_features)
        for i in range(num_layers):
            layer = FullyConnectedLayer(
                features[i], features[i + 1], activation=activation, lr_multiplier=lr_multiplier
            )
            setattr(self, f"fc{i}", layer)
        if num_ws is not None and w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        update_emas: bool = False,
    ) -> Tensor:
        """Map latents to styles.

        Args:
            z: ``[N, z_dim]``, standard normal; ``None`` when ``z_dim`` is 0.
            c: ``[N, c_dim]`` labels; ``None`` when ``c_dim`` is 0.
            truncation_psi: 1 leaves w alone, 0 gives the mean w.
            truncation_cutoff: truncate only the first so many entries of w+; ``None`` for all.
            update_emas: follow the mean of w in ``w_avg`` (training).

        Returns:
            ``[N, num_ws, w_dim]``, or ``[N, w_dim]`` when ``num_ws`` is ``None``.

        Raises:
            ValueError: a latent or label of the wrong size, or missing.
        """
        parts = []
        for value, size, name in ((z, self.z_dim, "z"), (c, self.c_dim, "c")):
            if size == 0:
                continue
            if value is None or value.shape[1:] != (size,):
                raise ValueError(
                    f"{name} must be [N, {size}], not {None if value is None else list(value.shape)}"
                )
            value = value.float()
            parts.append(normalize_2nd_moment(value if name == "z" else self.embed(value)))
        x = torch.cat(parts, dim=1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        if update_emas and self.w_avg_beta is not None:
            self.w_avg.copy_(x.detach().float().mean(dim=0).lerp(self.w_avg, self.w_avg_beta))
        if self.num_ws is None:
            return x
        x = x[:, None].repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            x = torch.cat(
                [
                    self.w_avg.lerp(x[:, :truncation_cutoff], truncation_psi),
                    x[:, truncation_cutoff:] if truncation_cutoff is not None else x[:, :0],
                ],
                dim=1,
            )
        return x


class SynthesisLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias and activation."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        kernel_size: int = 3,
        up: int = 1,
        use_noise: bool = True,
        activation: str = "lrelu",
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.resolution = resolution
        self.up = up
        self.use_noise = use_noise
        self.activation = activation
        self.conv_clamp = conv_clamp
        self.padding = kernel_size // 2
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        if use_noise:
            self.register_buffer("noise_const", torch.randn(resolution, resolution))
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
            shape = [x.shape[0], 1, self.resolution, self.resolution]
            noise = torch.randn(shape, device=x.device) * self.noise_strength
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
        **layer_kwargs: Any,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.resolution = resolution
        self.architecture = architecture
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        shared: dict[str, Any] = {
            "w_dim": w_dim,
            "resolution": resolution,
            "conv_clamp": conv_clamp,
            **layer_kwargs,
        }
        shared["resample_filter"] = resample_filter
        self.num_conv = 1 if in_channels == 0 else 2
        self.num_torgb = int(is_last or architecture == "skip")
        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
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
        y = self.torgb(x, ws[:, self.num_conv], fused_modconv=fused_modconv).float()
        return y if img is None else img + y


class SynthesisNetwork(nn.Module):
    """w+ → picture, and w+ → the features of any block."""

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
        **block_kwargs: Any,
    ) -> None:
        super().__init__()
        if img_resolution < 4 or img_resolution & (img_resolution - 1):
            raise ValueError(f"the resolution must be a power of two of at least 4, not {img_resolution}")
        self.w_dim = w_dim
        self.img_resolution = img_resolution
        self.img_channels = img_channels
        self.block_resolutions = [2**i for i in range(2, img_resolution.bit_length())]
        self.num_ws = 0
        in_channels = 0
        for resolution in self.block_resolutions:
            out_channels = channels_at(resolution, channel_base, channel_max)
            is_last = resolution == img_resolution
            block = SynthesisBlock(
                in_channels,
                out_channels,
                w_dim=w_dim,
                resolution=resolution,
                img_channels=img_channels,
                is_last=is_last,
                **block_kwargs,
            )
            self.num_ws += block.num_conv + (block.num_torgb if is_last else 0)
            setattr(self, f"b{resolution}", block)
            in_channels = out_channels

    def blocks(self, ws: Tensor) -> Iterator[tuple[SynthesisBlock, Tensor]]:
        """Each block with its own entries of w+; a block's to-RGB layer shares the next block's first entry."""
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"ws must be [N, {self.num_ws}, {self.w_dim}], not {list(ws.shape)}")
        ws = ws.float()
        start = 0
        for resolution in self.block_resolutions:
            block: SynthesisBlock = getattr(self, f"b{resolution}")
            yield block, ws[:, start : start + block.num_conv + block.num_torgb]
            start += block.num_conv

    def forward(self, ws: Tensor, noise_mode: NoiseMode = "random", fused_modconv: bool = False) -> Tensor:
        """Render pictures.

        Args:
            ws: ``[N, num_ws, w_dim]``.
            noise_mode: ``const`` (the stored maps), ``random`` or ``none``.
            fused_modconv: see `modulated_conv2d`.

        Returns:
            ``[N, img_channels, R, R]``, float32, nominally in [-1, 1].
        """
        return self._run(ws, None, noise_mode, fused_modconv)[0]

    def features(
        self, ws: Tensor, resolution: int, noise_mode: NoiseMode = "const", fused_modconv: bool = False
    ) -> Tensor:
        """Features after the block of ``resolution``; nothing above it, and no picture, is computed.

        Returns:
            ``[N, channels, resolution, resolution]``.

        Raises:
            ValueError: the network has no such block.
        """
        self._check_resolution(resolution)
        x: Tensor | None = None
        for block, block_ws in self.blocks(ws):
            x = block.features(x, block_ws, noise_mode=noise_mode, fused_modconv=fused_modconv)
            if block.resolution == resolution:
                break
        assert x is not None
        return x

    def image_and_features(
        self, ws: Tensor, resolution: int, noise_mode: NoiseMode = "const", fused_modconv: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The picture and the features after the block of ``resolution``, in one pass."""
        self._check_resolution(resolution)
        img, features = self._run(ws, resolution, noise_mode, fused_modconv)
        assert features is not None
        return img, features

    def _check_resolution(self, resolution: int) -> None:
        if resolution not in self.block_resolutions:
            raise ValueError(f"no block of resolution {resolution}; there are {self.block_resolutions}")

    def _run(
        self, ws: Tensor, resolution: int | None, noise_mode: NoiseMode, fused_modconv: bool
    ) -> tuple[Tensor, Tensor | None]:
        x: Tensor | None = None
        img: Tensor | None = None
        features: Tensor | None = None
        for block, block_ws in self.blocks(ws):
            x = block.features(x, block_ws, noise_mode=noise_mode, fused_modconv=fused_modconv)
            img = block.to_image(x, img, block_ws, fused_modconv=fused_modconv)
            if block.resolution == resolution:
                features = x
        assert img is not None
        return img, features


class Generator(nn.Module):
    """z (and a label) → picture: `mapping` followed by `synthesis`."""

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        img_resolution: int,
        img_channels: int = 3,
        mapping_kwargs: dict[str, Any] | None = None,
        **synthesis_kwargs: Any,
    ) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.w_dim = w_dim
        self.img_resolution = img_resolution
        self.img_channels = img_channels
        self.synthesis = SynthesisNetwork(w_dim, img_resolution, img_channels, **synthesis_kwargs)
        self.num_ws = self.synthesis.num_ws
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, self.num_ws, **(mapping_kwargs or {}))

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        **synthesis_kwargs: Any,
    ) -> Tensor:
        """``z`` ``[N, z_dim]`` to pictures ``[N, img_channels, R, R]``, nominally in [-1, 1]."""
        ws = self.mapping(z, c, truncation_psi=truncation_psi, truncation_cutoff=truncation_cutoff)
        return self.synthesis(ws, **synthesis_kwargs)
