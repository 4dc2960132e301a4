"""Upsample by zero insertion, pad, filter, downsample: StyleGAN's resampling primitive (Karras et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .triton import fused

# From this many taps on, two 1-D passes cost less than one 2-D pass.
_SEPARABLE_TAPS = 8


def setup_filter(
    f: Sequence[float] | Sequence[Sequence[float]] | Tensor | None, normalize: bool = True, gain: float = 1.0
) -> Tensor:
    """Make a filter for `upfirdn2d`.

    Args:
        f: taps, 1-D (separable) or 2-D; ``None`` is the identity.
        normalize: divide by the sum, so that a constant stays what it is.
        gain: factor on the signal.

    Returns:
        float32 ``[kh, kw]``, or ``[k]`` when the filter is separable and long enough to be applied so.
    """
    # On the CPU whatever the default: arithmetic on the meta device would import PyTorch's compiler.
    device = f.device if isinstance(f, Tensor) else torch.get_default_device()
    taps = torch.as_tensor(1.0 if f is None else f, dtype=torch.float32, device="cpu")
    if taps.ndim == 0:
        taps = taps[None]
    if taps.ndim == 1 and taps.numel() < _SEPARABLE_TAPS:
        taps = torch.outer(taps, taps)
    if normalize:
        taps = taps / taps.sum()
    return (taps * gain ** (taps.ndim / 2)).to(device)


def parse_scaling(scaling: int | Sequence[int]) -> tuple[int, int]:
    """A factor for both axes, or ``[x, y]``, as ``(x, y)``; each at least 1."""
    x, y = (scaling, scaling) if isinstance(scaling, int) else scaling
    if x < 1 or y < 1:
        raise ValueError(f"a resampling factor is at least 1, not {scaling}")
    return x, y


def parse_padding(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """One pad, ``[x, y]``, or ``[x0, x1, y0, y1]``, as the latter. Negative pads crop."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if len(padding) == 2:
        x, y = padding
        return x, x, y, y
    x0, x1, y0, y1 = padding
    return x0, x1, y0, y1


def filter_size(f: Tensor | None) -> tuple[int, int]:
    """``(width, height)`` of a filter as made by `setup_filter`; ``(1, 1)`` for ``None``."""
    return (1, 1) if f is None else (f.shape[-1], f.shape[0])


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up: int | Sequence[int] = 1,
    down: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
) -> Tensor:
    """Upsample, pad, filter and downsample each channel of a batch of images.

    Args:
        x: ``[N, C, H, W]``.
        f: from `setup_filter`; ``None`` is the identity.
        up: zeros are inserted so that the picture grows by this factor, an int or ``[x, y]``.
        down: every ``down``-th sample is kept, an int or ``[x, y]``.
        padding: with respect to the upsampled picture: an int, ``[x, y]`` or ``[x0, x1, y0, y1]``;
            negative values crop.
        flip_filter: ``False`` convolves, ``True`` correlates.
        gain: factor on the result.

    Returns:
        ``[N, C, (H*up + pads - kh) // down + 1, (W*up + pads - kw) // down + 1]``, dtype of ``x``.

    Raises:
        ValueError: a factor below 1.
        RuntimeError or ValueError: the filter is longer than the padded picture.
    """
    kernels = fused("upfirdn2d", x, f)
    implementation = plain_upfirdn2d if kernels is None else kernels.upfirdn2d
    return implementation(x, f, up, down, padding, flip_filter, gain)


def plain_upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up: int | Sequence[int] = 1,
    down: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
) -> Tensor:
    """`upfirdn2d` in PyTorch's operations, on any device."""
    n, channels, height, width = x.shape
    up_x, up_y = parse_scaling(up)
    down_x, down_y = parse_scaling(down)
    x0, x1, y0, y1 = parse_padding(padding)
    if f is not None and f.ndim == 1 and down_x == down_y == 1 and max(up_x, up_y) > 1 and x.is_cpu:
        taps = (f * gain**0.5).to(x.dtype)
        taps = taps.flip(0) if flip_filter else taps
        x = _upsample_along(x, taps[None], (1, up_x), (x0, x1, 0, 0))
        return _upsample_along(x, taps[:, None], (up_y, 1), (0, 0, y0, y1))
    if up_x > 1 or up_y > 1:
        x = x.reshape(n, channels, height, 1, width, 1)
        x = functional.pad(x, [0, up_x - 1, 0, 0, 0, up_y - 1])
        x = x.reshape(n, channels, height * up_y, width * up_x)
    if (x0, x1, y0, y1) != (0, 0, 0, 0):
        x = functional.pad(x, [x0, x1, y0, y1])
    if f is None:
        return x[:, :, ::down_y, ::down_x] * gain
    f = (f * gain ** (f.ndim / 2)).to(x.dtype)
    if not flip_filter:
        f = f.flip(list(range(f.ndim)))
    kernel = f.expand(channels, 1, *f.shape) if f.ndim == 2 else f.expand(channels, 1, 1, -1)
    if f.ndim == 2:
        return functional.conv2d(x, kernel, stride=(down_y, down_x), groups=channels)
    x = functional.conv2d(x, kernel, stride=(1, down_x), groups=channels)
    return functional.conv2d(x, kernel.transpose(2, 3), stride=(down_y, 1), groups=channels)


def _upsample_along(x: Tensor, f: Tensor, up: tuple[int, int], padding: tuple[int, int, int, int]) -> Tensor:
    """One axis of an upsampling, without the inserted zeros: a sixth of the time on a processor.

    Args:
        x: ``[N, C, H, W]``.
        f: ``[1, k]`` or ``[k, 1]``, to convolve with.
        up: ``(y, x)``, 1 across the axis.
        padding: ``(x0, x1, y0, y1)``, 0 across the axis.
    """
    channels = x.shape[1]
    full = functional.conv_transpose2d(x, f.expand(channels, 1, *f.shape), stride=up, groups=channels)
    pads = []
    for axis, (before, after) in ((3, padding[:2]), (2, padding[2:])):
        taps = f.shape[axis - 2]
        size = x.shape[axis] * up[axis - 2] + before + after - taps + 1
        if size < 1:
            raise ValueError(f"a filter of {taps} taps is longer than the {size + taps - 1} padded samples")
        start = before - (taps - 1)
        pads += [start, size - start - full.shape[axis]]
    return functional.pad(full, pads)


def upsample2d(x: Tensor, f: Tensor, up: int = 2) -> Tensor:
    """Upsample ``[N, C, H, W]`` to ``[N, C, H*up, W*up]``, keeping the samples' centres aligned."""
    fw, fh = filter_size(f)
    padding = [(fw + up - 1) // 2, (fw - up) // 2, (fh + up - 1) // 2, (fh - up) // 2]
    return upfirdn2d(x, f, up=up, padding=padding, gain=up * up)


def downsample2d(x: Tensor, f: Tensor, down: int = 2) -> Tensor:
    """Downsample ``[N, C, H, W]`` to ``[N, C, H/down, W/down]``, keeping the samples' centres aligned."""
    fw, fh = filter_size(f)
    padding = [(fw - down + 1) // 2, (fw - down) // 2, (fh - down + 1) // 2, (fh - down) // 2]
    return upfirdn2d(x, f, down=down, padding=padding)
