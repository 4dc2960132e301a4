"""How alike two pictures are: figures that no inversion is guided by, beside the distances that one may be."""

from __future__ import annotations

import importlib
import warnings
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Picture = NDArray[np.uint8]

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, finest first (Wang et al. 2003, section 3.2)."""

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def psnr(first: Picture, second: Picture) -> float:
    """Peak signal to noise ratio in dB of two uint8 pictures of one shape; 100 when they are the same."""
    error = float(np.square(first.astype(np.float64) - second).mean()) / 255**2
    return 100.0 if error < 1e-10 else -10 * float(np.log10(error))


@torch.no_grad()
def ms_ssim(first: Picture, second: Picture) -> float:
    """Multi-scale structural similarity of two pictures, 0 to 1 (the same).

    Source: Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar 2003,
    equation 7, with the window of Wang et al. 2004 (11 px, σ 1.5); the mean over the three colours. A picture too
    small for five scales has fewer, their weights scaled to sum to 1.

    Args:
        first: uint8 [H, W, 3], both sides at least 11.
        second: the same shape.
    """
    a, b = _planes(first), _planes(second)
    smallest = min(first.shape[:2])
    scales = sum(1 for level in range(len(SCALE_WEIGHTS)) if smallest >> level >= _WINDOW)
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    result = 1.0
    for level, weight in enumerate(weights):
        luminance, structure = _compare(a, b)
        value = structure * luminance if level == scales - 1 else structure
        result *= max(0.0, float(value.mean())) ** float(weight)
        a, b = functional.avg_pool2d(a, 2), functional.avg_pool2d(b, 2)
    return result


def _planes(picture: Picture) -> Tensor:
    """uint8 [H, W, 3] as [1, 3, H, W], 0 to 1."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def _compare(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance term, and contrast times structure, at every place."""
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a, variance_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    return luminance, (2 * covariance + _C2) / (variance_a + variance_b + _C2)


def _blur(planes: Tensor) -> Tensor:
    places = torch.arange(_WINDOW, dtype=torch.float32) - (_WINDOW - 1) / 2
    window = torch.exp(-(places**2) / (2 * _SIGMA**2))
    window = (window / window.sum()).repeat(planes.shape[1], 1, 1, 1)
    across = functional.conv2d(planes, window, groups=planes.shape[1])
    return functional.conv2d(across, window.transpose(2, 3), groups=planes.shape[1])


@cache
def _lpips() -> Any | None:
    """The package's own network, if it is installed and has its weights at hand."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("lpips").LPIPS(net="alex", verbose=False).eval()
    except Exception:  # whatever is missing there, the other figures do not depend on it
        return None


@torch.no_grad()
def lpips(first: Picture, second: Picture) -> float | None:
    """LPIPS with AlexNet (Zhang et al. 2018) of uint8 pictures [R, R, 3]; None where the package is not installed."""
    network = _lpips()
    if network is None:
        return None
    return float(network(2 * _planes(first) - 1, 2 * _planes(second) - 1))
