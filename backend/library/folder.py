"""The user's models: a folder of files in our own form, each with a record of where it came from.

Needs neither torch nor NumPy; what does is in `backend.models.converting`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.errors import PullfaceError
from backend.models.catalogue import SUFFIX, ModelInfo, available, library_folder

INCOMING = "incoming"
"""Folder of what is being downloaded or converted, within the library's."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_AT_ONCE = 1 << 20

Tell = Callable[[float], None]
"""Takes how much is done, 0 … 1."""

Stop = Callable[[], bool]
"""Whether to stop."""


@dataclass(frozen=True)
class Record:
    """Where a model came from, and what its file must look like.

    Attributes:
        sha256: of the installed file.
        source: address or file name that it came from.
        source_sha256: of that file; empty where it was not taken.
    """

    sha256: str
    source: str
    source_sha256: str = ""


def check_name(name: str) -> str:
    """The name, if it can be one.

    Raises:
        PullfaceError: ``bad_name``, it cannot; ``name_taken``, a model that is installed has it.
    """
    if not _NAME.fullmatch(name):
        raise PullfaceError(
            "bad_name",
            f"“{name}” cannot be a model's name.",
            "Use letters, digits, points and dashes, at most 80: --name portraits-512.",
        )
    if file_of(name).exists() or any(model.name == name for model in available()):
        raise PullfaceError(
            "name_taken",
            f"There is already a model named “{name}”.",
            f"Give another one with --name, or remove the old one: pullface models remove {name}.",
        )
    return name


def file_of(name: str) -> Path:
    """Where the model of that name is, or would be."""
    return library_folder() / f"{name}{SUFFIX}"


def incoming() -> Path:
    """The folder of what is not whole yet. Created when missing."""
    folder = library_folder() / INCOMING
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def install(whole: Path, name: str, source: str, source_sha256: str) -> Path:
    """Move a whole model file into the library and note where it came from."""
    target = file_of(name)
    record = Record(sha256_of(whole), source, source_sha256)
    notes = whole.with_suffix(".json")
    notes.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    os.replace(notes, _record_file(target))
    os.replace(whole, target)
    return target


def record_of(model: ModelInfo) -> Record | None:
    """The record of an installed model; ``None`` for the embedded ones and where it is missing."""
    try:
        return Record(**json.loads(_record_file(model.path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def verify(model: ModelInfo, tell: Tell, stop: Stop) -> bool | None:
    """Whether an installed model's file is still what it was; ``None`` when that was not noted."""
    record = record_of(model)
    return None if record is None else sha256_of(model.path, tell, stop) == record.sha256


def remove(name: str) -> Path:
    """Delete a model from the library.

    Returns:
        The file that was deleted.

    Raises:
        PullfaceError: ``unknown_model``, it is not in the library; ``unwritable``.
    """
    path = file_of(name)
    if not _NAME.fullmatch(name) or not path.is_file():
        embedded = any(model.name == name for model in available())
        raise PullfaceError(
            "unknown_model",
            f"“{name}” is part of Pullface itself." if embedded else f"There is no model named “{name}”.",
            "`pullface models list` shows which can be removed: those that are not part of Pullface.",
        )
    try:
        path.unlink()
        _record_file(path).unlink(missing_ok=True)
    except OSError as error:
        raise PullfaceError(
            "unwritable",
            f"“{path}” cannot be deleted: {error.strerror}.",
            "Close what uses it and try again.",
        ) from error
    return path


def copy(source: Path, target: Path, tell: Tell, stop: Stop) -> None:
    """Copy a file; the target is whole or not there.

    Raises:
        PullfaceError: ``unwritable``, ``cancelled``.
    """
    part = target.with_name(target.name + ".part")
    try:
        with source.open("rb") as old, part.open("wb") as new:
            size, done = max(source.stat().st_size, 1), 0
            while piece := old.read(_AT_ONCE):
                _check(stop)
                done += new.write(piece)
                tell(done / size)
        shutil.copymode(source, part)
        os.replace(part, target)
    except OSError as error:
        raise PullfaceError(
            "unwritable", f"“{target}” cannot be written: {error.strerror}.", "Choose another place."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def sha256_of(path: Path, tell: Tell = lambda done: None, stop: Stop = lambda: False) -> str:
    """A file's SHA-256, hexadecimal.

    Raises:
        PullfaceError: ``bad_model``, it cannot be read; ``cancelled``.
    """
    digest = hashlib.sha256()
    try:
        size, done = max(path.stat().st_size, 1), 0
        with path.open("rb") as file:
            while piece := file.read(_AT_ONCE):
                _check(stop)
                digest.update(piece)
                done += len(piece)
                tell(done / size)
    except OSError as error:
        raise PullfaceError(
            "bad_model", f"“{path}” cannot be read: {error.strerror}.", "Check the file."
        ) from error
    return digest.hexdigest()


def _record_file(model: Path) -> Path:
    return model.with_suffix(".json")


def _check(stop: Stop) -> None:
    if stop():
        raise PullfaceError("cancelled", "It was stopped.", "Run the same command again.")
