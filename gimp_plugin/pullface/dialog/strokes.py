"""Discs, lines, arrow heads and shades as small RGBA pictures with smooth edges, drawn in plain Python.

All places and sizes are device px, y downwards; pixel centres lie at +0.5. What is asked for again is not drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ..backend.editing.scene import Colour

Band = tuple[float, Colour]
"""A width and its colour."""

Ring = tuple[float, float, Colour]
"""Inner and outer radius and the colour between them; an inner radius of 0 makes a disc."""

_PIECE = 128
"""px: longer lines are cut, for a slanted one is mostly empty."""

_FINE = 4
"""Places between two pixels at which a disc is drawn."""

_FINE_LINE = 8
_FINE_SLOPE = 64


class Sprite(NamedTuple):
    """A small picture: its top left pixel, its size, and RGBA with straight alpha, row by row."""

    x: int
    y: int
    width: int
    height: int
    pixels: bytes


def disc(x: float, y: float, rings: tuple[Ring, ...]) -> Sprite:
    """Rings and discs about one middle, the later ones over the earlier ones."""
    across, down = round(x * _FINE), round(y * _FINE)
    left, top = across // _FINE, down // _FINE
    reach, pixels = _disc(across % _FINE, down % _FINE, rings)
    side = 2 * reach + 1
    return Sprite(left - reach, top - reach, side, side, pixels)


@lru_cache(maxsize=2048)
def _disc(across: int, down: int, rings: tuple[Ring, ...]) -> tuple[int, bytes]:
    reach = math.ceil(max(outer for _, outer, _ in rings) + 1)
    x, y = reach + across / _FINE, reach + down / _FINE
    pixels = bytearray()
    for row in range(2 * reach + 1):
        for column in range(2 * reach + 1):
            away = math.hypot(column + 0.5 - x, row + 0.5 - y)
            pixels += mixed(
                (part(outer - away) * (part(away - inner) if inner > 0 else 1.0), colour)
                for inner, outer, colour in rings
            )
    return reach, bytes(pixels)


def part(depth: float) -> float:
    """How much of a pixel is covered whose middle lies so deep inside an edge; negative is outside."""
    return min(1.0, max(0.0, depth + 0.5))


def mixed(layers: Iterable[tuple[float, Colour]]) -> bytes:
    """The pixel that layers make, each with its coverage from 0 to 1, the later ones over the earlier ones."""
    red = green = blue = alpha = 0.0
    for covered, colour in layers:
        if covered <= 0.0:
            continue
        own = covered * colour[3] / 255.0
        left = 1.0 - own
        red, green, blue = (
            red * left + colour[0] * own,
            green * left + colour[1] * own,
            blue * left + colour[2] * own,
        )
        alpha = alpha * left + own
    if alpha <= 0.0:
        return b"\0\0\0\0"
    return bytes((round(red / alpha), round(green / alpha), round(blue / alpha), round(255 * alpha)))


def line(
    start: Sequence[float],
    end: Sequence[float],
    bands: tuple[Band, ...],
    view: tuple[int, int],
    dashes: tuple[float, float] | None = None,
) -> Iterator[Sprite]:
    """A straight line in bands of different widths, the later ones over the earlier ones.

    Args:
        start, end: its ends.
        bands: widths and colours.
        view: width and height of what is seen; the rest is not drawn.
        dashes: lengths of stroke and gap; they concern the last band, the others go through.
    """
    clipped = _clipped(start, end, view, max(width for width, _ in bands))
    if clipped is None:
        return
    (x0, y0), (x1, y1) = clipped
    steep = abs(y1 - y0) > abs(x1 - x0)
    if steep:
        x0, y0, x1, y1 = y0, x0, y1, x1
    if x1 < x0:
        x0, y0, x1, y1 = x1, y1, x0, y0
    length = x1 - x0
    if length <= 0:
        return
    slope = (y1 - y0) / length
    pace = math.hypot(1.0, slope)
    begun = _begun(start, clipped[0], clipped[1], steep) if dashes else 0.0
    first, last = round(x0), round(x1)
    for begin in range(first, last, _PIECE):
        count = min(_PIECE, last - begin)
        middle = y0 + slope * (begin + 0.5 - x0)
        gaps = None
        if dashes is not None:
            whole = sum(dashes)
            gaps = [(begun + (begin - first + i) * pace) % whole >= dashes[0] for i in range(count)]
        yield _piece(begin, count, middle, slope, bands, steep, gaps)


def _piece(
    begin: int,
    count: int,
    middle: float,
    slope: float,
    bands: tuple[Band, ...],
    steep: bool,
    gaps: list[bool] | None,
) -> Sprite:
    """One step along the longer axis is one row (or column) of pixels, and those differ by their offset only."""
    flat = round(math.cos(math.atan(slope)) * _FINE_SLOPE)
    thick = len(_profile(0, flat, bands)) // 4
    ends = middle, middle + slope * (count - 1)
    low = math.floor(min(ends)) - thick // 2 - 1
    high = math.floor(max(ends)) + thick // 2 + 2
    size = high - low
    width, height = (size, count) if steep else (count, size)
    pixels = bytearray(4 * width * height)
    for index in range(count):
        place = round((middle + slope * index) * _FINE_LINE)
        used = bands if gaps is None or not gaps[index] else bands[:-1]
        if not used:
            continue
        profile = _profile(place % _FINE_LINE, flat, used)
        row = place // _FINE_LINE - len(profile) // 8 - low
        if steep:
            at = 4 * (index * width + row)
            pixels[at : at + len(profile)] = profile
        else:
            at, pitch = 4 * (row * width + index), 4 * width
            stop = at + pitch * (len(profile) // 4)
            for channel in range(4):
                pixels[at + channel : stop : pitch] = profile[channel::4]
    left, top = (low, begin) if steep else (begin, low)
    return Sprite(left, top, width, height, bytes(pixels))


@lru_cache(maxsize=2048)
def _profile(place: int, flat: int, bands: tuple[Band, ...]) -> bytes:
    """A cut through a line along the shorter axis: its pixels, the line's middle in the pixel in their middle."""
    cosine = flat / _FINE_SLOPE
    reach = math.ceil(max(width for width, _ in bands) / 2 / cosine + 1)
    middle = reach + place / _FINE_LINE
    return b"".join(
        mixed((part(width / 2 - abs(at + 0.5 - middle) * cosine), colour) for width, colour in bands)
        for at in range(2 * reach + 1)
    )


