"""Which part of the picture is seen how large: zoom and pan. Knows no toolkit."""

from __future__ import annotations

from ..backend.editing.affine import Affine
from ..backend.editing.geometry import Point, Rect

LARGEST_ZOOM = 32.0
"""Device px for one px of the picture."""

SMALLEST_SIDE = 32.0
"""Device px to which the shorter side of what is fitted can shrink."""

MARGIN = 8
"""Device px that stay free around what is fitted."""

_KEPT = 40
"""Device px of the picture that cannot be moved out of sight."""


class Viewport:
    """The way from image space to a view of so many device px, changed by zooming and panning.

    Args:
        whole: the picture, image space.
        wanted: what ``fit`` shows.

    Attributes:
        zoom: device px for one px of the picture.
        fitted: whether it follows the view's size; ends with the first zoom or pan.
    """

    def __init__(self, whole: Rect, wanted: Rect) -> None:
        self._whole = whole
        self._wanted = wanted
        self._size = (1, 1)
        self._left = 0
        self._top = 0
        self.zoom = 1.0
        self.fitted = True

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the view, device px."""
        return self._size

    @property
    def offset(self) -> tuple[int, int]:
        """Where the origin of image space lies, device px; whole, so that panning resamples nothing."""
        return self._left, self._top

    @property
    def affine(self) -> Affine:
        """Image space → device px."""
        return Affine(self.zoom, 0.0, 0.0, self.zoom, float(self._left), float(self._top))

    def resize(self, width: int, height: int) -> None:
        """The view has another size; its middle stays where it is."""
        before, self._size = self._size, (max(1, width), max(1, height))
        if self.fitted:
            self.fit()
        else:
            self._move(
                self._left + (self._size[0] - before[0]) / 2, self._top + (self._size[1] - before[1]) / 2
            )

    def fit(self) -> None:
        """Shows all of what is wanted, as large as it can be."""
        width, height = (max(1, side - 2 * MARGIN) for side in self._size)
        wanted = self._wanted
        self.zoom = min(width / wanted.width, height / wanted.height, LARGEST_ZOOM)
        self.fitted = True
        self._centre(Point(wanted.x + wanted.width / 2, wanted.y + wanted.height / 2))

    def show_pixels(self) -> None:
        """One px of the picture for one of the screen; the middle of the view stays."""
        width, height = self._size
        self.zoom_at(1.0 / self.zoom, Point(width / 2, height / 2))

    def zoom_at(self, factor: float, place: Point) -> None:
        """Zooms so that what lies at ``place`` (device px) stays there."""
        smallest = min(SMALLEST_SIDE / min(self._wanted.width, self._wanted.height), 1.0)
        zoom = min(max(self.zoom * factor, smallest), LARGEST_ZOOM)
        fixed = self.affine.back(place)
        self.zoom = zoom
        self.fitted = False
        self._move(place[0] - fixed.x * zoom, place[1] - fixed.y * zoom)

    def pan(self, across: float, down: float) -> None:
        """Moves the picture by so many device px."""
        self.fitted = False
        self._move(self._left + across, self._top + down)

    def _centre(self, middle: Point) -> None:
        width, height = self._size
        self._left = round(width / 2 - middle.x * self.zoom)
        self._top = round(height / 2 - middle.y * self.zoom)

    def _move(self, left: float, top: float) -> None:
        whole, zoom = self._whole, self.zoom
        self._left = _held(left, self._size[0], whole.x * zoom, whole.width * zoom)
        self._top = _held(top, self._size[1], whole.y * zoom, whole.height * zoom)


def _held(offset: float, view: int, start: float, length: float) -> int:
    """The nearest offset at which enough of the picture is seen."""
    kept = min(_KEPT, length, view)
    return round(min(max(offset, kept - start - length), view - kept - start))
