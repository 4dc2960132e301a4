"""Models that others publish and that can be downloaded: what they show, under which licence, and where they are.

Sizes and checksums stand here only where the publisher states them; a size that does not is asked of the server.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from backend.errors import PullfaceError

_LIST = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class Licence:
    """What a publisher allows.

    Attributes:
        name: of the licence.
        address: where it can be read, or whom to ask.
        terms: one sentence.
    """

    name: str
    address: str
    terms: str


@dataclass(frozen=True)
class Published:
    """A model to download.

    Attributes:
        name: to ask for it, and of the installed model.
        domain: what its pictures show.
        resolution: side of its pictures in pixels.
        licence: of the model.
        url: of its file.
        size_bytes, sha256: of the file, where they are published.
    """

    name: str
    domain: str
    resolution: int
    licence: Licence
    url: str
    size_bytes: int | None = None
    sha256: str | None = None


def published() -> list[Published]:
    """All of them, in the order of the list."""
    content = json.loads(_LIST.read_text(encoding="utf-8"))
    licences = {key: Licence(**value) for key, value in content["licences"].items()}
    return [Published(**{**model, "licence": licences[model["licence"]]}) for model in content["models"]]


def find_published(name: str) -> Published:
    """The one of that name.

    Raises:
        PullfaceError: ``unknown_model``.
    """
    for model in published():
        if model.name == name:
            return model
    raise PullfaceError(
        "unknown_model",
        f"There is no model named “{name}” to download.",
        "`pullface models list --all` shows which there are; `pullface models add` takes any address or file.",
    )
