"""Turns any model file into one of our own, which loads many times faster, and checks whole models."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from backend.errors import PullfaceError

from . import assembling, readers, storage
from .catalogue import METADATA_KEY, is_ours, read_metadata

SAMPLES = 50_000
"""Of w, for mean and covariance; opening a file without converting it takes fewer."""

Tell = Callable[[float, str], None]
"""Takes how much is done, 0 … 1, and what is being done."""


def convert(
    source: Path,
    target: Path,
    name: str,
    domain: str | None,
    licence: str | None,
    description: str | None,
    tell: Tell,
    label_names: Sequence[str] = (),
) -> None:
    """Write a model as a file of our own.

    Weights keep their precision: float32 from other programs' files, what it is in ours.

    Args:
        source: any file that `backend.models.load` takes.
        target: ends in ``.safetensors``.
        name: of the model.
        domain, licence, description: as in `catalogue.ModelInfo`; ``None`` for what the file says.
        tell: is called at each stage.
        label_names: what the labels of a conditional model are called; empty for what the file says.

    Raises:
        PullfaceError: ``bad_model``; ``bad_options``, there are more or fewer labels than names.
    """
    given = {
        key: value
        for key, value in (("domain", domain), ("licence", licence), ("description", description))
        if value is not None
    }
    tell(0.0, "Reading the model")
    if is_ours(source):
        storage.read(source)  # raises when it is damaged
        metadata = {**read_metadata(source), **given, "name": name}
        if label_names:
            _check(label_names, int(metadata["generator"].get("c_dim", 0)))
            metadata["label_names"] = list(label_names)
        with safe_open(source, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        tell(0.6, "Writing the model")
        save_file(tensors, target, metadata={METADATA_KEY: json.dumps(metadata)})
        return
    contents = readers.read(source)
    if label_names:
        _check(label_names, int(contents.generator.arguments.get("c_dim", 0)))
    model = assembling.model_of(
        source, contents, samples=SAMPLES, tell=lambda done: tell(0.3 + 0.5 * done, "Measuring w")
    )
    model = replace(
        model,
        name=name,
        domain=given.get("domain", model.domain),
        licence=given.get("licence", model.licence),
    )
    tell(0.8, "Writing the model")
    critic = contents.discriminator
    storage.write(
        target,
        model,
        given.get("description", f"Converted from a file of another program ({contents.format})."),
        contents.generator.arguments,
        None if critic is None else critic.arguments,
        torch.float32,
        label_names=label_names,
    )


def _check(label_names: Sequence[str], labels: int) -> None:
    if len(label_names) != labels:
        raise PullfaceError(
            "bad_options",
            f"The model has {labels} labels, not {len(label_names)}.",
            "Give a name for each, with commas between, or none." if labels else "Add it without names.",
        )
