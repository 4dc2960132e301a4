"""Our own model files: safetensors with the networks, the statistics of w, and a description in the header."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stylegan_ops.discriminator import Discriminator
from stylegan_ops.encoder import Encoder
from stylegan_ops.generator import StyleGenerator

from . import weightless
from .catalogue import METADATA_KEY, bad_model, read_metadata
from .model import Model
from .readers.contents import UnreadableError

_Network = TypeVar("_Network", bound=nn.Module)

_OLD_FAMILY = "stylegan2"
"""Of generators in files from before there were others."""


def write(
    path: Path,
    model: Model,
    description: str,
    generator: Mapping[str, Any],
    discriminator: Mapping[str, Any] | None,
    dtype: torch.dtype = torch.float16,
    encoder: Mapping[str, Any] | None = None,
    factors: Sequence[str] | None = None,
    label_names: Sequence[str] = (),
) -> None:
    """Write a model file; an old one stays until the new one is whole.

    Args:
        path: ends in ``.safetensors``.
        model: what to write.
        description: one sentence for the catalogue.
        generator, discriminator, encoder: the arguments that the networks were built with; JSON values.
        dtype: of the stored weights. The statistics of w stay float32.
        factors: what the entries of z stand for, where they have names.
        label_names: what the labels of a conditional model are called, where they have names.

    Raises:
        ValueError: the arguments of a network of ``model`` are missing, or those of one that it has not are given.
    """
    tensors = {"w.mean": model.w_mean, "w.covariance": model.w_covariance}
    parts = {
        "generator": (model.generator, generator),
        "discriminator": (model.discriminator, discriminator),
        "encoder": (model.encoder, encoder),
    }
    for prefix, (network, arguments) in parts.items():
        if (network is None) != (arguments is None):
            raise ValueError(f"the {prefix} and its arguments belong together")
        if network is not None:
            for key, value in network.state_dict().items():
                tensors[f"{prefix}.{key}"] = value.to(dtype)
    metadata: dict[str, Any] = {
        "name": model.name,
        "domain": model.domain,
        "licence": model.licence,
        "description": description,
        "family": _family(model.generator),
        **{name: None if a is None else dict(a) for name, (_, a) in parts.items()},
    }
    if factors is not None:
        metadata["factors"] = list(factors)
    if label_names:
        metadata["label_names"] = list(label_names)
    contiguous = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    partial = path.with_suffix(".partial")
    save_file(contiguous, partial, metadata={METADATA_KEY: json.dumps(metadata)})
    os.replace(partial, path)


def read(path: Path, device: str = "cpu") -> Model:
    """Read a model file.

    Returns:
        The model in float32 on ``device``, in evaluation mode, its weights frozen.

    Raises:
        PullfaceError: ``bad_model`` when the file is damaged or does not hold what its header promises.
    """
    metadata = read_metadata(path)
    try:
        with safe_open(path, framework="pt", device=device) as file:
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 - not a dict
        if not all(_finite(value) for value in tensors.values()):
            raise ValueError("weights that are not finite")
        w_dim = metadata["generator"]["w_dim"]
        if (tensors["w.mean"].shape, tensors["w.covariance"].shape) != ((w_dim,), (w_dim, w_dim)):
            raise ValueError("statistics of another w")
        family = metadata.get("family", _OLD_FAMILY)
        critic = metadata["discriminator"]
        encoder = metadata.get("encoder")  # files made before there were encoders have no such entry
        return Model(
            name=str(metadata["name"]),
            domain=str(metadata["domain"]),
            licence=str(metadata["licence"]),
            generator=_build(StyleGenerator, family, metadata["generator"], tensors, "generator."),
            discriminator=None
            if critic is None
            else _build(Discriminator, "discriminator", critic, tensors, "discriminator."),
            w_mean=tensors["w.mean"],
            w_covariance=tensors["w.covariance"],
            encoder=None if encoder is None else _build(Encoder, "encoder", encoder, tensors, "encoder."),
        )
    except (
        UnreadableError,
        OSError,
        SafetensorError,
        KeyError,
        TypeError,
        ValueError,
        RuntimeError,
        AttributeError,
        ArithmeticError,
    ) as error:
        raise bad_model(path) from error


def _family(generator: StyleGenerator) -> str:
    return next(name for name, kind in weightless.CLASSES.items() if type(generator) is kind)


def _finite(value: Tensor) -> bool:
    # A sum is finite only if all its terms are, and takes no memory; a large one may overflow all the same.
    return bool(value.sum().isfinite()) or bool(value.isfinite().all())


def _build(
    kind: type[_Network],
    family: str,
    arguments: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    prefix: str,
) -> _Network:
    network = weightless.build(family, arguments)
    if not isinstance(network, kind):
        raise TypeError(f"{family} is no {kind.__name__}")
    state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval().requires_grad_(False)
