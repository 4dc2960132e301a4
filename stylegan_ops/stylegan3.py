"""StyleGAN3 generator, configurations T and R (Karras et al. 2021), with the published parameter names and calls.

The features of a layer are samples of a continuous signal, taken at ``sampling_rate`` points a picture's width, with a
margin around the picture (section 3.2). All filters are symmetric and all paddings centred, so one rule places every
layer: the picture's position ``x`` in pixels (centre of the first pixel: 0.5) lies at

    ``x * sampling_rate / img_resolution + (size - sampling_rate) / 2``

in a feature map of ``size`` samples, counted the same way. `SynthesisNetwork.features` cuts the margin off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from . import generator
from .filtered_lrelu import filtered_lrelu
from .generator import NoiseMode, StyleGenerator
from .layers import FullyConnectedLayer, at_least_float32, normalize_2nd_moment
from .lowpass import design_lowpass
from .modulated_conv2d import modulated_conv2d


class Band(NamedTuple):
    """What a layer's output holds: frequencies are in periods a picture's width.

    Attributes:
        cutoff: highest frequency that is kept whole.
        half_width: half of the filters' transition band.
        sampling_rate: samples a picture's width.
        size: samples of the feature map, margin included.
        channels: feature maps.
    """

    cutoff: float
    half_width: float
    sampling_rate: int
    size: int
    channels: int


def layer_bands(
    img_resolution: int,
    img_channels: int,
    channel_base: int,
    channel_max: int,
    num_layers: int,
    num_critical: int,
    first_cutoff: float,
    first_stopband: float,
    last_stopband_rel: float,
    margin_size: int,
) -> list[Band]:
    """The bands of all layers and of the picture: geometric progressions (section 3.2 and appendix C.3)."""
    last_cutoff = img_resolution / 2
    last_stopband = last_cutoff * last_stopband_rel
    bands = []
    for i in range(num_layers + 1):
        share = min(i / (num_layers - num_critical), 1)
        cutoff = first_cutoff * (last_cutoff / first_cutoff) ** share
        stopband = first_stopband * (last_stopband / first_stopband) ** share
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, img_resolution)))
        outer = i >= num_layers - 1  # the last layer and the picture have no margin
        channels = min(channel_base / 2 / cutoff, channel_max)
        bands.append(
            Band(
                cutoff=cutoff,
                half_width=max(stopband, rate / 2) - cutoff,
                sampling_rate=rate,
                size=img_resolution if outer else rate + 2 * margin_size,
                channels=img_channels if i == num_layers else round(channels),
            )
        )
    return bands


class SynthesisInput(nn.Module):
    """Fourier features, moved and turned by w and by the buffer ``transform`` (section 3.2, appendix F).

    ``transform`` is a ``[3, 3]`` matrix on positions in picture widths with the origin at the picture's centre; it maps
    a position of the picture to the one that is drawn there.
    """

    transform: Tensor
    freqs: Tensor
    phases: Tensor

    def __init__(self, w_dim: int, channels: int, size: int, sampling_rate: int, bandwidth: float) -> None:
        super().__init__()
        self.size = size
        self.sampling_rate = sampling_rate
        self.bandwidth = bandwidth
        # Frequencies uniform in the disc of what the first layer can hold. Computed on the CPU whatever the default: on
        # the meta device this would import PyTorch's compiler.
        angle = torch.rand(channels, device="cpu") * 2 * math.pi
        radius = torch.rand(channels, device="cpu").sqrt() * bandwidth
        freqs = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = FullyConnectedLayer(w_dim, 4)
        nn.init.zeros_(self.affine.weight)
        self.affine.bias.data.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        self.register_buffer("transform", torch.eye(3, device="cpu").to(self.weight.device))
        self.register_buffer("freqs", freqs.to(self.weight.device))
        self.register_buffer("phases", torch.empty(channels).uniform_(-0.5, 0.5))

    def forward(self, w: Tensor) -> Tensor:
        """``[N, w_dim]`` to ``[N, channels, size, size]``."""
        # A rotation and a shift, learned; dividing by the length of (cosine, sine) makes it one.
        learned = self.affine(w)
        cosine, sine, x, y = (learned / learned[:, :2].norm(dim=1, keepdim=True)).unbind(dim=1)
        one, zero = torch.ones_like(x), torch.zeros_like(x)
        turn = torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, one], dim=1)
        shift = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], dim=1)
        matrix = turn.view(-1, 3, 3) @ shift.view(-1, 3, 3) @ self.transform

        # Moving the positions is turning the frequencies and moving the phases.
        phases = self.phases + (self.freqs @ matrix[:, :2, 2:])[:, :, 0]
        freqs = self.freqs @ matrix[:, :2, :2]
        # What a scaling in `transform` takes beyond the band fades, so that it does not alias.
        nyquist = self.sampling_rate / 2
        excess = (freqs.norm(dim=2) - self.bandwidth) / (nyquist - self.bandwidth)
        amplitudes = (1 - excess).clamp(0, 1)

        at = (torch.arange(self.size, device=w.device, dtype=freqs.dtype) + 0.5 - self.size / 2) / (
            self.sampling_rate
        )
        periods = (
            freqs[:, :, 0, None, None] * at
            + freqs[:, :, 1, None, None] * at[:, None]
            + phases[:, :, None, None]
        )
        waves = torch.sin(2 * math.pi * periods) * amplitudes[:, :, None, None]
        return torch.einsum("oc,nchw->nohw", self.weight / self.weight.shape[1] ** 0.5, waves)


class SynthesisLayer(nn.Module):
    """Modulated convolution and an alias-free leaky ReLU; the last one turns features into the picture."""

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(
        self,
        w_dim: int,
        below: Band,
        band: Band,
        is_torgb: bool,
        is_critically_sampled: bool,
        conv_kernel: int = 3,
        filter_size: int = 6,
        lrelu_upsampling: int = 2,
        use_radial_filters: bool = False,
        conv_clamp: float | None = 256,
    ) -> None:
        super().__init__()
        self.is_torgb = is_torgb
        self.sampling_rate = band.sampling_rate
        self.size = band.size
        self.conv_clamp = conv_clamp
        kernel = 1 if is_torgb else conv_kernel
        rate = max(below.sampling_rate, band.sampling_rate) * (1 if is_torgb else lrelu_upsampling)
        self.up, self.down = rate // below.sampling_rate, rate // band.sampling_rate
        up_taps = 1 if is_torgb or self.up == 1 else filter_size * self.up
        down_taps = 1 if is_torgb or self.down == 1 else filter_size * self.down

        self.affine = FullyConnectedLayer(w_dim, below.channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(band.channels, below.channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(band.channels))
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.register_buffer("up_filter", design_lowpass(up_taps, below.cutoff, below.half_width * 2, rate))
        self.register_buffer(
            "down_filter",
            design_lowpass(
                down_taps,
                band.cutoff,
                band.half_width * 2,
                rate,
                radial=use_radial_filters and not is_critically_sampled,
            ),
        )

        self.conv_padding = kernel - 1
        # What is missing from the convolution's output to `band.size`, in samples of the high rate, split so that
        # the centres of input and output meet.
        needed = (band.size - 1) * self.down + 1 + up_taps + down_taps - 2
        missing = needed - (below.size + kernel - 1) * self.up
        low = (missing + self.up) // 2
        self.padding = [low, missing - low] * 2

    def forward(self, x: Tensor, w: Tensor, fused_modconv: bool = False) -> Tensor:
        """``[N, in_channels, s, s]`` and ``[N, w_dim]`` to ``[N, out_channels, size, size]``."""
        styles = self.affine(w)
        weight: Tensor = self.weight
        if self.is_torgb:
            styles = styles / (weight.shape[1] * weight.shape[2] ** 2) ** 0.5
        else:
            # Demodulation takes both scales out again; before it, they keep half precision in range.
            scale = weight.square().mean(dim=[1, 2, 3], keepdim=True).rsqrt()
            weight = weight * scale
            styles = normalize_2nd_moment(styles, eps=1e-20)
        x = modulated_conv2d(
            x,
            weight,
            styles,
            padding=self.conv_padding,
            demodulate=not self.is_torgb,
            fused_modconv=fused_modconv,
            input_gain=self.magnitude_ema.rsqrt(),
        )
        return filtered_lrelu(
            x,
            fu=self.up_filter,
            fd=self.down_filter,
            b=self.bias,
            up=self.up,
            down=self.down,
            padding=self.padding,
            gain=1 if self.is_torgb else 2**0.5,
            slope=1 if self.is_torgb else 0.2,
            clamp=self.conv_clamp,
        )


@dataclass(frozen=True)
class SynthesisBlock:
    """The layers of one sampling rate, called as a block of StyleGAN2 is.

    Attributes:
        resolution: samples a picture's width, without the margin.
        layers: in the order in which they run, without the one that makes the picture.
        input: the Fourier features, in the first block.
        torgb: what makes the picture, in the last block.
        output_scale: factor on the picture.
    """

    resolution: int
    layers: tuple[SynthesisLayer, ...]
    input: SynthesisInput | None
    torgb: SynthesisLayer | None
    output_scale: float

    @property
    def num_conv(self) -> int:
        """Entries of w+ for the features."""
        return len(self.layers) + (self.input is not None)

    @property
    def num_torgb(self) -> int:
        """Entries of w+ for the picture: 1 in the last block, else 0."""
        return int(self.torgb is not None)

    def features(
        self, x: Tensor | None, ws: Tensor, noise_mode: NoiseMode = "const", fused_modconv: bool = False
    ) -> Tensor:
        """The block below's features (``None`` for the first) and ``[N, ≥num_conv, w_dim]`` to this one's, margin
        included. There is no noise: ``noise_mode`` is for callers that also know StyleGAN2.
        """
        own = list(ws.unbind(dim=1))
        if self.input is not None:
            x = self.input(own.pop(0))
        assert x is not None
        for layer, w in zip(self.layers, own):
            x = layer(x, w, fused_modconv=fused_modconv)
        return x

    def to_image(
        self, x: Tensor, img: Tensor | None, ws: Tensor, fused_modconv: bool = False
    ) -> Tensor | None:
        """The picture in the last block; ``img`` elsewhere."""
        if self.torgb is None:
            return img
        y = self.torgb(x, ws[:, self.num_conv], fused_modconv=fused_modconv)
        return at_least_float32(y) * self.output_scale


class SynthesisNetwork(generator.SynthesisNetwork):
    """w+ → picture, and w+ → the features of any block or layer."""

    input: SynthesisInput

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_layers: int = 14,
        num_critical: int = 2,
        first_cutoff: float = 2.0,
        first_stopband: float = 2**2.1,
        last_stopband_rel: float = 2**0.3,
        margin_size: int = 10,
        output_scale: float = 0.25,
        **layer_kwargs: Any,
    ) -> None:
        """``layer_kwargs`` are those of `SynthesisLayer` from ``conv_kernel`` on.

        Configuration R is ``conv_kernel=1, use_radial_filters=True`` with twice ``channel_base`` and ``channel_max``.
        """
        super().__init__(w_dim, img_resolution, (img_resolution, img_resolution), img_channels)
        if img_resolution < 16 or img_resolution & (img_resolution - 1):
            raise ValueError(f"the resolution must be a power of two of at least 16, not {img_resolution}")
        self.output_scale = output_scale
        self.num_ws = num_layers + 2
        bands = layer_bands(
            img_resolution,
            img_channels,
            channel_base,
            channel_max,
            num_layers,
            num_critical,
            first_cutoff,
            first_stopband,
            last_stopband_rel,
            margin_size,
        )
        first = bands[0]
        self.input = SynthesisInput(w_dim, first.channels, first.size, first.sampling_rate, first.cutoff)
        self.layer_names: list[str] = []
        for i, band in enumerate(bands):
            layer = SynthesisLayer(
                w_dim,
                below=bands[max(i - 1, 0)],
                band=band,
                is_torgb=i == num_layers,
                is_critically_sampled=i >= num_layers - num_critical,
                **layer_kwargs,
            )
            name = f"L{i}_{band.size}_{band.channels}"
            setattr(self, name, layer)
            self.layer_names.append(name)
        self._details = [2 * band.cutoff for band in (first, *bands[:-1])]
        self.block_resolutions = sorted({band.sampling_rate for band in bands})

    def entry_details(self) -> list[float]:
        """See the family's base: here by the layers' cutoffs, since sampling rates are above what layers draw."""
        return list(self._details)

    def layer(self, name: str) -> SynthesisLayer:
        """The layer of a name in ``layer_names``.

        Raises:
            ValueError: there is none.
        """
        if name not in self.layer_names:
            raise ValueError(f"no layer {name}; there are {', '.join(self.layer_names)}")
        layer: SynthesisLayer = getattr(self, name)
        return layer

    def _block(self, resolution: int) -> SynthesisBlock:
        layers = [self.layer(name) for name in self.layer_names]
        return SynthesisBlock(
            resolution,
            layers=tuple(one for one in layers if one.sampling_rate == resolution and not one.is_torgb),
            input=self.input if resolution == self.block_resolutions[0] else None,
            torgb=layers[-1] if resolution == self.block_resolutions[-1] else None,
            output_scale=self.output_scale,
        )

    def resolution_of(self, parameter: str) -> int:
        """The resolution of the block that a parameter or buffer of this network belongs to, by its name."""
        part = parameter.split(".")[0]
        return self.block_resolutions[0] if part == "input" else self.layer(part).sampling_rate

    def _inside(self, x: Tensor, resolution: int) -> Tensor:
        margin = (x.shape[-1] - resolution) // 2
        return x[:, :, margin : margin + resolution, margin : margin + resolution]

    def layer_features(self, ws: Tensor, layer: str, fused_modconv: bool = False) -> Tensor:
        """Features after one layer, margin included; nothing above it is computed.

        Args:
            ws: ``[N, num_ws, w_dim]``.
            layer: a name in ``layer_names``; the last is the picture before ``output_scale``.

        Returns:
            ``[N, channels, size, size]``; the head of this module says where its entries lie.

        Raises:
            ValueError: no such layer, or ``ws`` has another shape.
        """
        self.layer(layer)
        own = [w for block, part in self.blocks(ws) for w in part.unbind(dim=1)]
        x: Tensor = self.input(own[0])
        for name, w in zip(self.layer_names, own[1:]):
            x = self.layer(name)(x, w, fused_modconv=fused_modconv)
            if name == layer:
                break
        return x


class Generator(StyleGenerator):
    """z (and a label) → picture: `mapping` followed by `synthesis`."""

    synthesis: SynthesisNetwork
    _synthesis_network = SynthesisNetwork
    _mapping_layers = 2
