"""Other programs' model files: one module a format, chosen by what is in a file and never by its name.

Nothing in a file is run, no weight is loaded, and neither torch nor NumPy is needed: a reader says which networks there
are and where their weights lie (`contents`). `backend.models.assembling` makes networks of that.
"""

from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.errors import PullfaceError

from . import nvidia, rosinality, tensorflow, torch_files
from .archives import Archive
from .contents import Contents, UnreadableError
from .machine import Machine
from .plain import NAMES

_WHOLE_WINDOW = 512


def read(path: Path) -> Contents:
    """The networks in a file of another program.

    Args:
        path: the file; it is mapped into memory for as long as the result is used.

    Raises:
        PullfaceError: ``bad_model``, the file is damaged, unsafe, or no StyleGAN.
    """
    try:
        return _read(_mapped(path))
    except UnreadableError as error:
        raise refusal(path, error) from error


def refusal(path: Path, error: UnreadableError) -> PullfaceError:
    """The error for a file that cannot be opened."""
    return PullfaceError("bad_model", f"“{path.name}” {error.reason}.", error.hint)


def _mapped(path: Path) -> memoryview:
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # ValueError: an empty file
        raise UnreadableError("cannot be read, or is empty") from error


def _read(data: memoryview) -> Contents:
    start = bytes(data[:_WHOLE_WINDOW])
    if start.lstrip()[:1] == b"<":
        raise UnreadableError(
            "is a web page, not a model",
            "The download failed or asks for a login: open the address in a browser and get the file there.",
        )
    if start.startswith(b"version https://git-lfs"):
        raise UnreadableError(
            "is a placeholder of Git LFS, not the model itself",
            "Get the file with `git lfs pull`, or from the project's page.",
        )
    if start.startswith(b"PK"):
        value = _archive(data)
    elif start[:1] == b"\x80" and len(data) > 1 and 2 <= data[1] <= 5:
        value = _pickle(data)
    else:
        raise UnreadableError(
            "is not a model that Pullface can open", "Choose a .pkl, .pt or .safetensors of a StyleGAN."
        )
    for reader in (nvidia.read, tensorflow.read, rosinality.read):
        contents = reader(value)
        if contents is not None:
            return contents if _belong_together(contents) else replace(contents, discriminator=None)
    raise UnreadableError(
        "holds no StyleGAN that Pullface knows",
        "Choose a model of NVIDIA's programs or of rosinality's; encoders and classifiers cannot be opened.",
    )


def _belong_together(contents: Contents) -> bool:
    """Whether the discriminator, if any, judges such pictures as the generator makes."""
    critic = contents.discriminator
    if critic is None:
        return True
    made = contents.generator.arguments
    return (
        critic.arguments["img_resolution"],
        critic.arguments["img_channels"],
        critic.arguments["c_dim"],
    ) == (
        made["img_resolution"],
        made.get("img_channels", 3),
        made.get("c_dim", 0),
    )


def _archive(data: memoryview) -> Any:
    archive = Archive(data)
    if not any(name.endswith("/data.pkl") for name in archive.names()):
        raise UnreadableError("is a zip archive, not a model", "Unpack it and choose the model in it.")
    return torch_files.read_archive(archive)


def _pickle(data: memoryview) -> Any:
    value = Machine(data, torch_files.MAKERS, NAMES).run()
    return torch_files.read_stream(data) if value == torch_files.MAGIC else value
