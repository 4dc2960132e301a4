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

from backend.engine.adam import Adam
from backend.engine.coarse import coarse_target, draws_coarsely, image_up_to
from backend.engine.inversion_methods import InversionTask
from backend.engine.perceptual import MultiScaleDistance, PerceptualDistance
from backend.engine.sketch import sketch
from stylegan_ops.precision import mixed_precision

SMALLEST_VARIANCE = 1e-5
"""Directions of w with less, against the largest, hold nothing that one could see."""

FARTHEST = 3.0
"""A first guess counts no farther than this in each white coordinate."""

COARSE = {64: 0.5}
COARSE_OF_LARGE = {64: 0.4, 256: 0.5}
"""Resolutions of coarse pictures and their shares of the steps, for models from 128 and from 512 px on."""

SKETCH_AFTER = 8
"""Coarse steps; more bring it hardly nearer."""

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
    sketch: for previews, see `sketch.py`; None before the first coarse steps, and in models without any.
    """

    def __init__(self, task: InversionTask, guess: Tensor) -> None:
        self._task = task
        self._synthesis: Any = task.generator.synthesis
        self._white = WhiteLatents.of(task.model.w_mean, task.model.w_covariance)
        own = self._white.coordinates(guess.detach()).clamp(-FARTHEST, FARTHEST)
        self._common = own.mean(dim=1, keepdim=True).requires_grad_(True)
        self._apart = (own - own.mean(dim=1, keepdim=True)).requires_grad_(True)
        self._nearest, self._near = math.inf, guess
        self.sketch: Tensor | None = None
        self.steps = 0

    def shown(self) -> Tensor:
        """w+ [1, num_ws, w_dim] for a preview: of the steps at full size, the one with the least colour error so far.

        They begin by going astray; nobody wants to see the face go away again.
        """
        return self.latent() if math.isinf(self._nearest) else self._near

    @property
    def error(self) -> float:
        """Root of the mean squared colour error (0 to 1) of what `shown` gives; infinite before steps at full size."""
        return self._nearest**0.5

    def latent(self) -> Tensor:
        """w+ [1, num_ws, w_dim], without gradient."""
        with torch.no_grad():
            return self._latent()

    def _latent(self) -> Tensor:
        return self._white.latents(self._common + self._apart)

    def run(self, tell: Callable[[float, float], None]) -> Tensor:
        """All steps; returns the pivot. `tell` gets the share of the work that is done, and the loss, after each."""
        size = self._synthesis.img_resolution
        levels = self._levels(size)
        costs = {level: (level / size) ** 2 for level in levels}
        total = max(sum(steps * costs[level] for level, steps in levels.items()), 1e-9)
        done = 0.0
        for level, steps in levels.items():
            cost, before = costs[level] / total, done

            def told(step: int, loss: float, cost: float = cost, before: float = before) -> None:
                tell(before + step * cost, loss)

            if level < size:
                wanted = self._coarse_target(level)
                self._descend(level, wanted, MultiScaleDistance(wanted), steps, told, last=False)
            else:
                self._descend(size, self._task.target, self._task.distance, steps, told, last=True)
            done += steps * cost
        return self.latent()

    def _levels(self, size: int) -> dict[int, int]:
        """Resolutions to look at, coarse first, and how many steps at each; the last is the picture's own."""
        shares = COARSE if size < 512 else COARSE_OF_LARGE
        steps = {
            level: round(self._task.settings.pivot_steps * share)
            for level, share in shares.items()
            if level < size and draws_coarsely(self._synthesis, level)
        }
        return {**steps, size: self._task.settings.pivot_steps - sum(steps.values())}

    @torch.no_grad()
    def _coarse_target(self, level: int) -> Tensor:
        latent = self._latent()
        image = self._render(latent, self._synthesis.img_resolution)
        return coarse_target(self._synthesis, latent, image, self._task.target, level)

    def _render(self, latent: Tensor, size: int) -> Tensor:
        with mixed_precision(latent.device):
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
        optimiser = Adam([self._common, self._apart], betas=(0.9, 0.99))
        losses: list[float] = []
        for step in range(steps):
            falling = 0.5 + 0.5 * math.cos(math.pi * step / steps) if last else 1.0
            latent = self._latent()
            image = self._render(latent, size)
            squared = ((image - target) / 2).square().mean()
            if last and float(squared.detach()) < self._nearest:
                self._nearest, self._near = float(squared.detach()), latent.detach()
            loss = distance(image) + settings.pivot_pixel_weight * squared
            loss = (
                loss
                + settings.prior * self._common.square().mean()
                + settings.tie * self._apart.square().mean()
            )
            loss.backward()
            optimiser.step(settings.pivot_rate * falling)
            self.steps += 1
            losses.append(float(loss.detach()))
            if not last and self.sketch is None and step + 1 == min(SKETCH_AFTER, steps):
                self.sketch = sketch(self._synthesis, self.latent(), self._task.target, size)
            tell(step + 1, losses[-1])
            if not last and levelled_out(losses):
                break


def levelled_out(losses: list[float], window: int = WINDOW, plateau: float = PLATEAU) -> bool:
    """Whether the mean of the last `window` losses is below that of the window before by less than `plateau` a step."""
    if len(losses) < 2 * window:
        return False
    before, after = sum(losses[-2 * window : -window]), sum(losses[-window:])
    return after > before * (1 - plateau * window)
