"""Draw a procedural face: ``render(factors, size)`` → picture and landmarks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import skia
from numpy.typing import NDArray

from . import background, clothes, finish, glasses, hair, hats
from .head import Head
from .pen import Point, oklab
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


def _style(p: Factors) -> Style:
    return Style(
        oklab(0.85, 0.03, 0.04),
        oklab(0.7, 0.05, 0.05),
        oklab(0.95, 0.01, 0.02),
        oklab(0.27, 0.025, 0.02),
        0.008,
        0.5,
        -0.5,
        0.5,
        0.3,
    )


def draw(canvas: skia.Canvas, p: Factors) -> Landmarks:
    """Draw a face, without background, into the unit square of a canvas.

    Args:
        canvas: scaled so that the face's frame is the square from (0, 0) to (1, 1). Shoulders and long hair
            go on below it.
        p: a value for every name of `factors.FACTORS`.

    Returns:
        All `LANDMARKS`, in device pixels of the canvas.
    """
    canvas.save()
    canvas.translate(0.5 + p["x"], 0.52 + p["y"])
    canvas.scale(p["scale"], p["scale"])
    head, style = Head(p), _style(p)
    roll = (math.degrees(p["roll"]), 0.0, 0.28)  # the head turns about the neck; the shoulders stay

    canvas.save()
    canvas.rotate(*roll)
    hats.draw_hat_back(canvas, head, p, style)
    hair.draw_back_hair(canvas, head, p, style)
    canvas.restore()
    # neck
    clothes.draw_clothes(canvas, head, p, style)
    canvas.rotate(*roll)
    # ears, face (clipped to it: shading, hair.draw_hair_shadow), blush, nose, mouth, eyes
    hair.draw_front_hair(canvas, head, p, style)
    # brows: over the hair, as the style has it, so that they stay readable
    glasses.draw_glasses(canvas, head, p, style)
    hats.draw_hat_front(canvas, head, p, style)
    landmarks: Landmarks = dict.fromkeys(LANDMARKS, (0.0, 0.0))
    mapped = canvas.getTotalMatrix().mapPoints([skia.Point(*landmarks[name]) for name in LANDMARKS])
    canvas.restore()
    return {name: (q.x(), q.y()) for name, q in zip(LANDMARKS, mapped, strict=True)}


def render(p: Factors, size: int = 128) -> Face:
    """Draw a face on its background.

    Args:
        p: a value for every name of `factors.FACTORS`.
        size: side of the picture in pixels.

    Returns:
        The picture and all `LANDMARKS` in its pixel coordinates.
    """
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.scale(size, size)
    background.draw_background(canvas, p)
    landmarks = draw(canvas, p)
    picture = surface.toarray(colorType=skia.kRGBA_8888_ColorType)[..., :3].copy()
    return Face(finish.apply(picture, p), landmarks)
