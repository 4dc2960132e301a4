"""Draw a procedural face: ``render(factors, size)`` → picture and landmarks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import skia
from numpy.typing import NDArray

from .factors import Factors
from .features import Landmarks, draw_brow, draw_eye, draw_mouth, draw_nose
from .hair import draw_back_hair, draw_front_hair
from .pen import Color, Head, fill, hsv, oklab, spline, stroke


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


def _skin(p: Factors) -> tuple[Color, Color]:
    hue, saturation, value = 0.065 + 0.02 * p["skin"], 0.13 + 0.40 * p["skin"], 1.0 - 0.38 * p["skin"]
    return hsv(hue, saturation, value), hsv(hue - 0.015, saturation + 0.13, value * 0.86)


def _draw_body(canvas: skia.Canvas, p: Factors, skin_shade: Color, line: Color) -> None:
    neck, shoulders = p["neck"], p["shoulders"]
    canvas.drawRect(skia.Rect(-neck, 0.12, neck, 0.44), fill(skin_shade))
    body = skia.Path()
    body.moveTo(-shoulders, 0.66)
    body.cubicTo(-shoulders * 0.92, 0.42, -neck * 1.9, 0.43, -neck * 1.05, 0.355)
    body.quadTo(0, 0.47, neck * 1.05, 0.355)
    body.cubicTo(neck * 1.9, 0.43, shoulders * 0.92, 0.42, shoulders, 0.66)
    body.close()
    canvas.drawPath(body, fill(oklab(p["cloth_light"], p["cloth_a"], p["cloth_b"])))
    canvas.drawPath(body, stroke(line, p["line"]))


def _draw_face(
    canvas: skia.Canvas, head: Head, p: Factors, colors: tuple[Color, Color], line: Color
) -> Landmarks:
    skin, shade = colors
    width, chin = p["face_width"], p["chin"]
    for side in (-1, 1):
        x, y = head.place(side * width * 0.98, 0.05, -0.04)
        ear = skia.Rect(x - 0.036, y - 0.058, x + 0.036, y + 0.058)
        canvas.drawOval(ear, fill(skin))
        canvas.drawOval(ear, stroke(line, p["line"] * 0.8))
    jaw_x, jaw_y = width * p["jaw"], 0.16 + 0.45 * (chin - 0.285)
    half = [(width, -0.06), (width * 0.985, 0.05), (jaw_x * 1.04, jaw_y), (0.058, chin - 0.014)]
    depths = (0.02, 0.03, 0.06, 0.09)
    right = [head.place(x, y, d) for (x, y), d in zip(half, depths, strict=True)]
    left = [head.place(-x, y, d) for (x, y), d in zip(half, depths, strict=True)]
    crown = [
        head.place(width * 0.72, -0.26, 0.01),
        head.place(0, -0.33, 0.0),
        head.place(-width * 0.72, -0.26, 0.01),
    ]
    # A plain spline, so that the chin is a smooth extremum of the outline and not a corner.
    tip = head.place(0, chin, 0.09)
    outline = spline([*left, tip, *reversed(right), *crown], closed=True)
    canvas.drawPath(outline, fill(skin))
    canvas.save()
    canvas.clipPath(outline, doAntiAlias=True)
    fx, fy = head.place(0, -0.02, 0.05)
    fringe = skia.Rect(
        fx - width * 1.1, fy - 0.5, fx + width * 1.1, fy + p["eye_y"] - p["eye_height"] - 0.03 + p["fringe"]
    )
    canvas.drawRRect(skia.RRect.MakeRectXY(fringe, width, 0.12), fill(shade))
    for side in (-1, 1):
        bx, by = head.place(side * p["eye_x"] * 1.12, p["eye_y"] + 0.105)
        blush = skia.Rect(bx - 0.05, by - 0.026, bx + 0.05, by + 0.026)
        canvas.drawOval(blush, fill(hsv(0.975, 0.55, 1.0, p["blush"])))
    canvas.restore()
    canvas.drawPath(outline, stroke(line, p["line"]))
    return {"chin": tip, "jaw_left": left[2], "jaw_right": right[2]}


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
    line = oklab(0.27, 0.025, 0.02)
    light, a, b = p["hair_light"], p["hair_a"], p["hair_b"]
    hair, hair_shade, brow = (
        oklab(light, a, b),
        oklab(light * 0.78, a, b),
        oklab(light * 0.58, a * 0.8, b * 0.8),
    )
    shine = oklab(light * 0.6 + 0.4, a * 0.6, b * 0.6, p["hair_shine"])
    skin, skin_shade = _skin(p)
    head = Head(p["yaw"], p["pitch"])

    # The head turns about the neck; the shoulders stay.
    canvas.save()
    canvas.rotate(math.degrees(p["roll"]), 0.0, 0.28)
    draw_back_hair(canvas, head, p, hair_shade, line)
    canvas.restore()
    _draw_body(canvas, p, skin_shade, line)
    canvas.rotate(math.degrees(p["roll"]), 0.0, 0.28)
    landmarks = _draw_face(canvas, head, p, (skin, skin_shade), line)
    landmarks |= draw_nose(canvas, head, p, line, skin_shade)
    landmarks |= draw_mouth(canvas, head, p, line)
    for side in (-1, 1):
        landmarks |= draw_eye(canvas, head, p, side, line)
    draw_front_hair(canvas, head, p, hair, shine, line)
    for side in (-1, 1):  # over the hair, as the style has it: brows stay readable
        landmarks |= draw_brow(canvas, head, p, side, brow)
    mapped = canvas.getTotalMatrix().mapPoints([skia.Point(*landmarks[name]) for name in LANDMARKS])
    canvas.restore()
    return {name: (q.x(), q.y()) for name, q in zip(LANDMARKS, mapped, strict=True)}


def render(p: Factors, size: int = 128) -> Face:
    """Draw a face on its plain background.

    Args:
        p: a value for every name of `factors.FACTORS`.
        size: side of the picture in pixels.

    Returns:
        The picture and all `LANDMARKS` in its pixel coordinates.
    """
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.clear(oklab(p["background_light"], p["background_a"], p["background_b"]))
    canvas.scale(size, size)
    landmarks = draw(canvas, p)
    return Face(surface.toarray(colorType=skia.kRGBA_8888_ColorType)[..., :3].copy(), landmarks)
