"""What is drawn over the picture: points and their arrows, the crop, the movable area. Knows no toolkit.

Sizes are logical px of the screen whatever the zoom; only places come from the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..backend.editing.areas import Capsule
from ..backend.editing.framing import STEM, Spot
from ..backend.editing.geometry import Point, Square
from ..backend.editing.gestures import Grip
from ..backend.editing.pairs import Pair
from ..backend.editing.scene import (
    DARK,
    HANDLE,
    LIGHT,
    OUTSIDE,
    QUIET,
    RADIUS,
    SHADE,
    TARGET,
    TICK,
    Colour,
    arrow,
    number_place,
    size_text,
    stem,
)
from ..backend.editing.scene import Scene as _Scene
from .glyphs import label
from .strokes import Band, Ring, Sprite, disc, line, shade, triangle

_DASHES = (5.0, 4.0)
_AREA_STEPS = 20
_PILL: Colour = (*DARK[:3], 215)
_WARNING: Colour = (134, 92, 17, 215)


@dataclass
class Scene(_Scene):
    """What is to be seen in the dialog; ``affine`` leads to device px.

    Attributes:
        view: width and height of the view, device px.
        scale: device px for a logical px.
    """

    view: tuple[int, int] = field(kw_only=True)
    scale: float = field(default=1.0, kw_only=True)


def marks(scene: Scene) -> Iterator[Sprite]:
    """Everything that lies over the picture, in the order in which it is laid there."""
    if scene.framing:
        yield from _frame(scene)
        return
    yield from _area(scene)
    for _, face in scene.faces:
        yield from _dashed(scene, _outline(scene, face), QUIET)
    if scene.crop is not None:
        outline = _outline(scene, scene.crop)
        yield from _dashed(scene, outline, LIGHT)
        if scene.crop.angle:
            yield from _stem(scene, scene.crop, TICK)
    for index, pair in enumerate(scene.pairs):
        yield from _way(scene, index, pair)
    for index, pair in enumerate(scene.pairs):
        yield from _ends(scene, index, pair)
    if len(scene.pairs) > 1:
        for index, pair in enumerate(scene.pairs):
            yield _number(scene, index, pair)


# Crop and area


def _dashed(scene: Scene, outline: Sequence[Point], colour: Colour) -> Iterator[Sprite]:
    dark = (*DARK[:3], 150 * colour[3] // 255)
    bands = _bands(scene, (2.2, dark), (1.4, colour))
    dashes = _DASHES[0] * scene.scale, _DASHES[1] * scene.scale
    for start, end in _around(outline):
        yield from line(start, end, bands, scene.view, dashes)


def _stem(scene: Scene, square: Square, length: float) -> Iterator[Sprite]:
    """A line from the middle of the upper edge upwards, so that it is seen which way is up."""
    top, end = stem(scene.affine, square, length * scene.scale)
    yield from line(top, end, _bands(scene, (3.4, SHADE), (1.4, LIGHT)), scene.view)


def _area(scene: Scene) -> Iterator[Sprite]:
    """The outline of all capsules together, as far as it lies in the crop; a tint would change the colours."""
    bands = _bands(scene, (2.6, (*DARK[:3], 110)), (1.0, (255, 255, 255, 220)))
    for index, capsule in enumerate(scene.area):
        others = [other for place, other in enumerate(scene.area) if place != index]
        for start, end in _around(_capsule(capsule)):
            middle = Point((start.x + end.x) / 2, (start.y + end.y) / 2)
            if scene.crop is not None and not scene.crop.contains(middle):
                continue
            if any(_inside_capsule(other, middle) for other in others):
                continue
            yield from line(scene.affine.map(start), scene.affine.map(end), bands, scene.view)


def _frame(scene: Scene) -> Iterator[Sprite]:
    """The frame while it is edited: what lies outside is darker, and it has handles."""
    frame = scene.frame
    corners = scene.affine.map(Point(0, 0)), scene.affine.map(Point(*scene.image))
    outline = _outline(scene, frame) if frame is not None else ()
    dark = (*DARK[:3], 60 if frame is None else 120)
    yield shade(scene.view, (*corners[0], *corners[1]), outline, dark)
    if not scene.drawing:
        yield from _faces(scene)
    if frame is None:
        return
    yield from _dashed(scene, outline, LIGHT)
    yield from _stem(scene, frame, STEM)
    _, end = stem(scene.affine, frame, STEM * scene.scale)
    yield _knob(scene, end, scene.spot is not None and scene.spot.part == "turn")
    for number in range(4):
        yield _knob(scene, outline[number], scene.spot == Spot("corner", number))
    middle = (min(p.x for p in outline) + max(p.x for p in outline)) / 2
    below = max(p.y for p in outline) + 14 * scene.scale
    yield label(middle, below, size_text(frame), _PILL, scene.scale)


def _faces(scene: Scene) -> Iterator[Sprite]:
    """The frames of the other faces, to be clicked."""
    for number, face in scene.faces:
        outline = _outline(scene, face)
        yield from _dashed(scene, outline, LIGHT if scene.spot == Spot("face", number) else QUIET)
        x, y = ((outline[0][axis] * 5 + outline[2][axis]) / 6 for axis in (0, 1))
        yield label(x, y, str(number + 1), _PILL, scene.scale)


def _knob(scene: Scene, place: Point, hovered: bool) -> Sprite:
    radius = 5.5 if hovered else 4.5
    inside = TARGET if hovered else DARK
    return _rings(scene, place, (0, radius + 1.7, SHADE), (0, radius + 0.8, LIGHT), (0, radius - 0.8, inside))


# Pairs


def _way(scene: Scene, index: int, pair: Pair) -> Iterator[Sprite]:
    """Where the handle began, the trail it took, and the arrow that is still to go."""
    scale, view = scene.scale, scene.view
    start, handle, target = (scene.affine.map(point) for point in (pair.start, pair.handle, pair.target))
    if math.dist(start, handle) > 2.0 * scale:
        bands = _bands(scene, (3.4, SHADE), (1.8, HANDLE))
        yield from line(start, handle, bands, view, (2.0 * scale, 2.5 * scale))
        yield _rings(scene, start, (0, 3.3, SHADE), (0, 2.3, LIGHT))
    to_go = arrow(handle, target, scale)
    if to_go is None:
        return
    strong = scene.touches(index)
    bands = _bands(scene, (4.4 if strong else 3.8, SHADE), (2.2 if strong else 1.6, LIGHT))
    yield from line(handle, to_go.end, bands, view)
    if to_go.head is not None:
        yield triangle(to_go.head, _bands(scene, (1.1, SHADE), (0.0, LIGHT)))


def _ends(scene: Scene, index: int, pair: Pair) -> Iterator[Sprite]:
    handle, target = scene.affine.map(pair.handle), scene.affine.map(pair.target)
    # A ring with a dot: told from the handle's disc without its colour, and what is below stays seen.
    ring, r = TARGET if scene.sees(pair.target) else OUTSIDE, scene.radius(Grip(index, "target"))
    yield _rings(
        scene,
        target,
        (r - 2.8, r + 2.8, SHADE),
        (r - 2.0, r + 2.0, LIGHT),
        (r - 1.1, r + 1.1, ring),
        (0, 2.5, SHADE),
        (0, 1.7, LIGHT),
    )
    filled, r = HANDLE if scene.sees(pair.handle) else OUTSIDE, scene.radius(Grip(index, "handle"))
    if not scene.editable:
        filled = (filled[0] * 9 // 10, filled[1] * 9 // 10, filled[2] * 9 // 10, 255)
    discs: list[Ring] = [(0, r + 1.2, SHADE), (0, r + 0.2, LIGHT), (0, r - 1.4, filled)]
    if index == scene.selected and scene.editable:
        discs = [(r + 3.2, r + 5.8, SHADE), (r + 3.9, r + 5.1, LIGHT), *discs]
    yield _rings(scene, handle, *discs)
    if math.dist(handle, target) <= RADIUS * scene.scale:
        # The handle hides its target: its dot shows that both are there.
        yield _rings(scene, target, (0, 2.6, ring))


def _number(scene: Scene, index: int, pair: Pair) -> Sprite:
    x, y = number_place(scene.affine.map(pair.handle), scene.affine.map(pair.target), scene.scale)
    seen = scene.sees(pair.handle) and scene.sees(pair.target)
    return label(x, y, str(index + 1), _PILL if seen else _WARNING, scene.scale)


# Geometry


def _bands(scene: Scene, *bands: Band) -> tuple[Band, ...]:
    return tuple((width * scene.scale, colour) for width, colour in bands)


def _rings(scene: Scene, place: Point, *rings: Ring) -> Sprite:
    scale = scene.scale
    return disc(
        place.x, place.y, tuple((inner * scale, outer * scale, colour) for inner, outer, colour in rings)
    )


def _outline(scene: Scene, square: Square) -> list[Point]:
    return [scene.affine.map(corner) for corner in square.corners]


def _around(points: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    for index, point in enumerate(points):
        yield point, points[(index + 1) % len(points)]


def _capsule(capsule: Capsule) -> list[Point]:
    """The outline of a capsule, image space."""
    (ax, ay), (bx, by), radius = capsule
    angle = math.atan2(by - ay, bx - ax)
    points = []
    for (x, y), begin in (((bx, by), angle - math.pi / 2), ((ax, ay), angle + math.pi / 2)):
        for step in range(_AREA_STEPS + 1):
            turned = begin + math.pi * step / _AREA_STEPS
            points.append(Point(x + radius * math.cos(turned), y + radius * math.sin(turned)))
    return points


def _inside_capsule(capsule: Capsule, point: Point) -> bool:
    (ax, ay), (bx, by) = capsule.start, capsule.end
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    along = min(1.0, max(0.0, ((point.x - ax) * dx + (point.y - ay) * dy) / squared)) if squared else 0.0
    return math.hypot(point.x - ax - along * dx, point.y - ay - along * dy) < capsule.radius
