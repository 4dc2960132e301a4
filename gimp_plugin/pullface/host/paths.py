"""Points from GIMP's own canvas: the strokes of a path, each from its handle to its target."""

from __future__ import annotations

from gi.repository import Gimp

from ..backend.editing.geometry import Point
from ..backend.editing.host import EditingError

_NUMBERS_AN_ANCHOR = 6
"""x and y of the control point before it, of the anchor itself, and of the control point behind it."""

_HINT = "Take the Paths tool, click on the feature and then where it shall go; begin each further pair with Shift."


def selected_pairs(image: Gimp.Image) -> tuple[tuple[Point, Point], ...]:
    """The pairs of all selected paths; where none is selected, of the only one that there is.

    Raises:
        EditingError: there is no path, or a stroke that is no pair.
    """
    paths = image.get_selected_paths() or image.get_paths()
    if not paths:
        raise EditingError("no_path", "There is no path to pull along.", _HINT)
    return tuple(pair for path in paths for pair in pairs_of(path))


def pairs_of(path: Gimp.Path) -> tuple[tuple[Point, Point], ...]:
    """The pairs of one path, image space: of each stroke its first anchor and its last.

    Raises:
        EditingError: a stroke has a single anchor.
    """
    pairs = []
    for stroke in path.get_strokes():
        numbers = path.stroke_get_points(stroke).controlpoints
        anchors = [
            Point(numbers[index + 2], numbers[index + 3])
            for index in range(0, len(numbers), _NUMBERS_AN_ANCHOR)
        ]
        if len(anchors) < 2:
            raise EditingError(
                "bad_points", f"A stroke of the path “{path.get_name()}” has one point only.", _HINT
            )
        pairs.append((anchors[0], anchors[-1]))
    return tuple(pairs)
