"""Weight-demodulated convolution (StyleGAN2: Karras et al. 2020, equations 1 to 3)."""

from __future__ import annotations

import torch
from torch import Tensor

from .conv2d_resample import conv2d_resample


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    noise: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int = 0,
    resample_filter: Tensor | None = None,
    demodulate: bool = True,
    flip_weight: bool = True,
    fused_modconv: bool = False,
    input_gain: Tensor | None = None,
) -> Tensor:
    """Convolve each picture of a batch with weights scaled by its own style.

    Args:
        x: ``[N, in_channels, H, W]``.
        weight: ``[out_channels, in_channels, kh, kw]``, shared by the batch.
        styles: ``[N, in_channels]``, one scale an input channel.
        noise: added to the result, broadcast to ``[N, out_channels, H', W']``.
        up, down: resampling factors, see `conv2d_resample`.
        padding: with respect to the upsampled picture.
        resample_filter: from `upfirdn2d.setup_filter`.
        demodulate: scale each output channel to unit expected variance (eq. 3).
        flip_weight: ``True`` correlates.
        fused_modconv: scale the weights (one grouped convolution with a kernel a picture) instead of the
            activations. Both give the same numbers; unfused needs no gradient through the weights when
            only ``styles`` are optimised, which is what a drag does.
        input_gain: a scalar factor on ``x`` that demodulation leaves (StyleGAN3: Karras et al. 2021,
            section 3.2); ``None`` for 1.

    Returns:
        ``[N, out_channels, H*up/down, W*up/down]``, dtype of ``x``.
    """
    n, in_channels, height, width = x.shape
    out_channels = weight.shape[0]
    if fused_modconv:
        w = weight[None] * styles[:, None, :, None, None]
        if demodulate:
            w = w * (w.square().sum(dim=[2, 3, 4], keepdim=True) + 1e-8).rsqrt()
        if input_gain is not None:
            w = w * input_gain
        x = x.reshape(1, n * in_channels, height, width)
        x = conv2d_resample(
            x,
            w.flatten(0, 1).to(x.dtype),
            resample_filter,
            up=up,
            down=down,
            padding=padding,
            groups=n,
            flip_weight=flip_weight,
        )
        x = x.reshape(n, out_channels, *x.shape[2:])
        return x if noise is None else x + noise.to(x.dtype)

    gained = styles if input_gain is None else styles * input_gain
    x = x * gained.to(x.dtype)[:, :, None, None]
    x = conv2d_resample(
        x, weight.to(x.dtype), resample_filter, up=up, down=down, padding=padding, flip_weight=flip_weight
    )
    if demodulate:
        # The norm of the modulated weights without forming them: sum over taps first, then a matrix product.
        # At least float32: squares of half-precision styles overflow.
        precise = torch.promote_types(styles.dtype, torch.float32)
        energy = styles.to(precise).square() @ weight.to(precise).square().sum(dim=[2, 3]).t()
        x = x * (energy + 1e-8).rsqrt().to(x.dtype)[:, :, None, None]
    return x if noise is None else x + noise.to(x.dtype)
