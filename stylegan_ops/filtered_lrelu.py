"""Leaky ReLU between an up- and a downsampling, so that it adds no aliasing (Karras et al. 2021, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .bias_act import plain_bias_act
from .triton import fused
from .upfirdn2d import filter_size, plain_upfirdn2d


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
    """Add a bias, upsample, apply a scaled and clamped leaky ReLU, downsample.

    Args:
        x: ``[N, C, H, W]``.
        fu, fd: filters of the up- and the downsampling, from `upfirdn2d.setup_filter`; ``None`` is the identity.
        b: ``[C]``; ``None`` for no bias.
        up, down: resampling factors, at least 1.
        padding: with respect to the upsampled picture: an int, ``[x, y]`` or ``[x0, x1, y0, y1]``; negative
            values crop. Padded with zeros after the bias.
        gain: factor after the leaky ReLU.
        slope: of the leaky ReLU below zero.
        clamp: bound on the absolute value between gain and downsampling; ``None`` for none.
        flip_filter: ``False`` convolves with both filters, ``True`` correlates.

    Returns:
        ``[N, C, H', W']`` with ``H' = (H*up + pads - (kh_u - 1) - (kh_d - 1) + down - 1) // down``, ``W'``
        likewise; dtype of ``x``.

    Raises:
        ValueError: a factor below 1.
    """
    kernels = None if fu is None and fd is None else fused("filtered_lrelu", x, fu, fd)
    if kernels is not None and max(*filter_size(fu), *filter_size(fd)) > kernels.LONGEST_FILTER:
        kernels = None
    implementation = plain_filtered_lrelu if kernels is None else kernels.filtered_lrelu
    return implementation(x, fu, fd, b, up, down, padding, gain, slope, clamp, flip_filter)


def plain_filtered_lrelu(
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
    """`filtered_lrelu` as its four steps in PyTorch's operations, on any device."""
    x = plain_bias_act(x, b)
    x = plain_upfirdn2d(x, fu, up=up, padding=padding, flip_filter=flip_filter, gain=up * up)
    x = plain_bias_act(x, act="lrelu", alpha=slope, gain=gain, clamp=clamp)
    return plain_upfirdn2d(x, fd, down=down, flip_filter=flip_filter)
