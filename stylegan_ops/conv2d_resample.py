"""Convolution with filtered up- or downsampling folded into it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from .upfirdn2d import filter_size, parse_padding, upfirdn2d


def _conv2d(
    x: Tensor,
    w: Tensor,
    stride: int = 1,
    padding: Sequence[int] = (0, 0),
    groups: int = 1,
    flip: bool = False,
) -> Tensor:
    """Correlate, or convolve when ``flip``; ``padding`` is ``(y, x)``."""
    return functional.conv2d(
        x, w.flip([2, 3]) if flip else w, stride=stride, padding=tuple(padding), groups=groups
    )


def _conv_transpose2d(
    x: Tensor, w: Tensor, stride: int, padding: Sequence[int], groups: int, flip: bool
) -> Tensor:
    """The transpose of `_conv2d`'s stride with weights ``[out, in/groups, kh, kw]``."""
    out_channels, in_channels, kh, kw = w.shape
    w = w.reshape(groups, out_channels // groups, in_channels, kh, kw).transpose(1, 2)
    w = w.reshape(groups * in_channels, out_channels // groups, kh, kw)
    # A transposed convolution turns the kernel round by itself, so the flags are the other way about.
    return functional.conv_transpose2d(
        x, w if flip else w.flip([2, 3]), stride=stride, padding=tuple(padding), groups=groups
    )


def conv2d_resample(
    x: Tensor,
    w: Tensor,
    f: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int | Sequence[int] = 0,
    groups: int = 1,
    flip_weight: bool = True,
    flip_filter: bool = False,
) -> Tensor:
    """Upsample, convolve and downsample, as ``upfirdn2d → conv → upfirdn2d`` would, but in fewer operations.

    Args:
        x: ``[N, in_channels, H, W]``.
        w: ``[out_channels, in_channels/groups, kh, kw]``.
        f: low-pass filter for the resampling, from `upfirdn2d.setup_filter`.
        up: upsampling factor.
        down: downsampling factor.
        padding: with respect to the upsampled picture; an int, ``[x, y]`` or ``[x0, x1, y0, y1]``.
        groups: groups of channels, as in ``conv2d``.
        flip_weight: ``True`` correlates (as ``conv2d`` does), ``False`` convolves.
        flip_filter: the same for ``f``: ``False`` convolves.

    Returns:
        ``[N, out_channels, H*up/down, W*up/down]`` for "same" padding.
    """
    kh, kw = w.shape[2:]
    fw, fh = filter_size(f)
    x0, x1, y0, y1 = parse_padding(padding)
    if up > 1:
        x0, x1 = x0 + (fw + up - 1) // 2, x1 + (fw - up) // 2
        y0, y1 = y0 + (fh + up - 1) // 2, y1 + (fh - up) // 2
    if down > 1:
        x0, x1 = x0 + (fw - down + 1) // 2, x1 + (fw - down) // 2
        y0, y1 = y0 + (fh - down + 1) // 2, y1 + (fh - down) // 2

    flip = not flip_weight
    pointwise = kh == 1 and kw == 1
    if pointwise and up == 1 and down > 1:  # filter on the way down first: the convolution sees fewer pixels
        x = upfirdn2d(x, f, down=down, padding=[x0, x1, y0, y1], flip_filter=flip_filter)
        return _conv2d(x, w, groups=groups, flip=flip)
    if pointwise and up > 1 and down == 1:
        x = _conv2d(x, w, groups=groups, flip=flip)
        return upfirdn2d(x, f, up=up, padding=[x0, x1, y0, y1], flip_filter=flip_filter, gain=up * up)
    if up == 1 and down > 1:
        x = upfirdn2d(x, f, padding=[x0, x1, y0, y1], flip_filter=flip_filter)
        return _conv2d(x, w, stride=down, groups=groups, flip=flip)
    if up > 1:
        x0, x1, y0, y1 = x0 - (kw - 1), x1 - (kw - up), y0 - (kh - 1), y1 - (kh - up)
        crop_x, crop_y = max(min(-x0, -x1), 0), max(min(-y0, -y1), 0)
        x = _conv_transpose2d(x, w, up, (crop_y, crop_x), groups, flip)
        padding = [x0 + crop_x, x1 + crop_x, y0 + crop_y, y1 + crop_y]
        x = upfirdn2d(x, f, padding=padding, flip_filter=flip_filter, gain=up * up)
        return upfirdn2d(x, f, down=down, flip_filter=flip_filter) if down > 1 else x
    if x0 == x1 >= 0 and y0 == y1 >= 0:
        return _conv2d(x, w, padding=(y0, x0), groups=groups, flip=flip)
    x = upfirdn2d(x, None, padding=[x0, x1, y0, y1])
    return _conv2d(x, w, groups=groups, flip=flip)
