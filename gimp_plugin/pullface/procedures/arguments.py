"""The arguments of a drag, checked by us: GIMP only warns of a wrong one and takes the default. Knows no GIMP."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, get_args

from ..backend.editing.geometry import Point, Square
from ..backend.editing.host import CropChoice, EditingError, Movable
from ..backend.editing.pairs import MAX_PAIRS
from ..backend.wire.limits import MAX_COORDINATE, MAX_CROP_SIDE, MIN_CROP_SIDE

Pairs = tuple[tuple[Point, Point], ...]
"""(handle, target) of each, image space."""

Settings = dict[str, Any]

MOST_STEPS = 100_000

_POINTS_HINT = (
    "Give them as JSON, such as [[[310, 420], [300, 405]]]: for each pair its handle and its target."
)
_OPTIONS_HINT = 'Give them as JSON, such as {"drag": {"stop_distance": 0.5}, "inversion": {"method": "pti"}}.'
_CROP_HINT = "Give face, layer, selection, or x,y,size in pixels of the picture."


@dataclass(frozen=True)
class DragArguments:
    """What a drag is asked to do.

    Attributes:
        pairs: (handle, target) of each, image space.
        model: a name or the path of a model file; empty for the default.
        drag, inversion: settings for the backend, see ``docs/protocol.md``.
        crop: how the crop is chosen.
        square: the crop itself where it is ``drawn``.
        movable: what may move.
    """

    pairs: Pairs
    model: str = ""
    drag: Settings = field(default_factory=dict)
    inversion: Settings = field(default_factory=dict)
    crop: CropChoice = "face"
    square: Square | None = None
    movable: Movable = "automatic"


def checked(
    pairs: Pairs,
    model: str = "",
    steps: int = 0,
    strength: float = -1.0,
    crop: str = "face",
    movable: str = "automatic",
    options: str = "",
) -> DragArguments:
    """The arguments as they come from GIMP.

    Args:
        pairs: of ``parsed_points`` or of a path.
        model: see ``DragArguments``.
        steps: the most steps; 0 for the backend's own number.
        strength: 0 to 1; −1 for the backend's own.
        crop: ``face``, ``layer``, ``selection`` or ``x,y,size`` in px, image space, with a fourth number for its angle
            in degrees.
        movable: ``automatic``, ``selection`` or ``crop``.
        options: JSON with further settings for the backend: ``{"drag": {…}, "inversion": {…}}``; may be empty.

    Raises:
        EditingError: with a sentence for the first one that is wrong.
    """
    if not pairs:
        raise EditingError("bad_points", "There are no points.", _POINTS_HINT)
    if len(pairs) > MAX_PAIRS:
        raise EditingError(
            "bad_points",
            f"There are {len(pairs)} pairs, and {MAX_PAIRS} are the most.",
            "Give fewer points.",
        )
    if not 0 <= steps <= MOST_STEPS:
        raise EditingError(
            "bad_options",
            f"“steps” cannot be {steps}.",
            f"Give a number from 1 to {MOST_STEPS}, or 0 for the default.",
        )
    if not (strength == -1 or 0 <= strength <= 1):
        raise EditingError(
            "bad_options",
            f"“strength” cannot be {strength:g}.",
            "Give a number from 0 to 1, or -1 for the default.",
        )
    if movable not in get_args(Movable):
        raise EditingError(
            "bad_options",
            f"“movable” cannot be “{movable}”.",
            f"Give one of: {', '.join(get_args(Movable))}.",
        )
    drag, inversion = _options(options)
    if steps:
        drag["steps"] = steps
    if strength >= 0:
        drag["strength"] = strength
    choice, square = _crop(crop)
    return DragArguments(pairs, model.strip(), drag, inversion, choice, square, movable)


def parsed_points(text: str) -> Pairs:
    """The pairs in a JSON text: a list of ``[[handle x, handle y], [target x, target y]]``, or of the four numbers.

    They are in image space: px, origin top left, pixel centres at +0.5.

    Raises:
        EditingError: ``bad_points``.
    """
    if not text.strip():
        return ()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EditingError("bad_points", f"The points cannot be read ({error}).", _POINTS_HINT) from error
    if not isinstance(value, list):
        raise EditingError("bad_points", "The points are not a list of pairs.", _POINTS_HINT)
    return tuple(_pair(item, number) for number, item in enumerate(value, 1))


def _options(text: str) -> tuple[Settings, Settings]:
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise EditingError("bad_options", f"“options” cannot be read ({error}).", _OPTIONS_HINT) from error
    if (
        not isinstance(value, dict)
        or set(value) - {"drag", "inversion"}
        or not all(isinstance(part, dict) for part in value.values())
    ):
        raise EditingError(
            "bad_options",
            "“options” holds something else than settings of a drag and an inversion.",
            _OPTIONS_HINT,
        )
    return dict(value.get("drag", {})), dict(value.get("inversion", {}))


def _pair(item: Any, number: int) -> tuple[Point, Point]:
    if isinstance(item, list) and len(item) == 2 and all(isinstance(end, list) for end in item):
        item = [*item[0], *item[1]] if [len(end) for end in item] == [2, 2] else None
    if not (isinstance(item, list) and len(item) == 4 and all(_is_coordinate(value) for value in item)):
        raise EditingError(
            "bad_points", f"Pair {number} of the points is not a handle and a target.", _POINTS_HINT
        )
    hx, hy, tx, ty = (float(value) for value in item)
    return Point(hx, hy), Point(tx, ty)


def _is_coordinate(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and abs(value) <= MAX_COORDINATE


def _crop(text: str) -> tuple[CropChoice, Square | None]:
    text = text.strip() or "face"
    if text in ("face", "layer", "selection"):
        return text, None
    try:
        numbers = [float(part) for part in text.split(",")]
        square = Square.of(numbers)
    except (ValueError, TypeError, OverflowError) as error:
        raise EditingError("bad_crop", f"“crop” cannot be “{text}”.", _CROP_HINT) from error
    fits = MIN_CROP_SIDE <= square.size <= MAX_CROP_SIDE
    if not fits or max(abs(square.x), abs(square.y)) > MAX_COORDINATE:
        raise EditingError(
            "bad_crop",
            f"“crop” cannot be “{text}”.",
            f"Its side has to be from {MIN_CROP_SIDE} to {MAX_CROP_SIDE} pixels. {_CROP_HINT}",
        )
    return "drawn", square
