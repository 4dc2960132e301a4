"""Sample grids: rows of pictures as one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor


def to_bytes(pictures: Tensor) -> Tensor:
    """``[N, 3, R, R]`` in [-1, 1] (beyond is cut off) to uint8 on the CPU."""
    return ((pictures.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def from_bytes(pictures: Tensor) -> Tensor:
    """uint8 ``[N, 3, R, R]`` to float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1


def write_grid(path: Path, rows: Sequence[Tensor]) -> None:
    """Write pictures below one another.

    Args:
        path: of the picture to write.
        rows: float ``[N, 3, R, R]`` in [-1, 1] each, of one size and number.
    """
    joined = torch.cat([torch.cat(list(to_bytes(row)), dim=2) for row in rows], dim=1)
    picture = Image.fromarray(joined.permute(1, 2, 0).contiguous().numpy())
    scale = max(1, 128 // rows[0].shape[-1])
    if scale > 1:
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    picture.save(path)
