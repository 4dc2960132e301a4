"""What a reader finds in a model file: the arguments of networks and where their weights lie, nothing loaded yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Protocol

ITEM_BYTES = {
    "f2": 2,
    "bf16": 2,
    "f4": 4,
    "f8": 8,
    "i1": 1,
    "u1": 1,
    "i2": 2,
    "i4": 4,
    "i8": 8,
    "b1": 1,
}
"""Bytes of one number by its kind: numpy's codes, and ``bf16``."""

MOST_AXES = 8


class UnreadableError(Exception):
    """Why a file is no model that can be opened.

    Attributes:
        reason: goes on after the file's name: ``"is not complete"``.
        hint: what to do about it, one sentence.
    """

    def __init__(self, reason: str, hint: str = "Get the file again, or choose another model.") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def cut_off() -> UnreadableError:
    """The reason for a file that ends too early."""
    return UnreadableError(
        "is not complete", "Get the file again: a download that broke off looks like this."
    )


def damaged(what: str) -> UnreadableError:
    """The reason for a file whose parts contradict each other."""
    return UnreadableError(f"is damaged ({what})", "Get the file again, or choose another model.")


class Storage(Protocol):
    """Numbers that lie one after the other in the file."""

    def numbers(self) -> tuple[str, str, memoryview]:
        """Their kind (see `ITEM_BYTES`), byte order ``<`` or ``>``, and their bytes."""


@dataclass(frozen=True, slots=True)
class Array:
    """A view of a storage, not read yet.

    Attributes:
        storage: where the numbers lie.
        offset: of the first one, in numbers.
        shape: of the array.
        strides: in numbers; may be negative.
        plus: is added to each number.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    plus: float = 0.0

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    def reordered(self, *axes: int) -> Array:
        """With its axes in another order."""
        if sorted(axes) != list(range(len(self.shape))):
            raise damaged(f"an array has {len(self.shape)} axes")
        return replace(
            self, shape=tuple(self.shape[i] for i in axes), strides=tuple(self.strides[i] for i in axes)
        )

    def flipped(self, *axes: int) -> Array:
        """With the numbers along these axes in the opposite order."""
        offset, strides = self.offset, list(self.strides)
        for axis in axes:
            if axis >= len(self.shape):
                raise damaged(f"an array has {len(self.shape)} axes")
            offset += max(self.shape[axis] - 1, 0) * strides[axis]
            strides[axis] = -strides[axis]
        return replace(self, offset=offset, strides=tuple(strides))

    def without_ones(self, axes: int) -> Array:
        """With so many axes left, those of length 1 being dropped from the front, then from the back."""
        shape, strides = list(self.shape), list(self.strides)
        while len(shape) > axes and (shape[0] == 1 or shape[-1] == 1):
            end = 0 if shape[0] == 1 else -1
            del shape[end], strides[end]
        if len(shape) != axes:
            raise damaged(f"an array of {list(self.shape)} where one with {axes} axes belongs")
        return replace(self, shape=tuple(shape), strides=tuple(strides))


def contiguous(shape: tuple[int, ...], fortran: bool = False) -> tuple[int, ...]:
    """Strides, in numbers, of an array without gaps."""
    strides, step = [], 1
    for size in shape if fortran else reversed(shape):
        strides.append(step)
        step *= size
    return tuple(strides if fortran else reversed(strides))


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        family: ``stylegan2``, ``stylegan3`` or ``discriminator``.
        arguments: of our class; JSON values.
        weights: parameters and buffers by their names in our class. Resampling filters, noise maps and the mean of w
            may be missing.
        expected: attributes that the built network must have, by module and name, since the file's layers have
            them; a network that is built otherwise would render other pictures.
    """

    family: str
    arguments: dict[str, Any]
    weights: Mapping[str, Array]
    expected: Mapping[tuple[str, str], float | tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Contents:
    """The networks of a file.

    Attributes:
        format: for people: ``"NVIDIA pickle"``.
        generator: the averaged one where there are two.
        discriminator: ``None`` where there is none that could be used.
    """

    format: str
    generator: Network
    discriminator: Network | None = None
