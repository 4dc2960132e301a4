"""Pairs of picture and w+ that an encoder learns from: drawn by the generator, and by the renderer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from backend.models.model import Model
from stylegan_ops.precision import mixed_precision

from .grids import from_bytes, to_bytes
from .latents import LatentSpace
from .toon.factors import NAMES

_POSES = ("yaw", "pitch", "roll", "head_yaw", "head_pitch", "head_roll")
_DRAWN_AT_ONCE = 2

Faces = Iterator[tuple[Tensor, Tensor, Tensor]]
"""Batches of z, uint8 pictures and landmarks, as `faces.FaceStream` gives them."""


def shrink(pictures: Tensor, resolution: int) -> Tensor:
    """Average pictures ``[N, 3, R, R]`` down to a side of ``resolution``, which divides R."""
    factor = pictures.shape[-1] // resolution
    return pictures if factor == 1 else functional.avg_pool2d(pictures, factor)


def vary_latents(z: Tensor) -> Tensor:
    """Every third face turns further than chance would have it: large poses are rare in a normal z."""
    columns = [NAMES.index(name) for name in _POSES if name in NAMES]
    z = z.clone()
    z[::3, columns] *= 2.0
    return z


def new_faces(resolution: int, seed: int, workers: int) -> Faces:
    """Faces drawn by the renderer as they are needed, two at a time."""
    from .faces import face_loader  # needs skia, which other models' encoders do not

    return face_loader(resolution, _DRAWN_AT_ONCE, seed, workers, vary_latents)


def pooled_faces(folder: Path, resolution: int, seed: int, batch_size: int) -> Faces:
    """Faces that lie in a folder (`pool.FacePool`) already."""
    from .pool import FacePool

    return FacePool(folder).batches(resolution, batch_size, seed)


class Pairs:
    """An endless stream of pairs. What the generator draws is costly, so it is kept, to be seen several times.

    Args:
        model: what draws.
        resolution: side of the pictures in pixels.
        fresh: new pictures of the generator in each batch.
        kept: how many of them to keep.
        faces: those of the renderer, or ``None``.
        faces_are_cheap: take half of every batch from ``faces``; else what is drawn is kept like the generator's.
    """

    def __init__(
        self,
        model: Model,
        resolution: int,
        fresh: int,
        kept: int,
        faces: Faces | None = None,
        faces_are_cheap: bool = False,
    ) -> None:
        self._model = model
        self._space = LatentSpace(model)
        self._resolution = resolution
        self._fresh = fresh
        self._room = kept
        self._faces = faces
        self._cheap = faces_are_cheap
        self._pictures: list[Tensor] = []
        self._latents: list[Tensor] = []
        self._oldest = 0

    @torch.no_grad()
    def generated(self, n: int) -> tuple[Tensor, Tensor]:
        """Mixed latents as the generator draws them: uint8 ``[n, 3, resolution, resolution]`` and w+."""
        generator = self._model.generator
        z = torch.randn(n, generator.z_dim).to(self._model.device)
        ws = self._space.mixed(generator.mapping(z)[:, 0], generator.num_ws)
        with mixed_precision(self._model.device):
            pictures = generator.synthesis(ws, noise_mode="const")
        return to_bytes(shrink(pictures, self._resolution)), ws.cpu()

    @torch.no_grad()
    def rendered(self, n: int) -> tuple[Tensor, Tensor]:
        """``n`` pictures of the renderer and the w+ of their latents."""
        assert self._faces is not None
        pictures: list[Tensor] = []
        latents: list[Tensor] = []
        while sum(len(part) for part in pictures) < n:
            z, drawn, _ = next(self._faces)
            pictures.append(drawn)
            latents.append(self._model.generator.mapping(z.to(self._model.device)).cpu())
        return torch.cat(pictures)[:n], torch.cat(latents)[:n]

    def __call__(self, n: int) -> tuple[Tensor, Tensor]:
        """``n`` pairs: float pictures in [-1, 1] and w+, on the model's device."""
        self._keep(*self.generated(self._fresh if self._pictures else max(self._fresh, n)))
        now: list[tuple[Tensor, Tensor]] = []
        if self._faces is not None and self._cheap:
            now.append(self.rendered(n // 2))
        elif self._faces is not None:
            self._keep(*self.rendered(_DRAWN_AT_ONCE))
        others = n - sum(len(pictures) for pictures, _ in now)
        chosen = torch.randint(0, len(self._pictures), (others,)).tolist()
        now.append(
            (
                torch.stack([self._pictures[i] for i in chosen]),
                torch.stack([self._latents[i] for i in chosen]),
            )
        )
        # In turn, so that any first few of a batch hold both kinds.
        order = torch.randperm(n)
        pictures = torch.cat([pictures for pictures, _ in now])[order].to(self._model.device)
        latents = torch.cat([latents for _, latents in now])[order].to(self._model.device)
        return from_bytes(pictures), latents

    def _keep(self, pictures: Tensor, latents: Tensor) -> None:
        for picture, latent in zip(pictures, latents, strict=True):
            if len(self._pictures) < self._room:
                self._pictures.append(picture)
                self._latents.append(latent)
            else:
                self._pictures[self._oldest], self._latents[self._oldest] = picture, latent
                self._oldest = (self._oldest + 1) % self._room
