"""Numbers on the picture: a pill with a few characters drawn as strokes, since no font can be drawn without pycairo."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

from ..backend.editing.scene import Colour
from .strokes import Sprite, mixed, part

_LIGHT: Colour = (255, 255, 255, 255)
_EDGE: Colour = (255, 255, 255, 90)

_HEIGHT = 7.0
_GAP = 1.9
_STROKE = 1.5
_PADDING = 4.5
_PILL = 15.0

_Line = tuple[tuple[float, float], ...]

_SIX: _Line = (
    (3.5, 0.4), (2.4, 0.0), (1.3, 0.4), (0.4, 1.9), (0.0, 4.2), (0.3, 5.9), (1.2, 7.0), (2.8, 7.0), (4.0, 5.9),
    (4.0, 4.2), (2.9, 3.0), (1.3, 3.0), (0.1, 4.2),
)  # fmt: skip
_GLYPHS: dict[str, tuple[float, tuple[_Line, ...]]] = {
    "0": (4, (((1.2, 0), (2.8, 0), (4, 1.4), (4, 5.6), (2.8, 7), (1.2, 7), (0, 5.6), (0, 1.4), (1.2, 0)),)),
    "1": (2.4, (((0.2, 1.5), (1.9, 0), (1.9, 7)),)),
    "2": (4, (((0, 1.7), (0.6, 0.5), (1.6, 0), (2.5, 0), (3.6, 0.6), (4, 1.8), (3.5, 3), (0, 7), (4, 7)),)),
    "3": (
        4,
        (
            ((0, 1.1), (1.1, 0), (2.9, 0), (3.9, 1), (3.9, 2.4), (2.9, 3.4), (1.6, 3.4)),
            ((2.9, 3.4), (4, 4.5), (4, 5.8), (2.9, 7), (1.1, 7), (0, 5.9)),
        ),
    ),
    "4": (4, (((3, 7), (3, 0), (0, 4.9), (4.2, 4.9)),)),
    "5": (
        4,
        (((3.7, 0), (0.6, 0), (0.3, 3.1), (1.5, 2.6), (2.8, 2.6), (4, 3.8), (4, 5.7), (2.8, 7), (1.2, 7), (0, 6)),),
    ),
    "6": (4, (_SIX,)),
    "7": (4, (((0, 0), (4, 0), (1.5, 7)),)),
    "8": (
        4,
        (
            ((1.2, 3.3), (0.2, 2.4), (0.2, 1), (1.2, 0), (2.8, 0), (3.8, 1), (3.8, 2.4), (2.8, 3.3), (1.2, 3.3)),
            ((1.2, 3.3), (0, 4.5), (0, 5.8), (1.2, 7), (2.8, 7), (4, 5.8), (4, 4.5), (2.8, 3.3)),
        ),
    ),
    "9": (4, (tuple((4 - x, 7 - y) for x, y in _SIX),)),
    "×": (4, (((0.6, 2), (3.4, 5)), ((0.6, 5), (3.4, 2)))),
    "°": (2.4, (((0.4, 1.1), (1.2, 0.2), (2, 1.1), (1.2, 2), (0.4, 1.1)),)),
    ".": (0.4, (((0.2, 6.8), (0.2, 6.9)),)),
    "-": (3, (((0.2, 3.8), (2.8, 3.8)),)),
    " ": (1.6, ()),
}  # fmt: skip


def label(x: float, y: float, text: str, back: Colour, scale: float = 1.0) -> Sprite:
    """A pill with white characters, its middle at (x, y).

    Args:
        x, y: device px.
        text: of digits, ``×``, ``°``, point, minus and space; others are left out.
        back: the pill's colour.
        scale: device px for a logical px.
    """
    width, height, pixels = _label(text, back, scale)
    return Sprite(round(x - width / 2), round(y - height / 2), width, height, pixels)


@lru_cache(maxsize=256)
def _label(text: str, back: Colour, scale: float) -> tuple[int, int, bytes]:
    glyphs = [_GLYPHS[character] for character in text if character in _GLYPHS]
    written = sum(width for width, _ in glyphs) + _GAP * max(0, len(glyphs) - 1)
    long = max(_PILL, written + 2 * _PADDING)
    width, height = math.ceil((long + 1) * scale), math.ceil((_PILL + 1) * scale)
    middle = width / 2 / scale, height / 2 / scale
    lines = []
    left = middle[0] - written / 2
    for wide, strokes in glyphs:
        lines += [[(left + x, middle[1] - _HEIGHT / 2 + y) for x, y in stroke] for stroke in strokes]
        left += wide + _GAP
    pixels = bytearray()
    for row in range(height):
        for column in range(width):
            x, y = (column + 0.5) / scale, (row + 0.5) / scale
            depth = (_PILL / 2 - _from_axis(x - middle[0], y - middle[1], long / 2 - _PILL / 2)) * scale
            ink = (_STROKE / 2 - _from_lines(x, y, lines)) * scale
            edge = part(depth) * part(scale - depth)
            pixels += mixed(((part(depth), back), (edge, _EDGE), (part(ink), _LIGHT)))
    return width, height, bytes(pixels)


def _from_axis(x: float, y: float, half: float) -> float:
    return math.hypot(max(0.0, abs(x) - half), y)


def _from_lines(x: float, y: float, lines: list[list[tuple[float, float]]]) -> float:
    nearest = math.inf
    for stroke in lines:
        for (ax, ay), (bx, by) in itertools.pairwise(stroke):
            dx, dy = bx - ax, by - ay
            along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)
            along = min(1.0, max(0.0, along))
            nearest = min(nearest, math.hypot(x - ax - along * dx, y - ay - along * dy))
    return nearest
