"""Latents beyond plain w: mixed and disturbed w+, and errors measured in units of w's own spread."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.models.model import Model

# Directions in which w hardly varies count as if they varied by this part of the mean variance.
_FLOOR = 0.1


class LatentSpace:
    """The statistics of a model's w, ready to draw from and to measure with.

    Args:
        model: its mean and covariance of w are used.
    """

    def __init__(self, model: Model) -> None:
        variance, axes = torch.linalg.eigh(model.w_covariance.double())
        variance = variance.clamp(min=0)
        floored = variance + _FLOOR * variance.mean() + 1e-12
        self._whitening = (axes / floored.sqrt()).float()
        self._spread = (axes * variance.sqrt()).float()
        # An error as large as the spread of w itself counts 1.
        self._scale = float((variance / floored).mean())
        self._mean = model.w_mean

    def error(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Squared Mahalanobis distance of each picture's w+, averaged over entries and axes.

        Args:
            found, wanted: ``[N, num_ws, w_dim]``.

        Returns:
            ``[N]``: 0 for the same; 1 on average for a guess of the mean w.
        """
        difference = (found - wanted).float() @ self._whitening
        return difference.square().mean(dim=[1, 2]) / self._scale

    def noise(self, *shape: int) -> Tensor:
        """Random vectors ``[*shape, w_dim]`` with the covariance of w, around 0."""
        drawn = torch.randn(*shape, len(self._mean)).to(self._mean.device)
        return drawn @ self._spread.t()

    def mixed(self, w: Tensor, num_ws: int) -> Tensor:
        """w+ with style mixing (Karras et al. 2019, section 3.1) and deviations of single entries.

        Almost half of the pictures stay in W; the others take their entries from up to four w of the batch, crossing
        over at random entries. Then most are drawn toward the mean a little, and entries deviate by up to a quarter of
        w's spread, since no picture from outside lies in W.

        Args:
            w: ``[N, w_dim]``.
            num_ws: entries of w+.

        Returns:
            ``[N, num_ws, w_dim]``.
        """
        n = len(w)
        source = torch.arange(n)[:, None].expand(n, num_ws).clone()
        for _ in range(3):
            start = torch.randint(1, 2 * num_ws, (n, 1))  # beyond the last entry: no crossing
            start = torch.where(torch.rand(n, 1) < 0.5, start, num_ws)
            after = torch.arange(num_ws)[None] >= start
            source = torch.where(after, torch.randint(0, n, (n, 1)), source)
        ws = w[source.to(w.device)]
        psi = (1 - 0.35 * torch.rand(n, 1, 1).square()).to(w.device)
        strength = (0.25 * torch.rand(n, 1, 1) * (torch.rand(n, 1, 1) < 0.6)).to(w.device)
        return self._mean.lerp(ws, psi) + self.noise(n, num_ws) * strength