def _clipped(
    start: Sequence[float], end: Sequence[float], view: tuple[int, int], margin: float
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The part of a line that is seen, or None (Liang and Barsky)."""
    low, high = 0.0, 1.0
    for axis in (0, 1):
        along = end[axis] - start[axis]
        first, last = -margin - start[axis], view[axis] + margin - start[axis]
        if along == 0:
            if first > 0 or last < 0:
                return None
            continue
        one, two = sorted((first / along, last / along))
        low, high = max(low, one), min(high, two)
        if low > high:
            return None
    across, down = end[0] - start[0], end[1] - start[1]
    return (
        (start[0] + low * across, start[1] + low * down),
        (start[0] + high * across, start[1] + high * down),
    )


def _begun(start: Sequence[float], first: Sequence[float], last: Sequence[float], steep: bool) -> float:
    """How far from the line's own start the part that is drawn begins, so that dashes do not crawl while panning."""
    axis = 1 if steep else 0
    drawn_first = first if first[axis] <= last[axis] else last
    return math.dist(start, drawn_first)


def triangle(corners: Sequence[Sequence[float]], bands: tuple[Band, ...]) -> Sprite:
    """A filled triangle; each band is by how much it is grown on all sides, and its colour."""
    reach = max(grow for grow, _ in bands) + 1
    left, top = (math.floor(min(corner[axis] for corner in corners) - reach) for axis in (0, 1))
    right, bottom = (math.ceil(max(corner[axis] for corner in corners) + reach) for axis in (0, 1))
    edges = _edges(corners)
    pixels = bytearray()
    for y in range(top, bottom):
        for x in range(left, right):
            depth = min(nx * (x + 0.5) + ny * (y + 0.5) - c for nx, ny, c in edges)
            pixels += mixed((part(depth + grow), colour) for grow, colour in bands)
    return Sprite(left, top, right - left, bottom - top, bytes(pixels))


def _edges(corners: Sequence[Sequence[float]]) -> list[tuple[float, float, float]]:
    """Inward normals and offsets of a triangle's edges."""
    edges = []
    for index in range(3):
        (ax, ay), (bx, by), (cx, cy) = (corners[(index + step) % 3] for step in range(3))
        length = math.hypot(bx - ax, by - ay) or 1.0
        nx, ny = -(by - ay) / length, (bx - ax) / length
        if nx * (cx - ax) + ny * (cy - ay) < 0:
            nx, ny = -nx, -ny
        edges.append((nx, ny, nx * ax + ny * ay))
    return edges


def shade(
    view: tuple[int, int], area: Sequence[float], hole: Sequence[Sequence[float]], colour: Colour
) -> Sprite:
    """A rectangle in one colour with a hole in it.

    Args:
        view: width and height of what is seen.
        area: left, top, right and bottom of the rectangle.
        hole: corners of a convex polygon; may be empty.
        colour: of the shade.
    """
    left, right = (min(max(0, round(area[side])), view[0]) for side in (0, 2))
    top, bottom = (min(max(0, round(area[side])), view[1]) for side in (1, 3))
    width, height = max(0, right - left), max(0, bottom - top)
    full, empty = bytes(colour), bytes(4)
    pixels = bytearray(full * (width * height))
    for row in range(height):
        span = _span(hole, top + row + 0.5)
        if span is not None:
            first, last = (min(max(0, round(x) - left), width) for x in span)
            at = 4 * row * width
            pixels[at + 4 * first : at + 4 * last] = empty * (last - first)
    return Sprite(left, top, width, height, bytes(pixels))


def _span(corners: Sequence[Sequence[float]], y: float) -> tuple[float, float] | None:
    """From where to where a row crosses a convex polygon."""
    crossed = []
    for index, (ax, ay) in enumerate(corners):
        bx, by = corners[(index + 1) % len(corners)]
        if (ay <= y) != (by <= y):
            crossed.append(ax + (bx - ax) * (y - ay) / (by - ay))
    return (min(crossed), max(crossed)) if crossed else None
