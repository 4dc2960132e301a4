"""The automatic movable area, compared with the distances that define it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.editing.areas import Capsule
from backend.editing.drawing import drawn
from backend.editing.geometry import Point, Rect


def expected(areas: list[Capsule], rect: Rect) -> NDArray[np.float64]:
    """Coverage 0 to 255 by the distance of each pixel's centre from the nearest axis."""
    y, x = np.mgrid[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width] + 0.5
    best = np.zeros(x.shape)
    for start, end, radius in areas:
        dx, dy = end.x - start.x, end.y - start.y
        squared = dx * dx + dy * dy
        along = np.clip(((x - start.x) * dx + (y - start.y) * dy) / squared, 0, 1) if squared else 0.0
        distance = np.hypot(x - start.x - along * dx, y - start.y - along * dy)
        best = np.maximum(best, np.clip(radius + 0.5 - distance, 0, 1))
    return np.asarray(best * 255)


@pytest.mark.parametrize(
    "areas",
    [
        [],
        [Capsule(Point(30, 20), Point(30, 20), 7.3)],
        [Capsule(Point(10.2, 12.7), Point(41.9, 30.1), 6.5)],
        [Capsule(Point(10, 20), Point(50, 20), 5.0), Capsule(Point(30, 5), Point(30, 60), 3.2)],
        [Capsule(Point(-10, -10), Point(5, 90), 20.0)],
        [Capsule(Point(25, 25), Point(28, 24), 0.4)],
        [Capsule(Point(500, 500), Point(510, 500), 9.0)],
        [Capsule(Point(20, 40), Point(20.0001, 10), 8.0)],
    ],
)
@pytest.mark.parametrize("rect", [Rect(0, 0, 64, 48), Rect(-7, 13, 40, 30)])
def test_the_area_is_what_lies_near_the_lines(areas: list[Capsule], rect: Rect) -> None:
    pixels = np.frombuffer(drawn(areas, rect), dtype=np.uint8).reshape(rect.height, rect.width)
    assert np.abs(pixels - expected(areas, rect)).max() <= 0.51
