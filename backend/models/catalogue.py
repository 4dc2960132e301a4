"""Which models there are, read from the files' headers alone: no torch, no weights."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.errors import PullfaceError
from backend.wire.folders import data_folder

from . import readers

FAMILIES = {"stylegan2": "StyleGAN2", "stylegan3": "StyleGAN3"}
"""What people call the kinds of generators."""

EMBEDDED = Path(__file__).parent / "embedded"
DEFAULT_MODEL = "toon"
METADATA_KEY = "pullface_model"
SUFFIX = ".safetensors"

UNKNOWN = "unknown"
"""Domain and licence of a file that does not tell them."""

# safetensors itself allows a header of 100 MB; ours are some kilobytes, and JSON takes many times its size in memory.
_LARGEST_HEADER = 4 * 1024 * 1024
_LEAST_ALLOWED = 64 * 1024

_LARGEST_SIDE = 1 << 16
"""Of a model's pictures, px; a size that a file only claims must not get any farther."""


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model without loading it.

    Attributes:
        name: the name to choose it by.
        path: its file.
        domain: what its pictures show, e.g. ``"anime-style faces"``.
        resolution: longer side of its pictures in pixels.
        licence: SPDX identifier or a name.
        description: one sentence.
        size_bytes: of the file.
        labels: how many labels there are to choose from; 0 for none.
        label_names: of these, in their order; empty where the file does not tell them.
        height, width: of its pictures in pixels.
    """

    name: str
    path: Path
    domain: str
    resolution: int
    licence: str
    description: str
    size_bytes: int
    labels: int = 0
    label_names: tuple[str, ...] = ()
    height: int = 0
    width: int = 0


def is_ours(path: Path) -> bool:
    """Whether the file is of safetensors' form, by its content; a file that cannot be read is not."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError:
        return False
    return start[8:] == b"{" and struct.unpack("<Q", start[:8])[0] < path.stat().st_size


def read_metadata(path: Path) -> dict[str, Any]:
    """The model description in a safetensors file's header.

    Raises:
        PullfaceError: ``bad_model`` when the file is no model of ours.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(max(path.stat().st_size // 8, _LEAST_ALLOWED), _LARGEST_HEADER):
                raise ValueError("the header is too long")
            header = json.loads(file.read(length))
        metadata = json.loads(header["__metadata__"][METADATA_KEY])
        if not isinstance(metadata, dict):
            raise ValueError("the description is not an object")
    except (OSError, struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise bad_model(path) from error
    return metadata


def bad_model(path: Path) -> PullfaceError:
    """The error for a file that is not, or no longer, a model."""
    return PullfaceError(
        "bad_model",
        f"“{path.name}” is not a model that Pullface can open.",
        "Get the file again if it may be damaged, or choose another model.",
    )


def info(path: Path) -> ModelInfo:
    """What a file, ours or one of another program, says of its model.

    Raises:
        PullfaceError: ``bad_model``, the file is damaged, unsafe or no StyleGAN.
    """
    return _of_ours(path) if is_ours(path) else _of_another(path)


def _of_another(path: Path) -> ModelInfo:
    contents = readers.read(path)
    generator = contents.generator
    height, width = _shape(generator.arguments)
    return ModelInfo(
        name=path.stem,
        path=path,
        domain=UNKNOWN,
        resolution=max(height, width),
        licence=UNKNOWN,
        description=f"{FAMILIES[generator.family]}, {contents.format}.",
        size_bytes=path.stat().st_size,
        labels=int(generator.arguments.get("c_dim", 0)),
        height=height,
        width=width,
    )


def _of_ours(path: Path) -> ModelInfo:
    metadata = read_metadata(path)
    try:
        height, width = _shape(metadata["generator"])
        if min(height, width) < 1 or max(height, width) > _LARGEST_SIDE:
            raise ValueError("pictures of a size that no model has")
        labels = int(metadata["generator"].get("c_dim", 0))
        names = metadata.get("label_names") or ()
        if names and not (len(names) == labels and all(isinstance(name, str) for name in names)):
            raise ValueError("the labels have other names")
        return ModelInfo(
            name=str(metadata["name"]),
            path=path,
            domain=str(metadata["domain"]),
            resolution=max(height, width),
            licence=str(metadata["licence"]),
            description=str(metadata["description"]),
            size_bytes=path.stat().st_size,
            labels=labels,
            label_names=tuple(names),
            height=height,
            width=width,
        )
    except (AttributeError, OverflowError, KeyError, TypeError, ValueError) as error:
        raise bad_model(path) from error


def _shape(generator: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width of the pictures of a generator with these arguments, see `stylegan_ops.layers.size_at`."""
    resolution = int(generator["img_resolution"])
    height, width = generator.get("base_size", (4, 4))
    return int(height) * resolution // 4, int(width) * resolution // 4


def library_folder() -> Path:
    """Where the user's own models are. Not created here."""
    return data_folder() / "models"


def available() -> list[ModelInfo]:
    """The embedded models and the user's own, the default one first, then by name; a damaged own one is left out.

    Raises:
        PullfaceError: ``bad_model``, an embedded model is damaged.
    """
    found = {model.name: model for model in map(info, EMBEDDED.glob(f"*{SUFFIX}"))}
    for path in _own_files():
        try:
            found.setdefault(path.stem, replace(_of_ours(path), name=path.stem))
        except PullfaceError:
            continue
    return sorted(found.values(), key=lambda model: (model.name != DEFAULT_MODEL, model.name))


def damaged() -> list[Path]:
    """The files among the user's own models that cannot be read."""
    good = {model.path for model in available()}
    return [path for path in _own_files() if path not in good]


def _own_files() -> list[Path]:
    try:
        return sorted(library_folder().glob(f"*{SUFFIX}"))
    except OSError:  # a home that is not there, or cannot be written: then there are none
        return []


def find(name_or_path: str | Path) -> ModelInfo:
    """The model of that name, or in that file.

    Raises:
        PullfaceError: ``unknown_model`` or ``bad_model``.
    """
    found = _find(name_or_path)
    return info(found) if isinstance(found, Path) else found


def path_of(name_or_path: str | Path) -> Path:
    """The file of the model of that name, or that file itself, which is not looked into.

    Raises:
        PullfaceError: ``unknown_model``.
    """
    found = _find(name_or_path)
    return found if isinstance(found, Path) else found.path


def _find(name_or_path: str | Path) -> ModelInfo | Path:
    installed = available()
    for candidate in installed:
        if candidate.name == str(name_or_path):
            return candidate
    path = Path(name_or_path)
    if path.is_file():
        return path
    names = ", ".join(m.name for m in installed)
    raise PullfaceError(
        "unknown_model",
        f"There is no model named “{name_or_path}”.",
        f"Choose one of: {names}; or give the path of a model's file.",
    )
