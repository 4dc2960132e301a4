"""The pivot of the quick method: from a first guess to a w+ whose picture is near the target's, in few steps.

Adam works on coordinates in which w is white (w = mean + A·x with A·Aᵀ its covariance), so that one rate suits all
directions and a prior toward the mean is a plain square (the Mahalanobis distance). Every entry of w+ has the common
x and a difference of its own, which costs more: entries that stay together stay where edits mean what they should
(Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", SIGGRAPH 2021). The first steps look at a coarse
picture only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from backend.engine.coarse import coarse_target, draws_coarsely, image_up_to
from backend.engine.inversion_methods import InversionTask
from backend.engine.perceptual import MultiScaleDistance, PerceptualDistance
from backend.engine.precision import mixed_precision

SMALLEST_VARIANCE = 1e-5
"""Directions of w with less, against the largest, hold nothing that one could see."""

FARTHEST = 3.0
"""A first guess counts no farther than this in each white coordinate."""

COARSE_RESOLUTION = 64
COARSE_SHARE = 0.5
"""Share of the steps at the coarse picture, for a model that is at least twice as large."""

WINDOW, PLATEAU = 8, 0.002
"""The coarse steps end when a window of steps is better than the one before by less than this a step."""


@dataclass(frozen=True)
class WhiteLatents:
    """w in coordinates in which it is white. mean: [w_dim]. basis: [w_dim, d], basis · basisᵀ = covariance."""

    mean: Tensor
    basis: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, mean: Tensor, covariance: Tensor) -> WhiteLatents:
        """From the model's statistics of w."""
        variances, directions = torch.linalg.eigh(covariance.double().cpu())
        kept = variances > variances.max() * SMALLEST_VARIANCE
        deviations, directions = variances[kept].sqrt(), directions[:, kept]
        basis, inverse = directions * deviations, (directions / deviations).t()
        return cls(mean, basis.float().to(mean.device), inverse.float().to(mean.device))

    def coordinates(self, ws: Tensor) -> Tensor:
        """[N, num_ws, w_dim] to [N, num_ws, d]."""
        return (ws - self.mean) @ self.inverse.t()

    def latents(self, coordinates: Tensor) -> Tensor:
        """[N, num_ws, d] to [N, num_ws, w_dim]."""
        return self.mean + coordinates @ self.basis.t()


class Refinement:
    """Runs the steps; `latent` is the state of the moment.

    task: see `InversionTask`. guess: w+ [1, num_ws, w_dim].
    """

    def __init__(self, task: InversionTask, guess: Tensor) -> None:
        self._task = task
        self._synthesis: Any = task.generator.synthesis
        self._white = WhiteLatents.of(task.model.w_mean, task.model.w_covariance)
        own = self._white.coordinates(guess.detach()).clamp(-FARTHEST, FARTHEST)
        self._common = own.mean(dim=1, keepdim=True).requires_grad_(True)
        self._apart = (own - own.mean(dim=1, keepdim=True)).requires_grad_(True)
        self.steps = 0

    def latent(self) -> Tensor:
        """w+ [1, num_ws, w_dim], without gradient."""
        with torch.no_grad():
            return self._latent()

    def _latent(self) -> Tensor:
        return self._white.latents(self._common + self._apart)

    def run(self, tell: Callable[[float, float], None]) -> Tensor:
        """All steps; returns the pivot. `tell` gets the share of the work that is done, and the loss, after each."""
        settings, target = self._task.settings, self._task.target
        size = target.shape[-1]
        coarse_steps = 0
        if size >= 2 * COARSE_RESOLUTION and draws_coarsely(self._synthesis, COARSE_RESOLUTION):
            coarse_steps = round(settings.pivot_steps * COARSE_SHARE)
        fine_steps = settings.pivot_steps - coarse_steps
        cost = (COARSE_RESOLUTION / size) ** 2 if coarse_steps else 1.0
        total = max(coarse_steps * cost + fine_steps, 1e-6)
        if coarse_steps:
            with torch.no_grad():
                latent = self._latent()
                image = self._render(latent, size)
                wanted = coarse_target(self._synthesis, latent, image, target, COARSE_RESOLUTION)

            def told(step: int, loss: float) -> None:
                tell(step * cost / total, loss)

            self._descend(COARSE_RESOLUTION, wanted, MultiScaleDistance(wanted), coarse_steps, told, False)

        def told_fine(step: int, loss: float) -> None:
            tell((coarse_steps * cost + step) / total, loss)

        self._descend(size, target, self._task.distance, fine_steps, told_fine, True)
        return self.latent()

    def _render(self, latent: Tensor, size: int) -> Tensor:
        with mixed_precision(latent.device):
            if size == self._synthesis.img_resolution:
                image: Tensor = self._synthesis(latent, noise_mode="const")
                return image.float()
            return image_up_to(self._synthesis, latent, size)

    def _descend(
        self,
        size: int,
        target: Tensor,
        distance: PerceptualDistance,
        steps: int,
        tell: Callable[[int, float], None],
        last: bool,
    ) -> None:
        settings = self._task.settings
        optimiser = torch.optim.Adam([self._common, self._apart], lr=settings.pivot_rate, betas=(0.9, 0.99))
        losses: list[float] = []
        for step in range(steps):
            falling = 0.5 + 0.5 * math.cos(math.pi * step / steps) if last else 1.0
            for group in optimiser.param_groups:
                group["lr"] = settings.pivot_rate * falling
            image = self._render(self._latent(), size)
            loss = distance(image) + settings.pivot_pixel_weight * ((image - target) / 2).square().mean()
            loss = (
                loss
                + settings.prior * self._common.square().mean()
                + settings.tie * self._apart.square().mean()
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            self.steps += 1
            losses.append(float(loss.detach()))
            tell(step + 1, losses[-1])
            if not last and levelled_out(losses):
                break


def levelled_out(losses: list[float], window: int = WINDOW, plateau: float = PLATEAU) -> bool:
    """Whether the mean of the last `window` losses is below that of the window before by less than `plateau` a step."""
    if len(losses) < 2 * window:
        return False
    before, after = sum(losses[-2 * window : -window]), sum(losses[-window:])
    return after > before * (1 - plateau * window)
