"""The tuned part of a generator, small: what changed, in as few levels as the picture can do without noticing.

A changed tensor is divided by the root mean square of each of its rows (output channels), rounded to multiples of a
step, and deflated: most of the integers are small, and zlib's Huffman codes come near their entropy. Small tensors
are kept in half precision. Nothing here is ever unpickled; sizes are checked before anything is unpacked.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

STEPS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.08, 0.04)
"""Steps in root mean squares of a row, coarse to fine; `pack` takes the first that loses little."""

MOST_LOST = 0.1
"""dB of peak signal-to-noise ratio that rounding may cost."""

PLAIN_VALUES = 2048
"""Tensors of no more values are kept in half precision."""

MAX_CODE = 127


@dataclass(frozen=True)
class PackedChange:
    """The change of one tensor, on the CPU.

    values: float16, of the tensor's own shape, when `scale` is None; else uint8 [bytes], the deflated int8 codes.
    scale: float16 [rows], what a code of 1 is worth in each row.
    """

    values: Tensor
    scale: Tensor | None = None

    @classmethod
    def of(cls, change: Tensor, step: float) -> PackedChange:
        """Packs `change` with a rounding of `step` root mean squares."""
        change = change.detach().float().cpu()
        if change.ndim < 2 or change.numel() <= PLAIN_VALUES:
            return cls(change.half().contiguous())
        rows = change.flatten(1)
        scale = (rows.square().mean(dim=1).sqrt() * step).half()
        worth = scale.float().clamp(min=torch.finfo(torch.float16).smallest_normal)
        scale = worth.half()
        codes = (rows / worth[:, None]).round().clamp(-MAX_CODE, MAX_CODE).to(torch.int8)
        packer = zlib.compressobj(9, strategy=zlib.Z_HUFFMAN_ONLY)
        data = packer.compress(codes.numpy().tobytes()) + packer.flush()
        return cls(torch.frombuffer(bytearray(data), dtype=torch.uint8), scale)

    def unpacked(self, shape: torch.Size) -> Tensor:
        """The change, float32 of `shape`. Raises ValueError when it has another one or makes no sense."""
        if self.scale is None:
            if self.values.dtype != torch.float16 or self.values.shape != shape:
                raise ValueError("a change of another shape")
            change = self.values.float()
        else:
            if self.values.dtype != torch.uint8 or self.values.ndim != 1 or self.scale.dtype != torch.float16:
                raise ValueError("a change of another kind")
            if len(shape) < 2 or self.scale.shape != shape[:1]:
                raise ValueError("a change of another shape")
            change = self._codes(shape.numel()).view(shape[0], -1).float() * self.scale.float()[:, None]
            change = change.view(shape)
        if not bool(change.isfinite().all()):
            raise ValueError("a change that is not finite")
        return change

    def _codes(self, count: int) -> Tensor:
        unpacker = zlib.decompressobj()
        try:
            # One byte more than there may be: a small file must not become a large memory.
            data = unpacker.decompress(self.values.numpy().tobytes(), count + 1)
        except zlib.error as error:
            raise ValueError("a change that cannot be unpacked") from error
        if len(data) != count or not unpacker.eof or unpacker.unused_data:
            raise ValueError("a change of another size")
        return torch.frombuffer(bytearray(data), dtype=torch.int8)


def changes(base: Any, tuned: Any) -> dict[str, Tensor]:
    """What `tuned` has that `base` has not, float32 by name of parameter or buffer; equal tensors are left out."""
    before = dict(base.named_parameters()) | dict(base.named_buffers())
    after = dict(tuned.named_parameters()) | dict(tuned.named_buffers())
    return {
        name: value.detach() - before[name]
        for name, value in after.items()
        if not torch.equal(value.detach(), before[name])
    }


def pack(
    changed: Mapping[str, Tensor], quality: Callable[[Mapping[str, PackedChange]], float], wanted: float
) -> dict[str, PackedChange]:
    """Packs all changes with the largest step that keeps the picture.

    quality: PSNR (dB) of the picture that a packed change gives. wanted: that of the change itself.
    """
    packed: dict[str, PackedChange] = {}
    for step in STEPS:
        packed = {name: PackedChange.of(change, step) for name, change in changed.items()}
        if quality(packed) >= wanted - MOST_LOST:
            break
    return packed
