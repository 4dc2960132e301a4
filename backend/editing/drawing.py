"""Draws the automatic movable area, the same in every editor, without any drawing library."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .areas import Capsule
from .geometry import Rect


def drawn(areas: Sequence[Capsule], rect: Rect) -> bytes:
    """The union of capsules, 255 inside, smooth over one px at the edge; one byte a pixel of ``rect``, row by row."""
    pixels = bytearray(rect.width * rect.height)
    for area in areas:
        _draw(area, rect, pixels)
    return bytes(pixels)


def _draw(area: Capsule, rect: Rect, pixels: bytearray) -> None:
    outer = area.radius + 0.5
    top = max(rect.y, math.floor(min(area.start.y, area.end.y) - outer))
    bottom = min(rect.y + rect.height, math.ceil(max(area.start.y, area.end.y) + outer))
    for y in range(top, bottom):
        reached = _span(area, outer, y + 0.5)
        if reached is None:
            continue
        first = max(rect.x, math.floor(reached[0] - 0.5))
        last = min(rect.x + rect.width, math.ceil(reached[1] + 0.5))
        full = _span(area, area.radius - 0.5, y + 0.5) if area.radius > 0.5 else None
        solid = (last, last)
        if full is not None:
            begin = min(max(first, math.ceil(full[0] - 0.5)), last)
            solid = (begin, min(max(begin, math.floor(full[1] - 0.5) + 1), last))
        row = (y - rect.y) * rect.width - rect.x
        pixels[row + solid[0] : row + solid[1]] = b"\xff" * (solid[1] - solid[0])
        for x in (*range(first, solid[0]), *range(solid[1], last)):
            part = min(1.0, max(0.0, outer - _distance(area, x + 0.5, y + 0.5)))
            pixels[row + x] = max(pixels[row + x], round(255 * part))


def _span(area: Capsule, radius: float, y: float) -> tuple[float, float] | None:
    """From where to where a horizontal line lies within ``radius`` of the capsule's axis; None when nowhere."""
    (ax, ay), (bx, by) = area.start, area.end
    ends: list[float] = []
    for cx, cy in (area.start, area.end):
        if abs(y - cy) <= radius:
            half = math.sqrt(radius**2 - (y - cy) ** 2)
            ends += [cx - half, cx + half]
    length = math.hypot(bx - ax, by - ay)
    if length > 0:
        # Where the line meets the two straight sides.
        nx, ny = -(by - ay) / length * radius, (bx - ax) / length * radius
        for sx, sy in ((nx, ny), (-nx, -ny)):
            low, high = sorted((ay + sy, by + sy))
            if low <= y <= high and high > low:
                ends.append(ax + sx + (bx - ax) * (y - ay - sy) / (by - ay))
    return (min(ends), max(ends)) if ends else None


def _distance(area: Capsule, x: float, y: float) -> float:
    (ax, ay), (bx, by) = area.start, area.end
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    along = min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / squared)) if squared else 0.0
    return math.hypot(x - ax - along * dx, y - ay - along * dy)
