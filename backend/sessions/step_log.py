"""The steps of a session in one append-only file: a killed process loses at most the step it was writing.

A record is ``magic, length, crc32`` and a msgpack map of that length. Reading stops at the first record that is
not whole, and the next append cuts it off. Standard library and msgpack only.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgpack  # type: ignore[import-untyped]

MAGIC = b"PFS1"
_HEAD = struct.Struct("<4sII")
MAX_RECORD_BYTES = 16 * 1024 * 1024

Points = list[list[float]]


@dataclass(frozen=True)
class StepRecord:
    """One saved step.

    Attributes:
        step: its number in the session, from 1; step 0 is the inversion itself and is not in the log.
        drag: the number of the drag that made it, from 0.
        handles, targets: image space, [N][2].
        distance: mean distance from handle to target, image px.
        distance_model: the same in px of the model's picture.
        latent: w+ float32, little-endian, [num_ws × w_dim] in C order.
    """

    step: int
    drag: int
    handles: Points
    targets: Points
    distance: float
    distance_model: float
    latent: bytes


def record_offsets(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """(offset, length of the payload) of every record that is whole, by its heads alone; cheap."""
    size = file.seek(0, os.SEEK_END)
    position = 0
    while position + _HEAD.size <= size:
        file.seek(position)
        magic, length, _ = _HEAD.unpack(file.read(_HEAD.size))
        if magic != MAGIC or length > MAX_RECORD_BYTES or position + _HEAD.size + length > size:
            return
        yield position, length
        position += _HEAD.size + length


def count_steps(path: Path) -> int:
    """How many steps a log holds; 0 when there is none."""
    try:
        with open(path, "rb") as file:
            return sum(1 for _ in record_offsets(file))
    except OSError:
        return 0


class StepLog:
    """The log of one session, for one process at a time.

    Args:
        path: the file; made by the first ``append``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets: list[int] = []
        self._end = 0
        if path.exists():
            self._recover()

    def _recover(self) -> None:
        with open(self._path, "rb") as file:
            for offset, length in record_offsets(file):
                if self._read(file, offset) is None:
                    return
                self._offsets.append(offset)
                self._end = offset + _HEAD.size + length

    def __len__(self) -> int:
        return len(self._offsets)

    @staticmethod
    def _read(file: BinaryIO, offset: int) -> dict[str, Any] | None:
        file.seek(offset)
        _, length, checksum = _HEAD.unpack(file.read(_HEAD.size))
        payload = file.read(length)
        if zlib.crc32(payload) != checksum:
            return None
        try:
            record = msgpack.unpackb(payload, raw=False)
        except (ValueError, msgpack.UnpackException):
            return None
        return record if isinstance(record, dict) else None

    def read(self, step: int) -> StepRecord:
        """The record of ``step``, from 1.

        Raises:
            LookupError: there is no such step, or its record is damaged.
        """
        if not 1 <= step <= len(self._offsets):
            raise LookupError(f"no step {step}")
        with open(self._path, "rb") as file:
            record = self._read(file, self._offsets[step - 1])
        try:
            return StepRecord(**(record or {}))
        except TypeError as error:
            raise LookupError(f"step {step} is damaged") from error

    def append(self, record: StepRecord) -> None:
        """Adds the next step; it is with the operating system when this returns, so that a kill cannot lose it.

        Raises:
            ValueError: ``record.step`` is not the next number.
            OSError: the disk is full or gone.
        """
        if record.step != len(self._offsets) + 1:
            raise ValueError(f"step {record.step} cannot follow step {len(self._offsets)}")
        payload = msgpack.packb(vars(record), use_bin_type=True)
        data = _HEAD.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload
        # Unbuffered, and cut to the last whole record first: whatever a killed writer left behind goes.
        with open(self._path, "r+b" if self._path.exists() else "x+b", buffering=0) as file:
            file.truncate(self._end)
            file.seek(self._end)
            written = 0
            while written < len(data):
                written += file.write(data[written:]) or 0
        self._offsets.append(self._end)
        self._end += len(data)
