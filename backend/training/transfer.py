"""Start a generator of the procedural faces from one that knows an earlier renderer.

A renderer that grows has new factors, and so its z has new entries. What the networks have learned of the others
stays good: the mapping's first layer keeps the column of each factor that still exists, found by its name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from backend.models import storage
from backend.models.catalogue import read_metadata

from .expressions import GROUPS
from .toon.factors import NAMES

_FIRST_LAYER = "mapping.fc0.weight"
_NEW_COLUMNS = 0.05
"""Spread of a new factor's column, against that of the known ones: it starts with next to no effect."""

_HEARD = 3.3
"""Least length of an expression's column, in medians of all. A factor that w hardly tells of is never learned: the
synthesis sees nothing to draw, so the mapping is never asked to say more."""


def start_from(path: Path, generator: nn.Module, discriminator: nn.Module) -> int:
    """Take over the weights of the model file at `path` wherever name and shape agree.

    Args:
        path: a model of the procedural faces, with its factors' names in the header.
        generator, discriminator: what is to be trained; a larger resolution than the file's is fine, its new blocks
            keep their random weights.

    Returns:
        How many factors of today's renderer the file knows.

    Raises:
        ValueError: the file does not say which factors its z stands for.
        PullfaceError: ``bad_model``.
    """
    known = read_metadata(path).get("factors")
    if not known:
        raise ValueError(f"{path.name} does not say which factors its z stands for")
    model = storage.read(path)
    columns = model.generator.state_dict()[_FIRST_LAYER]
    _take_over(generator, model.generator, skip=_FIRST_LAYER)
    if model.discriminator is not None:
        _take_over(discriminator, model.discriminator)
    first = generator.get_parameter(_FIRST_LAYER)
    if first.shape[0] != columns.shape[0]:
        return 0
    with torch.no_grad():
        first.copy_(heard(by_name(columns, known, NAMES)))
    return len(set(known) & set(NAMES))


def by_name(columns: torch.Tensor, known: Sequence[str], names: Sequence[str]) -> torch.Tensor:
    """Columns ``[out, len(known)]`` of a first layer as ``[out, len(names)]``, matched by name.

    A layer's weights act through a gain of one over the square root of its inputs, which is undone.
    """
    new = torch.randn(columns.shape[0], len(names)) * columns.std() * _NEW_COLUMNS
    for index, name in enumerate(known):
        if name in names:
            new[:, names.index(name)] = columns[:, index] * math.sqrt(len(names) / len(known))
    return new


def heard(columns: torch.Tensor) -> torch.Tensor:
    """The columns ``[out, len(NAMES)]``, those of expressions (`expressions.GROUPS`) lengthened where w hardly tells
    of them.
    """
    lengths = columns.norm(dim=0)
    least = _HEARD * lengths.median()
    scale = torch.ones_like(lengths)
    for name in (name for group in GROUPS.values() for name in group):
        index = NAMES.index(name)
        scale[index] = (least / lengths[index]).clamp(min=1)
    return columns * scale


def _take_over(network: nn.Module, source: nn.Module, skip: str = "") -> None:
    target = network.state_dict()
    fitting = {
        name: value
        for name, value in source.state_dict().items()
        if name != skip and name in target and target[name].shape == value.shape
    }
    network.load_state_dict({**target, **fitting})
