"""Low-pass filters of StyleGAN3: Kaiser-windowed, separable or radially symmetric (Karras et al. 2021, appendix C)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def kaiser_beta(taps: int, width: float) -> float:
    """Shape of the Kaiser window for a transition band.

    Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974.

    Args:
        taps: length of the filter.
        width: of the transition band, as a share of the Nyquist frequency.

    Returns:
        β ≥ 0; 0 is a rectangular window.
    """
    attenuation = 2.285 * (taps - 1) * math.pi * width + 7.95  # decibels in the stop band
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    return 0.0


def design_lowpass(
    taps: int, cutoff: float, width: float, sampling_rate: float, radial: bool = False
) -> Tensor | None:
    """A windowed ideal low-pass that leaves a constant as it is.

    Args:
        taps: length; 1 needs no filter.
        cutoff: frequency of the half-amplitude, in the unit of ``sampling_rate``, below half of it.
        width: of the transition band, same unit.
        sampling_rate: samples a unit of length (StyleGAN3: a picture's width).
        radial: a disc in the frequency plane, which turns with the picture (configuration R); otherwise the
            separable square (configuration T).

    Returns:
        float32 ``[taps]``, or ``[taps, taps]`` when ``radial``, with sum 1; ``None`` for one tap.
    """
    if taps == 1:
        return None
    # Computed on the CPU whatever the default: on the meta device this would import PyTorch's compiler.
    x = (torch.arange(taps, dtype=torch.float64, device="cpu") - (taps - 1) / 2) / sampling_rate
    beta = kaiser_beta(taps, width / (sampling_rate / 2))
    window = torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64, device="cpu")
    if radial:
        # The Fourier transform of a disc of radius `cutoff`: the jinc function. An even number of taps has none
        # at the centre, where it would divide by zero.
        r = torch.hypot(x[:, None], x[None, :])
        ideal = torch.where(
            r > 0,
            torch.special.bessel_j1(2 * math.pi * cutoff * r) / (math.pi * r.clamp(min=1e-30)),
            cutoff,
        )
        f = ideal * torch.outer(window, window)
    else:
        f = torch.sinc(2 * cutoff * x) * window
    return (f / f.sum()).to(torch.get_default_device(), torch.float32)
