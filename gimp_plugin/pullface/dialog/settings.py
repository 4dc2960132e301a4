"""What the dialog had when it was last closed, for the next one: a small file in GIMP's own folder."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import get_args

from ..backend.editing.host import AreaOptions, Movable

NAME = "pullface.json"

DEFAULT_STRENGTH = 0.4
"""The backend's own."""

_LARGEST = 10_000


@dataclass(frozen=True)
class Settings:
    """What is kept.

    Attributes:
        model: name or path; empty for the default.
        area: how the movable area is made.
        strength: 0 to 1, how much the picture may change for the sake of the points.
        size: of the window, logical px.
    """

    model: str = ""
    area: AreaOptions = field(default_factory=AreaOptions)
    strength: float = DEFAULT_STRENGTH
    size: tuple[int, int] = (1080, 720)

    @classmethod
    def load(cls, folder: Path) -> Settings:
        """From GIMP's folder; the defaults where there is none, or one that cannot be read."""
        try:
            value = json.loads((folder / NAME).read_text(encoding="utf-8"))
            area, size = value["area"], value["size"]
            if area["movable"] not in get_args(Movable):
                return cls()
            return cls(
                str(value["model"]),
                AreaOptions(area["movable"], int(area["grow"]), int(area["feather"])),
                min(1.0, max(0.0, float(value["strength"]))),
                (_side(size[0], 600), _side(size[1], 400)),
            )
        except (OSError, ValueError, TypeError, KeyError, IndexError, ArithmeticError, RecursionError):
            return cls()

    def save(self, folder: Path) -> None:
        """Into GIMP's folder; where that cannot be written, nothing is kept, and nothing else is lost."""
        with contextlib.suppress(OSError):
            new = folder / f"{NAME}.new"
            new.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
            os.replace(new, folder / NAME)


def _side(value: object, least: int) -> int:
    return min(_LARGEST, max(least, int(value)))  # type: ignore[call-overload]
