"""What a sample says of the whole, and how far a latent has moved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

RESAMPLES = 4000
_RIDGE = 1e-6
"""Part of the mean variance that is added to every variance, so that a covariance without full rank has an inverse."""


def bootstrap_interval(
    values: Sequence[float], confidence: float = 0.95, seed: int = 0
) -> tuple[float, float] | None:
    """A percentile bootstrap interval of the mean (Efron and Tibshirani 1993, chapter 13).

    Args:
        values: one a pair of faces.
        confidence: part of the resampled means that lies inside.
        seed: the same gives the same.

    Returns:
        (low, high); None of fewer than two values, which say nothing of how they vary.
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2:
        return None
    random = np.random.default_rng(seed)
    means = np.array([sample[random.integers(0, len(sample), len(sample))].mean() for _ in range(RESAMPLES)])
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def mahalanobis(change: Tensor, covariance: Tensor) -> float:
    """How far w+ has moved, measured by how w varies: ``(Σ δᵀ C⁻¹ δ)^½`` over its entries δ.

    Args:
        change: ``[num_ws, w_dim]``, the difference of two w+.
        covariance: ``[w_dim, w_dim]``, C, of w over random z.

    Returns:
        0 for no change. Two independent random w differ by about ``(2 w_dim)^½`` in each entry.
    """
    wide = covariance.double().cpu()
    wide = wide + _RIDGE * wide.diagonal().mean() * torch.eye(len(wide), dtype=torch.float64)
    whitened = torch.linalg.solve_triangular(
        torch.linalg.cholesky(wide), change.double().cpu().t(), upper=False
    )
    return float(whitened.square().sum().sqrt())
