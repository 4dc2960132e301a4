"""Zoom and pan of the dialog's picture."""

from __future__ import annotations

import pytest

from gimp_plugin.pullface.backend.editing.geometry import Point, Rect
from gimp_plugin.pullface.dialog.viewport import LARGEST_ZOOM, MARGIN, Viewport


def viewport(width: int = 900, height: int = 700) -> Viewport:
    """A picture of 1000×2000 px with a layer at (100, 200)."""
    made = Viewport(Rect(0, 0, 1000, 2000), Rect(100, 200, 400, 300))
    made.resize(width, height)
    return made


def test_at_first_the_whole_layer_is_seen_as_large_as_it_can_be() -> None:
    seen = viewport()
    first, last = seen.affine.map(Point(100, 200)), seen.affine.map(Point(500, 500))
    assert first.x == pytest.approx(MARGIN, abs=1)
    assert last.x == pytest.approx(900 - MARGIN, abs=1)
    assert first.y >= MARGIN - 1
    assert last.y <= 700 - MARGIN + 1
    assert first.y + last.y == pytest.approx(700, abs=1.5)


def test_it_follows_the_window_until_the_artist_zooms() -> None:
    seen = viewport()
    before = seen.zoom
    seen.resize(1800, 1400)
    assert seen.zoom == pytest.approx(2 * before, rel=0.05)
    middle = seen.affine.back(Point(900, 700))
    seen.zoom_at(1.25, Point(900, 700))
    zoom = seen.zoom
    seen.resize(600, 500)
    assert seen.zoom == zoom
    assert seen.affine.back(Point(300, 250)) == pytest.approx(middle, abs=1)
    seen.fit()
    assert seen.fitted


@pytest.mark.parametrize("place", [Point(450, 350), Point(20, 600)])
def test_what_lies_under_the_pointer_stays_there(place: Point) -> None:
    seen = viewport()
    for factor in (1.25, 1.25, 0.8, 3.0, 0.5):
        before = seen.affine.back(place)
        seen.zoom_at(factor, place)
        assert seen.affine.map(before) == pytest.approx(place, abs=0.51)


def test_zoom_has_limits_and_the_picture_cannot_be_lost() -> None:
    seen = viewport()
    for _ in range(60):
        seen.zoom_at(1.25, Point(10, 10))
    assert seen.zoom == LARGEST_ZOOM
    for _ in range(200):
        seen.zoom_at(0.8, Point(10, 10))
    assert 0 < seen.zoom < 1
    seen.fit()
    for across, down in ((1e6, 0), (-1e6, 0), (0, 1e6), (0, -1e6)):
        seen.pan(across, down)
        left, top = seen.affine.map(Point(0, 0))
        right, bottom = seen.affine.map(Point(1000, 2000))
        assert left < 900
        assert top < 700
        assert right > 0
        assert bottom > 0


def test_places_are_whole_pixels_so_that_panning_resamples_nothing() -> None:
    seen = viewport()
    seen.zoom_at(1.37, Point(123.4, 56.7))
    seen.pan(0.4, 10.6)
    assert all(isinstance(number, int) for number in seen.offset)


def test_own_pixels() -> None:
    seen = viewport()
    middle = seen.affine.back(Point(450, 350))
    seen.show_pixels()
    assert seen.zoom == 1.0
    assert seen.affine.back(Point(450, 350)) == pytest.approx(middle, abs=0.51)
