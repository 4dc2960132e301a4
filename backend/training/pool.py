"""Faces drawn once and seen many times: a folder of pictures that one process fills while others train from it.

Every second face is the one before it with another expression (`expressions.in_pairs`).

Drawing a rich face takes about as long as training on it at small sizes, so a run that goes through several
resolutions draws its faces once, large, and averages them down.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch.nn import functional

from .expressions import in_pairs
from .faces import Batch, draw_batch
from .toon.factors import Z_DIM
from .toon.renderer import LANDMARKS

_DRAWN_AT_ONCE = 50
_FIRST_ENOUGH = 500


class FacePool:
    """A folder with `capacity` faces of `resolution` px, as many of them drawn as `drawn` says.

    Args:
        folder: made when it is not there; one that is there keeps its own capacity and resolution.
        capacity: faces in the end.
        resolution: side of the pictures in px.
        seed: of the faces; face i is the same in every pool of a seed.
    """

    def __init__(self, folder: Path, capacity: int = 30_000, resolution: int = 256, seed: int = 7) -> None:
        self._folder = folder
        self._progress = folder / "pool.json"
        if not self._progress.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shapes = self._shapes(capacity, resolution)
            for name, (shape, dtype) in shapes.items():
                open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape).flush()
            self._note({"capacity": capacity, "resolution": resolution, "seed": seed, "drawn": 0})
        facts = json.loads(self._progress.read_text())
        self.capacity, self.resolution, self.seed = facts["capacity"], facts["resolution"], facts["seed"]
        self._arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r+", allow_pickle=False)
            for name in ("latents", "pictures", "landmarks")
        }
        for name, (shape, _) in self._shapes(self.capacity, self.resolution).items():
            if self._arrays[name].shape != shape:
                raise ValueError(f"{folder} holds faces of another renderer: draw into another folder")

    @staticmethod
    def _shapes(capacity: int, resolution: int) -> dict[str, tuple[tuple[int, ...], str]]:
        return {
            "latents": ((capacity, Z_DIM), "<f4"),
            "pictures": ((capacity, 3, resolution, resolution), "|u1"),
            "landmarks": ((capacity, len(LANDMARKS), 2), "<f4"),
        }

    def _note(self, facts: dict[str, int]) -> None:
        temporary = self._progress.with_suffix(".new")
        temporary.write_text(json.dumps(facts))
        temporary.replace(self._progress)

    @property
    def drawn(self) -> int:
        """How many faces are there by now."""
        return int(json.loads(self._progress.read_text())["drawn"])

    def fill(self) -> Iterator[int]:
        """Draws what is missing, some faces at a time; gives the number drawn after each part."""
        drawn = self.drawn
        while drawn < self.capacity:
            last = min(drawn + _DRAWN_AT_ONCE, self.capacity)
            rng = np.random.default_rng([self.seed, drawn])
            z = rng.standard_normal((last - drawn, Z_DIM)).astype(np.float32)
            latents, pictures, landmarks = draw_batch(in_pairs(z, rng), self.resolution)
            for name, part in zip(("latents", "pictures", "landmarks"), (latents, pictures, landmarks)):
                self._arrays[name][drawn:last] = part.numpy()
            drawn = last
            facts = {"capacity": self.capacity, "resolution": self.resolution, "seed": self.seed}
            self._note({**facts, "drawn": drawn})
            yield drawn

    def batches(self, resolution: int, batch_size: int, seed: int) -> Iterator[Batch]:
        """An endless stream of random pairs of faces among those drawn by then, averaged down to `resolution` px:
        each face with an even place in its batch is followed by itself with another expression.

        Raises:
            ValueError: the pool holds too few faces yet, or smaller ones.
        """
        factor = self.resolution // resolution
        if self.drawn < min(_FIRST_ENOUGH, self.capacity) or factor < 1:
            raise ValueError("the pool of faces is too small: fill it first")
        rng = np.random.default_rng(seed)
        while True:
            available = self.drawn
            for _ in range(20):
                first = 2 * rng.integers(available // 2, size=(batch_size + 1) // 2)
                yield self._batch(np.stack([first, first + 1], axis=1).ravel()[:batch_size], factor)

    def _batch(self, index: NDArray[np.int64], factor: int) -> Batch:
        pictures = torch.from_numpy(self._arrays["pictures"][index])
        if factor > 1:
            pictures = functional.avg_pool2d(pictures.float(), factor).round().to(torch.uint8)
        landmarks = torch.from_numpy(self._arrays["landmarks"][index]) / factor
        return torch.from_numpy(self._arrays["latents"][index]), pictures, landmarks
