"""What a session remembers besides pixels and latents, as a small JSON file that is replaced atomically."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

from backend.errors import PullfaceError
from backend.sessions.listing import FORMAT, RECORD_FILE, read_record
from backend.wire.files import replace_file


@dataclass
class DragRecord:
    """One drag of a session.

    Attributes:
        number: from 0.
        from_step: the step that it started from.
        first_step: the number of its first own step (it may have none).
        pairs: [N][2 (handle, target)][2 (x, y)], image space, as they were at its start.
        masked: whether ``mask-<number>.npz`` holds what may move.
        options: as the client gave them.
        outcome: "arrived", "stuck", "limit" or "stopped"; None while it runs and after a kill.
    """

    number: int
    from_step: int
    first_step: int
    pairs: list[list[list[float]]]
    masked: bool
    options: dict[str, Any]
    outcome: str | None = None


@dataclass
class SessionRecord:
    """The record of one session.

    Attributes:
        session: its name, 32 hexadecimal digits.
        model: the model's name or path, as the client gave it.
        resolution: longer side of the model's picture in px.
        crop: [x, y, size] or [x, y, size, angle], image space.
        layer: [x, y, width, height] of the whole layer, image space.
        rect: [x, y, width, height] of the window that is kept: crop ∩ layer.
        created, modified: seconds since the epoch.
        inversion: None before it is inverted, else key, seconds, distance, what measured it, and the label.
        drags: oldest first.
        chosen_by, faces, note: how the crop was chosen, see ``backend.sessions.faces``.
        height, width: of the model's picture in px; 0 in records of before there were models that are not square.
        labels, label_names: of the model, see ``backend.models.ModelInfo``.
    """

    session: str
    model: str
    resolution: int
    crop: list[int | float]
    layer: list[int]
    rect: list[int]
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)
    inversion: dict[str, Any] | None = None
    drags: list[DragRecord] = field(default_factory=list)
    chosen_by: str = "given"
    faces: list[dict[str, Any]] = field(default_factory=list)
    note: str | None = None
    height: int = 0
    width: int = 0
    labels: int = 0
    label_names: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the model's picture in px."""
        return self.height or self.resolution, self.width or self.resolution

    def save(self, folder: Path) -> None:
        """Writes the record into the session's folder, atomically."""
        self.modified = time.time()
        data = json.dumps({"format": FORMAT, **asdict(self)}).encode()
        write_atomically(folder / RECORD_FILE, lambda file: file.write(data))

    @classmethod
    def load(cls, folder: Path) -> SessionRecord:
        """Reads the record of a session's folder.

        Raises:
            PullfaceError: ``unknown_session`` when there is no such session, ``damaged_session`` when its record
                makes no sense.
        """
        values = read_record(folder)
        if values is None:
            raise PullfaceError(
                "unknown_session", "This session is not saved (any more).", "Open the layer again."
            )
        known = {item.name for item in fields(cls)}
        try:
            drags = [DragRecord(**drag) for drag in values.pop("drags", [])]
            return cls(**{key: value for key, value in values.items() if key in known}, drags=drags)
        except (TypeError, AttributeError) as error:
            raise damaged_session() from error


def damaged_session() -> PullfaceError:
    """The error for a session whose files cannot be read."""
    return PullfaceError(
        "damaged_session", "The saved session cannot be read.", "Open the layer again; the layer is unharmed."
    )


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Writes a file so that readers, and a start after a kill, see the old one or the new one as a whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            write(file)
        replace_file(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
