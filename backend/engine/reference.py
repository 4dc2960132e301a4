"""Engine `reference`: DragGAN as published, with the constants and conventions of the authors' program.

Source: Pan et al., "Drag Your GAN: Interactive Point-based Manipulation on the Generative Image Manifold", SIGGRAPH
2023. It is the yardstick for every other engine and reproduces a recorded run of the authors' program; so it keeps
what that program does even where one would do it otherwise: handles at integer positions, the map F of the block of
resolution 128 read as if resized to the picture, coordinates stretched by h/(h−1) (see `motion.disc`), a mask term
averaged over all pixels. It does not keep what changes no number: weights are frozen, blocks above F are not
computed, the caller's points are never written to. Modulation is fused into the weights, as in the recorded run: the
loop is so sensitive that the other order of multiplication (a relative difference of 1e-7) parts from it by 0.03 in
the latents after 40 steps.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine import engines
from backend.engine.engines import DragProblem
from backend.engine.motion import ResizedFeatures, mask_loss, motion_loss, scaled_radius, unit_step
from backend.engine.tracking import track

FEATURE_RESOLUTION = 128
PATCH_RADIUS = 3
SEARCH_RADIUS = 12
SATISFIED_DISTANCE = 1.0
"""A point this near (px) to its target is no longer pulled."""


class ReferenceEngine:
    """One running drag. Coordinates at its border are crop space; inside they are pixel indices (row, column).

    A handle snaps to the pixel that contains it, because tracking knows integer positions only. Its fraction is
    remembered and added back, so the asked displacement stays exact and `locate` first answers the handles given.
    """

    nearest_stop = SATISFIED_DISTANCE
    stuck: str | None = None
    """The published loop knows no such end."""

    def __init__(self, problem: DragProblem) -> None:
        self._problem = problem
        self._generator = problem.generator
        self._size = problem.shape
        longer = max(self._size)
        self._feature_resolution = min(FEATURE_RESOLUTION, problem.generator.img_resolution)
        self._patch_radius = scaled_radius(PATCH_RADIUS, longer)
        self._search_radius = scaled_radius(SEARCH_RADIUS, longer)
        layers = min(problem.free_layers, problem.latent.shape[1])
        self._free = problem.latent[:, :layers].detach().clone().requires_grad_(True)
        self._rest = problem.latent[:, layers:].detach().clone()
        self._optimiser = torch.optim.Adam([self._free], lr=problem.learning_rate)
        cells = np.clip(np.floor(problem.handles[:, ::-1]), 0, np.array(self._size) - 1).astype(int)
        self._cells = [(int(row), int(column)) for row, column in cells]
        self._fractions = problem.handles[:, ::-1] - (cells + 0.5)
        self._fixed = None if problem.mask is None else 1 - problem.mask
        self._wanted: list[Tensor] | None = None
        self._original: Tensor | None = None
        self._features: ResizedFeatures | None = None

    @property
    def latent(self) -> Tensor:
        return torch.cat([self._free.detach(), self._rest], dim=1).clone()

    def locate(self) -> NDArray[np.float64]:
        with torch.enable_grad():
            ws = torch.cat([self._free, self._rest], dim=1)
            features = self._generator.synthesis.features(
                ws, self._feature_resolution, noise_mode="const", fused_modconv=True
            )
        resized = ResizedFeatures(features, self._size)
        if self._wanted is None:
            self._original = features.detach()
            rows, columns = (
                torch.tensor(index, device=features.device) for index in zip(*self._cells, strict=True)
            )
            self._wanted = list(resized.detach().at(rows, columns).T)
        flat = resized.detach()
        self._cells = [
            track(flat, cell, wanted, self._search_radius)[0]
            for cell, wanted in zip(self._cells, self._wanted, strict=True)
        ]
        self._features = resized
        return (np.array(self._cells, dtype=np.float64) + 0.5 + self._fractions)[:, ::-1].copy()

    def advance(self, targets: NDArray[np.float64]) -> float:
        features = self._features
        if features is None or self._original is None:
            raise RuntimeError("locate() has to come before every advance()")
        self._features = None
        cell_targets = torch.from_numpy(targets[:, ::-1] - 0.5 - self._fractions).to(self._free)
        with torch.enable_grad():
            loss = torch.zeros((), device=self._free.device)
            for cell, target in zip(self._cells, cell_targets.unbind(), strict=True):
                step, distance = unit_step(cell, target)
                if distance > SATISFIED_DISTANCE:
                    loss = loss + motion_loss(features, cell, step, self._patch_radius)
            if self._fixed is not None and bool(self._fixed.any()):
                loss = loss + self._problem.lambda_mask * mask_loss(features, self._original, self._fixed)
            if not loss.requires_grad:
                return 0.0
            self._optimiser.zero_grad()
            loss.backward()
        self._optimiser.step()
        return float(loss.detach())


engines.register("reference", ReferenceEngine)
