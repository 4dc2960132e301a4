"""What the overlay draws. Sizes are logical px of the screen whatever the zoom; only places come from the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..backend.editing import scene as look
from ..backend.editing.affine import Affine
from ..backend.editing.areas import Capsule
from ..backend.editing.framing import STEM, Spot
from ..backend.editing.geometry import Point, Square
from ..backend.editing.gestures import Grip
from ..backend.editing.pairs import Pair
from ..backend.editing.scene import RADIUS, TICK, arrow, number_place, size_text, stem
from ..qt import Qt, QtCore, QtGui
from .pictures import Picture, turn

HANDLE = QtGui.QColor(*look.HANDLE)
TARGET = QtGui.QColor(*look.TARGET)
OUTSIDE = QtGui.QColor(*look.OUTSIDE)
LIGHT = QtGui.QColor(*look.LIGHT)
DARK = QtGui.QColor(*look.DARK)
SHADE = QtGui.QColor(*look.SHADE)
QUIET = QtGui.QColor(*look.QUIET)

_MANY = 16
"""Capsules: the outline of more takes too long while a point is dragged, and tells little."""

MARGIN = 32
"""How far marks and numbers reach beyond the places that they stand at."""

_Antialiasing = QtGui.QPainter.RenderHint.Antialiasing
_Smooth = QtGui.QPainter.RenderHint.SmoothPixmapTransform
_NoBrush = Qt.BrushStyle.NoBrush
_NoPen = Qt.PenStyle.NoPen


@dataclass
class Scene(look.Scene):
    """What is to be seen on one canvas; ``affine`` leads to logical px of the widget.

    Attributes:
        picture: preview or result, None for none; ``exact`` when its pixels are pixels of the image.
    """

    picture: Picture | None = field(default=None, kw_only=True)
    exact: bool = field(default=False, kw_only=True)


class Painting:
    """Draws scenes, and keeps what is dear to make from one to the next."""

    def __init__(self) -> None:
        self._area_of: object = None
        self._area = QtGui.QPainterPath()

    def draw(self, painter: QtGui.QPainter, scene: Scene, pixel_ratio: float) -> None:
        """Draws everything.

        Args:
            painter: on the overlay, its transform in logical px.
            scene: what.
            pixel_ratio: device px for a logical px.
        """
        if scene.picture is not None:
            self._draw_picture(painter, scene, pixel_ratio)
        painter.setRenderHint(_Antialiasing)
        if scene.framing:
            self._draw_frame(painter, scene)
            return
        if scene.area:
            self._draw_area(painter, scene)
        for _, face in scene.faces:
            self._draw_dashed(painter, _outline(scene.affine, face), QUIET)
        if scene.crop is not None:
            outline = _outline(scene.affine, scene.crop)
            self._draw_dashed(painter, outline)
            if scene.crop.angle:
                self._draw_stem(painter, scene.affine, scene.crop, TICK)
        for index, pair in enumerate(scene.pairs):
            self._draw_way(painter, scene, index, pair)
        for index, pair in enumerate(scene.pairs):
            self._draw_ends(painter, scene, index, pair)
        if len(scene.pairs) > 1:
            for index, pair in enumerate(scene.pairs):
                self._draw_number(painter, scene, index, pair)

    # Pictures

    def _draw_picture(self, painter: QtGui.QPainter, scene: Scene, pixel_ratio: float) -> None:
        assert scene.picture is not None
        scale = scene.affine.scale
        image, magnified, rough = scene.picture.at_scale(scale * pixel_ratio)
        # Pixels of the image stay pixels when the artist looks closely, as the canvas shows them.
        untouched = abs(magnified - 1) < 1e-6 and scene.affine.upright
        smooth = not rough and not (scene.exact and (magnified >= 2 or untouched))
        painter.save()
        painter.setRenderHint(_Smooth, smooth)
        painter.setTransform(QtGui.QTransform(*scene.affine), True)
        painter.setClipRect(QtCore.QRectF(0, 0, *scene.image))
        middle = scene.picture.place.center()
        turn(painter, (middle.x(), middle.y()), scene.picture.angle)
        painter.drawImage(scene.picture.place, image)
        painter.restore()

    # Crop and area

    def _draw_area(self, painter: QtGui.QPainter, scene: Scene) -> None:
        if self._area_of != (tuple(scene.area), scene.crop):
            self._area = _union(scene.area)
            if scene.crop is not None:
                square = QtGui.QPainterPath()
                square.addPolygon(QtGui.QPolygonF([QtCore.QPointF(*corner) for corner in scene.crop.corners]))
                square.closeSubpath()
                self._area = self._area.intersected(square)
            self._area_of = tuple(scene.area), scene.crop
        path = QtGui.QTransform(*scene.affine).map(self._area)
        painter.setBrush(_NoBrush)  # only an outline: a tint would change the colours that the artist judges
        painter.setPen(QtGui.QPen(QtGui.QColor(16, 18, 24, 100), 2.6))
        painter.drawPath(path)
        painter.setPen(QtGui.QPen(QtGui.QColor(255, 255, 255, 220), 1.0))
        painter.drawPath(path)

    def _draw_dashed(
        self, painter: QtGui.QPainter, outline: QtGui.QPolygonF, colour: QtGui.QColor = LIGHT
    ) -> None:
        painter.setBrush(_NoBrush)
        painter.setPen(QtGui.QPen(QtGui.QColor(16, 18, 24, 150 * colour.alpha() // 255), 1.4))
        painter.drawPolygon(outline)
        pen = QtGui.QPen(colour, 1.4)
        pen.setDashPattern([5.0, 4.0])
        painter.setPen(pen)
        painter.drawPolygon(outline)

    def _draw_stem(
        self, painter: QtGui.QPainter, affine: Affine, square: Square, length: float
    ) -> QtCore.QPointF:
        """A line from the middle of the upper edge upwards, so that it is seen which way is up. Returns its end."""
        top, end = (QtCore.QPointF(*point) for point in stem(affine, square, length))
        painter.setPen(_pen(SHADE, 3.4))
        painter.drawLine(top, end)
        painter.setPen(_pen(LIGHT, 1.4))
        painter.drawLine(top, end)
        return end

    def _draw_frame(self, painter: QtGui.QPainter, scene: Scene) -> None:
        """The frame while it is edited: what lies outside is darker, and it has handles."""
        outside = QtGui.QPainterPath()
        width, height = scene.image
        outside.addPolygon(_polygon(scene.affine, 0, 0, width, height))
        outside.closeSubpath()
        frame = scene.frame
        inside = QtGui.QPainterPath()
        if frame is not None:
            outline = _outline(scene.affine, frame)
            inside.addPolygon(outline)
            inside.closeSubpath()
        painter.fillPath(outside.subtracted(inside), QtGui.QColor(16, 18, 24, 60 if frame is None else 120))
        if not scene.drawing:
            self._draw_faces(painter, scene)
        if frame is None:
            return
        self._draw_dashed(painter, outline)
        spot = scene.spot
        end = self._draw_stem(painter, scene.affine, frame, STEM)
        self._draw_handle(painter, end, spot is not None and spot.part == "turn", round_one=True)
        for number in range(4):
            self._draw_handle(painter, outline.at(number), spot == Spot("corner", number))
        place = outline.boundingRect()
        label = QtCore.QPointF(place.center().x(), place.bottom() + 14)
        self._draw_label(painter, label, size_text(frame))

    def _draw_faces(self, painter: QtGui.QPainter, scene: Scene) -> None:
        """The frames of the other faces, to be clicked."""
        for number, face in scene.faces:
            hovered = scene.spot == Spot("face", number)
            outline = _outline(scene.affine, face)
            self._draw_dashed(painter, outline, LIGHT if hovered else QUIET)
            corner = (outline.at(0) * 5 + outline.at(2)) / 6
            self._draw_label(painter, corner, str(number + 1))

    def _draw_handle(
        self, painter: QtGui.QPainter, place: QtCore.QPointF, hovered: bool, round_one: bool = False
    ) -> None:
        radius = 5.5 if hovered else 4.5
        box = QtCore.QRectF(place.x() - radius, place.y() - radius, 2 * radius, 2 * radius)
        draw = painter.drawEllipse if round_one else painter.drawRect
        painter.setBrush(TARGET if hovered else DARK)
        painter.setPen(QtGui.QPen(SHADE, 3.4))
        draw(box)
        painter.setPen(QtGui.QPen(LIGHT, 1.6))
        draw(box)

    # Pairs

    def _draw_way(self, painter: QtGui.QPainter, scene: Scene, index: int, pair: Pair) -> None:
        """Where the handle began, the trail it took, and the arrow that is still to go."""
        start, handle = _on(scene.affine, pair.start), _on(scene.affine, pair.handle)
        painter.setBrush(_NoBrush)
        if _away(start, handle) > 2.0:
            painter.setPen(_pen(SHADE, 3.4))
            painter.drawLine(start, handle)
            pen = _pen(HANDLE, 1.8)
            pen.setDashPattern([0.1, 2.4])
            painter.setPen(pen)
            painter.drawLine(start, handle)
            painter.setPen(QtGui.QPen(SHADE, 1.0))
            painter.setBrush(LIGHT)
            painter.drawEllipse(start, 2.8, 2.8)
        to_go = arrow(scene.affine.map(pair.handle), scene.affine.map(pair.target))
        if to_go is None:
            return
        strong, end = scene.touches(index), QtCore.QPointF(*to_go.end)
        painter.setPen(_pen(SHADE, 4.4 if strong else 3.8))
        painter.drawLine(handle, end)
        painter.setPen(_pen(LIGHT, 2.2 if strong else 1.6))
        painter.drawLine(handle, end)
        if to_go.head is not None:
            head = QtGui.QPolygonF([QtCore.QPointF(*corner) for corner in to_go.head])
            painter.setPen(_pen(SHADE, 2.2))
            painter.setBrush(LIGHT)
            painter.drawPolygon(head)
            painter.setPen(_NoPen)
            painter.drawPolygon(head)

    def _draw_ends(self, painter: QtGui.QPainter, scene: Scene, index: int, pair: Pair) -> None:
        handle, target = _on(scene.affine, pair.handle), _on(scene.affine, pair.target)
        inside = {"handle": scene.sees(pair.handle), "target": scene.sees(pair.target)}
        for end, place, colour in (("target", target, TARGET), ("handle", handle, HANDLE)):
            radius = scene.radius(Grip(index, end))
            colour = colour if inside[end] else OUTSIDE
            if end == "target":
                # A ring with a dot: told from the handle's disc without its colour, and what is below stays seen.
                self._draw_ring(painter, place, radius, colour)
            else:
                painter.setBrush(colour if scene.editable else colour.darker(112))
                painter.setPen(QtGui.QPen(SHADE, 3.6))
                painter.drawEllipse(place, radius - 0.6, radius - 0.6)
                painter.setPen(QtGui.QPen(LIGHT, 1.6))
                painter.drawEllipse(place, radius - 0.6, radius - 0.6)
        if _away(handle, target) <= RADIUS:  # the handle hides its target: its dot shows that both are there
            painter.setPen(_NoPen)
            painter.setBrush(TARGET if inside["target"] else OUTSIDE)
            painter.drawEllipse(target, 2.6, 2.6)
        if index == scene.selected and scene.editable:
            painter.setBrush(_NoBrush)
            painter.setPen(QtGui.QPen(SHADE, 2.6))
            painter.drawEllipse(handle, RADIUS + 4.5, RADIUS + 4.5)
            painter.setPen(QtGui.QPen(LIGHT, 1.2))
            painter.drawEllipse(handle, RADIUS + 4.5, RADIUS + 4.5)

    def _draw_ring(
        self, painter: QtGui.QPainter, place: QtCore.QPointF, radius: float, colour: QtGui.QColor
    ) -> None:
        painter.setBrush(_NoBrush)
        painter.setPen(QtGui.QPen(SHADE, 5.6))
        painter.drawEllipse(place, radius, radius)
        painter.setPen(QtGui.QPen(LIGHT, 4.0))
        painter.drawEllipse(place, radius, radius)
        painter.setPen(QtGui.QPen(colour, 2.2))
        painter.drawEllipse(place, radius, radius)
        painter.setPen(QtGui.QPen(SHADE, 1.0))
        painter.setBrush(LIGHT)
        painter.drawEllipse(place, 2.0, 2.0)

    def _draw_number(self, painter: QtGui.QPainter, scene: Scene, index: int, pair: Pair) -> None:
        place = number_place(scene.affine.map(pair.handle), scene.affine.map(pair.target))
        inside = scene.sees(pair.handle) and scene.sees(pair.target)
        back = DARK if inside else OUTSIDE.darker(190)
        self._draw_label(painter, QtCore.QPointF(*place), str(index + 1), back)

    def _draw_label(
        self, painter: QtGui.QPainter, middle: QtCore.QPointF, text: str, colour: QtGui.QColor = DARK
    ) -> None:
        font = QtGui.QFont(painter.font())
        font.setPixelSize(11)
        font.setBold(True)
        painter.setFont(font)
        width = max(15.0, QtGui.QFontMetricsF(font).horizontalAdvance(text) + 8.0)
        pill = QtCore.QRectF(middle.x() - width / 2, middle.y() - 7.5, width, 15.0)
        back = QtGui.QColor(colour)
        back.setAlpha(215)
        painter.setPen(QtGui.QPen(QtGui.QColor(255, 255, 255, 90), 1.0))
        painter.setBrush(back)
        painter.drawRoundedRect(pill, 7.5, 7.5)
        painter.setPen(LIGHT)
        painter.drawText(pill, int(Qt.AlignmentFlag.AlignCenter), text)


def _on(affine: Affine, point: Point) -> QtCore.QPointF:
    return QtCore.QPointF(*affine.map(point))


def _away(first: QtCore.QPointF, second: QtCore.QPointF) -> float:
    return math.hypot(second.x() - first.x(), second.y() - first.y())


def _pen(colour: QtGui.QColor, width: float) -> QtGui.QPen:
    return QtGui.QPen(
        QtGui.QBrush(colour),
        width,
        Qt.PenStyle.SolidLine,
        Qt.PenCapStyle.RoundCap,
        Qt.PenJoinStyle.RoundJoin,
    )


def _polygon(affine: Affine, x: float, y: float, width: float, height: float) -> QtGui.QPolygonF:
    corners = (Point(x, y), Point(x + width, y), Point(x + width, y + height), Point(x, y + height))
    return QtGui.QPolygonF([_on(affine, corner) for corner in corners])


def _outline(affine: Affine, square: Square) -> QtGui.QPolygonF:
    return QtGui.QPolygonF([_on(affine, corner) for corner in square.corners])


def _union(area: Sequence[Capsule]) -> QtGui.QPainterPath:
    """The outline around all capsules, image space."""
    union = QtGui.QPainterPath()
    if len(area) > _MANY:
        return union
    for capsule in area:
        union = union.united(_capsule(capsule))
    return union


def _capsule(capsule: Capsule) -> QtGui.QPainterPath:
    length = math.dist(capsule.start, capsule.end)
    radius = capsule.radius
    path = QtGui.QPainterPath()
    path.addRoundedRect(QtCore.QRectF(-radius, -radius, length + 2 * radius, 2 * radius), radius, radius)
    place = QtGui.QTransform()
    place.translate(*capsule.start)
    angle = math.atan2(capsule.end.y - capsule.start.y, capsule.end.x - capsule.start.x)
    place.rotateRadians(angle)
    return place.map(path)
