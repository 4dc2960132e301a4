"""Draw a procedural face: ``render(factors, size)`` → picture and landmarks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import skia
from numpy.typing import NDArray

from backend.detection.framing import FRAME, frame_centre

from . import background, clothes, finish, glasses, hair, hats
from .brows import draw_brow
from .ears import draw_ear
from .eyes import draw_eye
from .head import PIVOT, Head, draw_neck, draw_skin
from .lighting import draw_blush, draw_shading, make_style
from .mouth import draw_mouth
from .nose import draw_nose
from .pen import Point, stroke
from .style import Style
from .table import Factors

Landmarks = dict[str, Point]


class Face(NamedTuple):
    """A drawn face.

    Attributes:
        picture: uint8 ``[size, size, 3]`` RGB.
        landmarks: name → (x, y) in pixels, pixel centres at +0.5. "Left" is the left of the picture.
    """

    picture: NDArray[np.uint8]
    landmarks: Landmarks


LANDMARKS = (
    *(f"eye_{side}_{part}" for side in ("left", "right") for part in ("inner", "outer", "top", "bottom")),
    "iris_left",
    "iris_right",
    *(f"brow_{side}_{part}" for side in ("left", "right") for part in ("inner", "middle", "outer")),
    "nose",
    "mouth_left",
    "mouth_right",
    "mouth_top",
    "mouth_bottom",
    "chin",
    "jaw_left",
    "jaw_right",
)


_SIDES = (-1, 1)
_EVERYWHERE = skia.Rect.MakeLTRB(-3, -3, 4, 4)
_UPRIGHTED = 0.8
"""The part of the head's tilt that the frame follows."""


def _draw_face(canvas: skia.Canvas, head: Head, p: Factors, style: Style) -> Landmarks:
    """Ears, skin, blush, nose, mouth and eyes; their landmarks in head coordinates."""
    for side in _SIDES:
        draw_ear(canvas, head, p, style, side, front=False)
    draw_skin(canvas, head, style)
    canvas.save()
    canvas.clipPath(head.outline, doAntiAlias=True)
    draw_shading(canvas, head, p, style)
    draw_blush(canvas, head, p, style)
    hair.draw_hair_shadow(canvas, head, p, style)
    landmarks = draw_nose(canvas, head, p, style)
    landmarks |= draw_mouth(canvas, head, p, style)
    for side in _SIDES:
        landmarks |= draw_eye(canvas, head, p, style, side)
    canvas.restore()
    canvas.drawPath(head.outline, stroke(style.outline(style.skin), style.line))
    for side in _SIDES:
        draw_ear(canvas, head, p, style, side, front=True)
    (left, right), tip = head.jaw, head.chin_tip
    return landmarks | {"chin": tip, "jaw_left": left[2], "jaw_right": right[2]}


def draw(canvas: skia.Canvas, p: Factors) -> Landmarks:
    """Draw a face, without background, into the unit square of a canvas.

    Args:
        canvas: scaled so that the face's square (`detection.squares`) is the one from (0, 0) to (1, 1). Shoulders and
            long hair go on below it.
        p: a value for every name of `factors.FACTORS`.

    Returns:
        All `LANDMARKS`, in device pixels of the canvas.
    """
    canvas.save()
    canvas.translate(0.5, 0.52)
    head, style = Head(p), make_style(p)
    roll = (math.degrees(p["roll"]), 0.0, PIVOT)  # the head turns about the neck; the shoulders stay

    canvas.save()
    canvas.rotate(*roll)
    hats.draw_hat_back(canvas, head, p, style)
    hair.draw_back_hair(canvas, head, p, style)
    canvas.restore()
    draw_neck(canvas, head, p, style, p["roll"])
    clothes.draw_clothes(canvas, head, p, style)
    canvas.rotate(*roll)
    landmarks = _draw_face(canvas, head, p, style)
    hair.draw_front_hair(canvas, head, p, style)
    for side in _SIDES:  # over the hair, as the style has it, so that they stay readable
        landmarks |= draw_brow(canvas, head, p, style, side)
    glasses.draw_glasses(canvas, head, p, style)
    hats.draw_hat_front(canvas, head, p, style)
    mapped = canvas.getTotalMatrix().mapPoints([skia.Point(*landmarks[name]) for name in LANDMARKS])
    canvas.restore()
    return {name: (q.x(), q.y()) for name, q in zip(LANDMARKS, mapped, strict=True)}


def frame_middle(landmarks: Landmarks) -> complex:
    """The middle of the frame, x + iy, in whatever the landmarks are measured in."""

    def middle(*names: str) -> complex:
        return sum((complex(*landmarks[name]) for name in names), 0j) / len(names)

    eyes = middle(*(f"eye_{side}_{part}" for side in ("left", "right") for part in ("inner", "outer")))
    return frame_centre(eyes, middle("mouth_left", "mouth_right"))


def _framed(landmarks: Landmarks, p: Factors, size: int, side: float) -> skia.Matrix:
    """From the face's square to the picture: framed as a found face is, less exactly by some factors.

    The head stays a little tilted, so that the model knows heads that lean, and crops that are not quite upright.
    """
    centre = frame_middle(landmarks)
    zoom = size / side * p["scale"]
    matrix = skia.Matrix()
    matrix.setTranslate(-centre.real, -centre.imag)
    matrix.postRotate(-math.degrees(p["roll"]) * _UPRIGHTED)
    matrix.postScale(zoom, zoom)
    matrix.postTranslate(size * (0.5 + p["x"]), size * (0.5 + p["y"]))
    return matrix


def render(p: Factors, size: int = 128, side: float = FRAME) -> Face:
    """Draw a face on its background, framed as the models see faces (`detection.framing`).

    Args:
        p: a value for every name of `factors.FACTORS`.
        size: side of the picture in pixels.
        side: of the frame, in sides of the face's square; 1.4 shows the whole head.

    Returns:
        The picture and all `LANDMARKS` in its pixel coordinates.
    """
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    recorder = skia.PictureRecorder()
    drawn = draw(recorder.beginRecording(_EVERYWHERE), p)
    matrix = _framed(drawn, p, size, side)
    canvas.save()
    canvas.scale(size, size)
    background.draw_background(canvas, p)
    canvas.restore()
    canvas.drawPicture(recorder.finishRecordingAsPicture(), matrix)
    finish.paint(surface, p)
    mapped = matrix.mapPoints([skia.Point(*drawn[name]) for name in LANDMARKS])
    landmarks = {name: (q.x(), q.y()) for name, q in zip(LANDMARKS, mapped, strict=True)}
    picture = surface.toarray(colorType=skia.kRGBA_8888_ColorType)[..., :3].copy()
    return Face(picture, landmarks)
