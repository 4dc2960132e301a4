"""The tuning of the quick method: the generator's finer blocks are bent until the pivot shows the picture.

Roich et al. tune all weights with Adam. Here the coarse blocks, which decide what is where, stay as they are and are
computed once; the others descend along orthogonalised momentum (`orthogonal.py`), and the affine maps from w stay,
so that w means what it meant. It ends by quality: at the wanted error, or when the falling rate brings no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from backend.engine.coarse import State, draws_coarsely, run_blocks
from backend.engine.inversion_methods import InversionTask
from backend.engine.orthogonal import OrthogonalDescent
from backend.engine.refinement import levelled_out
from stylegan_ops.precision import has_bfloat16, mixed_precision

FINE_FROM = 32
"""Blocks of this resolution and above are tuned; in models of fewer pixels, at least the two last."""

WARM_UP = 5
WINDOW, PLATEAU = 5, 0.001

LOCAL_RESOLUTION = 64
LOCAL_EVERY = 2
LOCAL_REACH = 0.5
"""How far from the pivot toward another w the generator is held, where the whole way is 1."""


class Tuning:
    """Tunes `task.generator` around `pivot` [1, num_ws, w_dim]; it comes back frozen.

    error: root of the mean squared colour error (0 to 1) before the last step; infinite before the first.
    """

    def __init__(self, task: InversionTask, pivot: Tensor) -> None:
        self._task = task
        self._synthesis: Any = task.generator.synthesis
        resolution = self._synthesis.img_resolution
        self._from = min(FINE_FROM, max(4, resolution // 2))
        self._tuned = tuned_parameters(self._synthesis, self._from)
        self._pivot = pivot
        self._local = LOCAL_RESOLUTION if draws_coarsely(self._synthesis, LOCAL_RESOLUTION) else resolution
        self._random = torch.Generator().manual_seed(task.settings.seed)
        self.steps = 0
        self.error = math.inf

    def run(self, tell: Callable[[float, float], None]) -> None:
        """All steps. `tell` gets the share that is done, and the loss, after each."""
        settings = self._task.settings
        if settings.tuning_steps == 0:
            return
        below = self._below(self._synthesis, self._pivot)
        optimiser = OrthogonalDescent(list(self._tuned.values()))
        for parameter in self._tuned.values():
            parameter.requires_grad_(True)
        losses: list[float] = []
        try:
            while self.steps < settings.tuning_steps:
                loss, self.error = self._loss(below)
                if self.error <= settings.good_enough:
                    break
                losses.append(float(loss.detach()))
                loss.backward()
                if settings.locality > 0 and self.steps % LOCAL_EVERY == 0:
                    (settings.locality * self._drift()).backward()
                optimiser.step(settings.tuning_rate * rate_factor(self.steps, settings.tuning_steps))
                self.steps += 1
                tell(self.steps / settings.tuning_steps, losses[-1])
                falling = self.steps > settings.tuning_steps // 2
                if falling and levelled_out(losses, WINDOW, PLATEAU):
                    break
        finally:
            for parameter in self._tuned.values():
                parameter.requires_grad_(False)
                parameter.grad = None

    @torch.no_grad()
    def _below(self, synthesis: Any, ws: Tensor) -> State:
        """Features and picture below the tuned blocks; nothing of them changes."""
        return run_blocks(synthesis, ws, upto=self._from // 2)

    def _loss(self, below: State) -> tuple[Tensor, float]:
        """The loss of the moment, and the root of the mean squared colour error."""
        device = self._pivot.device
        fused = not has_bfloat16(device)
        with mixed_precision(device):
            _, image = run_blocks(self._synthesis, self._pivot, below, above=self._from // 2, fused=fused)
        assert image is not None
        image = image.float()
        squared = ((image - self._task.target) / 2).square().mean()
        loss = self._task.distance(image) + self._task.settings.tuning_pixel_weight * squared
        return loss, float(squared.detach()) ** 0.5

    def _drift(self) -> Tensor:
        """Mean squared change of the picture (coarsely) between the pivot and a w drawn by chance.

        Roich et al., section 3.3, equations 4 and 5.
        """
        base = self._task.model.generator
        z = torch.randn(1, base.z_dim, generator=self._random).to(self._pivot.device)
        ws = self._pivot.lerp(self._task.model.latents(z, self._random), LOCAL_REACH)
        below = self._below(base.synthesis, ws)
        with mixed_precision(ws.device):
            with torch.no_grad():
                _, before = run_blocks(base.synthesis, ws, below, self._from // 2, self._local)
            _, after = run_blocks(self._synthesis, ws, below, self._from // 2, self._local)
        assert before is not None
        assert after is not None
        return ((after.float() - before.float()) / 2).square().mean()


def tuned_parameters(synthesis: Any, from_resolution: int) -> dict[str, Tensor]:
    """The weights and biases of the blocks from `from_resolution` on, by name, without the affine maps from w."""
    return {
        name: parameter
        for name, parameter in synthesis.named_parameters()
        if synthesis.resolution_of(name) >= from_resolution
        and ".affine." not in name
        and not name.endswith("noise_strength")
    }


def rate_factor(step: int, steps: int) -> float:
    """Of the rate at `step` (from 0) of `steps`: a short rise, then down to 0 as a cosine."""
    return min(1.0, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
