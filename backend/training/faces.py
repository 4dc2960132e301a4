"""An endless stream of procedural faces for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from .expressions import in_pairs
from .toon.factors import Z_DIM, factors_from_latent
from .toon.renderer import LANDMARKS, render

Batch = tuple[Tensor, Tensor, Tensor]

# Small pictures are drawn larger and averaged down: skia's thinnest lines vanish below this size.
_SMALLEST_DRAWING = 64


class FaceStream(IterableDataset[Batch]):
    """Batches of ``(z [N, Z_DIM], pictures uint8 [N, 3, R, R], landmarks [N, L, 2])``.

    Landmarks are (x, y) in pixels of the picture, in the order of `toon.renderer.LANDMARKS`.

    Args:
        resolution: side of the pictures in pixels, a power of two.
        batch_size: faces a batch.
        seed: each worker and each epoch of a seed draws its own faces.
        vary: changes the latents ``[N, Z_DIM]`` of a batch before they are drawn.
        pairs: make every second face the one before it with another expression.
    """

    def __init__(
        self,
        resolution: int,
        batch_size: int,
        seed: int,
        vary: Callable[[Tensor], Tensor] | None = None,
        pairs: bool = False,
    ) -> None:
        super().__init__()
        self.resolution = resolution
        self.batch_size = batch_size
        self.seed = seed
        self.vary = vary
        self.pairs = pairs

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        while True:
            z = rng.standard_normal((self.batch_size, Z_DIM)).astype(np.float32)
            if self.vary is not None:
                z = self.vary(torch.from_numpy(z)).numpy()
            if self.pairs:
                z = in_pairs(z, rng)
            yield draw_batch(z, self.resolution)


def draw_batch(z: np.ndarray, resolution: int) -> Batch:
    """Render latents ``[N, Z_DIM]``; see `FaceStream` for what comes back."""
    size = max(resolution, _SMALLEST_DRAWING)
    factor = size // resolution
    pictures = np.empty((len(z), resolution, resolution, 3), np.uint8)
    landmarks = np.empty((len(z), len(LANDMARKS), 2), np.float32)
    for i, latent in enumerate(z):
        face = render(factors_from_latent(latent), size)
        blocks = face.picture.reshape(resolution, factor, resolution, factor, 3)
        pictures[i] = face.picture if factor == 1 else blocks.mean(axis=(1, 3)).round()
        landmarks[i] = np.array([face.landmarks[name] for name in LANDMARKS]) / factor
    channels_first = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
    return torch.from_numpy(z), torch.from_numpy(channels_first), torch.from_numpy(landmarks)


def face_loader(
    resolution: int,
    batch_size: int,
    seed: int,
    workers: int = 1,
    vary: Callable[[Tensor], Tensor] | None = None,
    pairs: bool = False,
) -> Iterator[Batch]:
    """Batches drawn ahead of time in ``workers`` processes (0: in this one); see `FaceStream`."""
    stream = FaceStream(resolution, batch_size, seed, vary, pairs)
    return iter(
        DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=8 if workers else None)
    )
