"""Turned squares: where they overlap, and which of several that show the same face is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Point = tuple[float, float]

CORE = 0.6
"""The face without hair and shoulders, in sides of its square: what two faces side by side do not share."""

_SAME = 0.4


class FoundFace(NamedTuple):
    """A face in a picture: a turned square around the whole head, which does not change as the head looks aside.

    Attributes:
        x, y: the square's centre in pixels of the picture, origin top left, pixel centres at +0.5. It may lie outside.
        size: the square's side in pixels.
        angle: degrees, clockwise as seen (y down), in (-180, 180]: 12 is a head that leans to the right of the picture.
        score: 0 to 1, how sure the finder is.
        eyes, mouth: the middle between the eyes and the middle of the mouth, from the square's centre along its own
            sides, in sides.
    """

    x: float
    y: float
    size: float
    angle: float
    score: float
    eyes: Point = (0.0, 0.06)
    mouth: Point = (0.0, 0.22)


def corners(face: FoundFace, part: float = 1.0) -> list[Point]:
    """The square's corners, clockwise from the upright square's top left; `part` shrinks it about its centre."""
    angle, half = math.radians(face.angle), face.size * part / 2
    cos, sin = half * math.cos(angle), half * math.sin(angle)
    return [
        (face.x + u * cos - v * sin, face.y + u * sin + v * cos)
        for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]


def overlap(a: FoundFace, b: FoundFace) -> float:
    """The area that the two cores share, in areas of the smaller core; 0 to 1."""
    if math.hypot(a.x - b.x, a.y - b.y) > CORE * (a.size + b.size) * math.sqrt(0.5):
        return 0.0
    shared = _area(_clipped(corners(a, CORE), corners(b, CORE)))
    return shared / (CORE * min(a.size, b.size)) ** 2


def keep_best(faces: Sequence[FoundFace], at_most: int) -> list[FoundFace]:
    """Non-maximum suppression: best first, none that shows the same face as a better one."""
    kept: list[FoundFace] = []
    for face in sorted(faces, key=lambda f: -f.score):
        if len(kept) == at_most:
            break
        if all(overlap(face, other) < _SAME for other in kept):
            kept.append(face)
    return kept


def _clipped(polygon: list[Point], window: list[Point]) -> list[Point]:
    """The part of a convex polygon inside a convex, clockwise window (Sutherland and Hodgman 1974)."""
    for (ax, ay), (bx, by) in zip(window, window[1:] + window[:1]):
        inside = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in polygon]
        result: list[Point] = []
        for i, (p, d) in enumerate(zip(polygon, inside)):
            q, e = polygon[i - 1], inside[i - 1]
            if (d >= 0) != (e >= 0):
                t = e / (e - d)
                result.append((q[0] + t * (p[0] - q[0]), q[1] + t * (p[1] - q[1])))
            if d >= 0:
                result.append(p)
        polygon = result
        if not polygon:
            break
    return polygon


def _area(polygon: list[Point]) -> float:
    return 0.5 * abs(sum(p[0] * q[1] - q[0] * p[1] for p, q in zip(polygon, polygon[1:] + polygon[:1])))
