"""Real pictures for the adversarial training, each batch a function of how many pictures were shown before it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from backend.errors import PullfaceError

# Decoded pictures are kept in memory up to here; beyond, they are read again every time.
_MEMORY = 2 * 1024**3


class Pictures(Protocol):
    """Where real pictures come from."""

    def __len__(self) -> int:
        """How many different ones there are; the renderer's are counted as a large number."""

    def batch(self, start: int, n: int) -> Tensor:
        """Pictures ``start`` to ``start + n`` of an endless stream: uint8 ``[n, 3, R, R]``.

        The same numbers give the same pictures, so that a resumed run sees what it would have seen.
        """


class FolderPictures:
    """Prepared PNG files (`folder.prepare`), shuffled anew in every epoch, read when they are first needed.

    Args:
        files: pictures of ``resolution`` pixels.
        resolution: their side.
        seed: of the order.
        mirror: also show every picture mirrored, as a picture of its own.
    """

    def __init__(self, files: list[Path], resolution: int, seed: int = 0, mirror: bool = True) -> None:
        self._files = files
        self._resolution = resolution
        self._seed = seed
        self._mirror = mirror
        self._kept: dict[int, Tensor] = {}
        self._room = _MEMORY // (3 * resolution**2)
        self._order: tuple[int, list[int]] = (-1, [])

    def __len__(self) -> int:
        return len(self._files) * (2 if self._mirror else 1)

    def batch(self, start: int, n: int) -> Tensor:
        """See `Pictures.batch`."""
        return torch.stack([self._picture(number) for number in range(start, start + n)])

    def _picture(self, number: int) -> Tensor:
        epoch, place = divmod(number, len(self))
        if self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng([self._seed, epoch]).permutation(len(self)).tolist())
        index = self._order[1][place]
        picture = self._read(index % len(self._files))
        return picture.flip(2) if index >= len(self._files) else picture

    def _read(self, index: int) -> Tensor:
        if index in self._kept:
            return self._kept[index]
        path = self._files[index]
        try:
            with Image.open(path) as file:
                pixels = np.array(file.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise PullfaceError(
                "bad_picture", f"The prepared picture “{path}” cannot be read.", "Delete it and start again."
            ) from error
        if pixels.shape != (self._resolution, self._resolution, 3):
            raise PullfaceError(
                "bad_picture",
                f"The prepared picture “{path}” is not {self._resolution} pixels wide and high.",
                "Delete it and start again.",
            )
        picture = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
        if len(self._kept) < self._room:
            self._kept[index] = picture
        return picture


class RenderedPictures:
    """The procedural faces.

    Args:
        resolution: side in pixels.
        seed: picture k of a seed is always the same.
    """

    def __init__(self, resolution: int, seed: int = 0) -> None:
        try:
            from .faces import draw_batch  # needs skia, which a folder does not
        except ImportError as error:
            raise PullfaceError(
                "no_renderer",
                "The procedural faces cannot be drawn: the drawing library skia is not installed.",
                "Install it with: python -m pip install skia-python; or give a folder with --data.",
            ) from error
        from .toon.factors import Z_DIM

        self._draw, self._z_dim = draw_batch, Z_DIM
        self._resolution = resolution
        self._seed = seed

    def __len__(self) -> int:
        return 1_000_000

    def batch(self, start: int, n: int) -> Tensor:
        """See `Pictures.batch`."""
        z = np.stack(
            [
                np.random.default_rng([self._seed, number]).standard_normal(self._z_dim)
                for number in range(start, start + n)
            ]
        )
        return self._draw(z.astype(np.float32), self._resolution)[1]
