"""Which part of a layer the model is to see: a face that is found, or what the artist says instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.engine import Crop, choose_crop
from backend.engine.alignment import LARGEST_SIDE, SMALLEST_SIDE, content_bounds
from backend.engine.depth import Pixels, display
from backend.errors import PullfaceError

UPRIGHT = 2.0
"""A face tilted by fewer degrees is taken as upright: the model knows such faces, and an upright crop is exact."""

MAX_FACES = 32
"""Most faces that are told."""

_NOT_SQUARE = (
    "This model's pictures are not square: they show more than a face, so the whole layer is used. If that does not "
    "fit, draw the crop."
)


@dataclass(frozen=True)
class Face:
    """A face in a layer: the crop that frames it for the model, image space, and how sure that is, 0 to 1."""

    crop: Crop
    score: float

    def facts(self) -> dict[str, Any]:
        """As messages and records have it; the crop always with its angle."""
        crop = self.crop
        return {"crop": [crop.x, crop.y, crop.size, crop.angle], "score": round(self.score, 3)}


@dataclass(frozen=True)
class Choice:
    """The crop that was chosen.

    Attributes:
        crop: image space.
        chosen_by: "face", "layer", "selection" or "given".
        faces: all that were found, the surest first; empty when none was looked for.
        note: a sentence for the artist when it is not simply what was asked for.
    """

    crop: Crop
    chosen_by: str
    faces: tuple[Face, ...] = ()
    note: str | None = None


def find(layer: Pixels, offset: tuple[int, int]) -> tuple[Face, ...]:
    """The faces in a layer (RGBA [H, W, 4] at image position `offset`), the surest first.

    Raises PullfaceError when the finder's own files are missing.
    """
    # Late: its network is only loaded where faces are looked for.
    from backend.detection import find_faces, frame

    faces = []
    for found in find_faces(display(layer))[:MAX_FACES]:
        middle_x, middle_y, side = frame(found)
        size = round(side)
        if SMALLEST_SIDE <= size <= LARGEST_SIDE:
            x, y = round(middle_x - side / 2) + offset[0], round(middle_y - side / 2) + offset[1]
            angle = round(float(found.angle), 1)
            crop = Crop(x, y, size, angle if abs(angle) >= UPRIGHT else 0.0)
            faces.append(Face(crop, float(found.score)))
    return tuple(faces)


def choose(
    layer: Pixels,
    offset: tuple[int, int],
    request: str | Sequence[int | float],
    selection: NDArray[np.uint8] | None = None,
    point: Sequence[float] | None = None,
    number: int | None = None,
    aspect: float = 1.0,
) -> Choice:
    """The crop of a layer.

    Args:
        layer: RGBA [H, W, 4].
        offset: image position (x, y) of its top-left pixel.
        request: "face", or as for ``choose_crop``.
        selection: uint8 [H, W], 255 = selected. Of several faces the selected one is taken.
        point: (x, y) in image space: the face there is taken.
        number: of the face that is taken, counted from 0 as ``find`` lists them.
        aspect: width by height of the model's pictures. How a face is framed is known for squares only.

    Raises:
        PullfaceError: as ``choose_crop``; ``bad_crop`` when there is no face of this number.
    """
    if request != "face":
        named = request if isinstance(request, str) else "given"
        return Choice(choose_crop(layer, offset, request, selection, aspect), named)
    whole = choose_crop(layer, offset, "layer", aspect=aspect)  # refuses a layer that shows nothing
    if aspect != 1:
        return Choice(whole, "layer", (), _NOT_SQUARE)
    faces = find(layer, offset)
    if number is not None and number >= len(faces):
        raise PullfaceError(
            "bad_crop",
            f"There is no face number {number}: {_counted(len(faces))} found in this layer.",
            "Count from 0, or draw the crop around the face.",
        )
    if faces:
        face, note = _wanted(faces, offset, selection, point, number)
        return Choice(choose_crop(layer, offset, face.crop.numbers()), "face", faces, note)
    if selection is not None and selection.any():
        crop = choose_crop(layer, offset, "selection", selection)
        return Choice(crop, "selection", (), _instead("selection"))
    return Choice(whole, "layer", (), _instead("whole layer"))


def _wanted(
    faces: tuple[Face, ...],
    offset: tuple[int, int],
    selection: NDArray[np.uint8] | None,
    point: Sequence[float] | None,
    number: int | None,
) -> tuple[Face, str | None]:
    """The face that is meant, and what is to be said about that."""
    if number is not None:
        return faces[number], None
    place = point if point is not None else _middle(selection, offset)
    if place is None:
        several = (
            f"{_counted(len(faces))} found; the clearest one is used. Point at another one to choose it."
        )
        return faces[0], several if len(faces) > 1 else None
    # 1 at the border of the face's square, 0 in its middle.
    far = [float(np.abs(face.crop.to_crop(place, 2) - 1).max()) for face in faces]
    nearest = int(np.argmin(far))
    if far[nearest] <= 1:
        return faces[nearest], None
    return faces[nearest], "No face was found at this place; the nearest one is used."


def _middle(selection: NDArray[np.uint8] | None, offset: tuple[int, int]) -> tuple[float, float] | None:
    bounds = None if selection is None else content_bounds(selection, offset)
    return None if bounds is None else ((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)


def _counted(count: int) -> str:
    return "no face was" if count == 0 else "1 face was" if count == 1 else f"{count} faces were"


def _instead(what: str) -> str:
    return f"No face was found, so the {what} is used. If that does not fit, draw the crop around the face."
