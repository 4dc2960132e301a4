"""Paint ``portrait.png`` and what the demo needs to know of it. ``python examples/make_portrait.py``

A picture as an artist would bring it: larger than the model's, on a canvas with a background, with brush
texture, paper grain and uneven light. It comes from a drawing program (skia), not from the generator, so the
demo has to invert it. Its landmarks are known exactly, before the pull and as the pull should leave them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from backend.detection.framing import FRAME
from backend.training.toon.factors import FACTORS, Factors
from backend.training.toon.renderer import draw, frame_middle

HERE = Path(__file__).parent
WIDTH, HEIGHT = 720, 780
SQUARE = (75, 119, 570)  # x, y, size: the head's square

PORTRAIT: Factors = {name: f.at(0.5) for name, f in FACTORS.items()} | {
    "face_width": 0.26,
    "yaw": 0.14,
    "pitch": 0.02,
    "roll": -0.05,
    "realism": 0.10,
    "light": -0.7,
    "shade": 0.75,
    "softness": 0.35,
    "line": 0.0055,
    "ink": 0.9,
    "eye_open": 0.90,
    "eye_height": 0.072,
    "eye_width": 0.064,
    "eye_y": 0.03,
    "eye_light": 0.62,
    "eye_a": -0.10,
    "eye_b": 0.06,
    "highlight": 0.30,
    "brow_tilt": 0.05,
    "mouth_width": 0.066,
    "smile": 0.000,
    "mouth_open": 0.012,
    "teeth": 0.1,
    "lips": 0.35,
    "blush": 0.25,
    "hair_length": 0.42,
    "hair_light": 0.40,
    "hair_a": 0.62,
    "hair_b": 0.45,
    "hair_shine": 0.45,
    "skin": 0.16,
    "cloth_light": 0.53,
    "cloth_a": -0.03,
    "cloth_b": -0.10,
    "collar": FACTORS["collar"].low,
}
# The same face as the demo wants it: both corners of the mouth drawn up and out.
SMILING: Factors = PORTRAIT | {"smile": 0.036, "mouth_width": 0.086}
PULLED = ("mouth_left", "mouth_right")


def _paint(p: Factors) -> tuple[NDArray[np.float64], dict[str, tuple[float, float]]]:
    """The canvas in linear steps of 0…255 ``[H, W, 3]`` and the landmarks in its pixels."""
    surface = skia.Surface(WIDTH, HEIGHT)
    canvas = surface.getCanvas()
    sky = skia.GradientShader.MakeLinear(
        [skia.Point(0, 0), skia.Point(WIDTH * 0.3, HEIGHT)], [0xFFC9D6DF, 0xFFE3DDD0]
    )
    canvas.drawPaint(skia.Paint(Shader=sky))
    x, y, size = SQUARE
    canvas.translate(x, y)
    canvas.scale(size, size)
    landmarks = draw(canvas, p)
    return surface.toarray(colorType=skia.kRGBA_8888_ColorType)[..., :3].astype(float), landmarks


def _crop(landmarks: dict[str, tuple[float, float]]) -> list[int]:
    """x, y, size of the square that frames the face for the model."""
    middle = frame_middle(landmarks)
    size = round(FRAME * SQUARE[2])
    return [round(middle.real - size / 2), round(middle.imag - size / 2), size]


def _texture(rng: np.random.Generator) -> NDArray[np.float64]:
    """Brush strokes, paper grain and a soft light from the left, as a factor around 1 ``[H, W, 1]``."""
    noise = rng.standard_normal((HEIGHT, WIDTH))
    strokes = Image.fromarray(np.float32(noise)).resize((WIDTH, HEIGHT // 7), Image.Resampling.BOX)
    bristles = np.asarray(strokes.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).rotate(24, expand=False))
    grain = (noise + np.roll(noise, 1, axis=0) + np.roll(noise, 1, axis=1)) / 3**0.5
    light = np.linspace(1.03, 0.97, WIDTH)[None, :]
    return (light * (1 + 0.020 * bristles + 0.012 * grain))[..., None]


def main() -> None:
    """Write the picture, its mask and its description next to this file."""
    canvas, before = _paint(PORTRAIT)
    _, after = _paint(SMILING)
    painted = np.clip(canvas * _texture(np.random.default_rng(11)), 0, 255).round().astype(np.uint8)
    Image.fromarray(painted).save(HERE / "portrait.png", optimize=True)

    size = SQUARE[2]
    # Room for the mouth before and after the pull; nose and chin stay out.
    marks = [
        places[f"mouth_{name}"] for places in (before, after) for name in ("left", "right", "top", "bottom")
    ]
    xs, ys = zip(*marks, strict=True)
    box = [min(xs) - 0.07 * size, min(ys) - 0.026 * size, max(xs) + 0.07 * size, max(ys) + 0.03 * size]
    mask = Image.new("L", (WIDTH, HEIGHT), 0)
    ImageDraw.Draw(mask).rounded_rectangle(box, radius=0.05 * size, fill=255)
    mask.filter(ImageFilter.GaussianBlur(size * 0.008)).save(HERE / "portrait-mask.png", optimize=True)

    description = {
        "crop": _crop(before),
        "pairs": [
            [[round(v, 2) for v in before[name]], [round(v, 2) for v in after[name]]] for name in PULLED
        ],
        "landmark": PULLED[0],
        "landmark_target": [round(v, 2) for v in after[PULLED[0]]],
        "mask": "portrait-mask.png",
    }
    (HERE / "portrait.json").write_text(json.dumps(description, indent=2) + "\n")


if __name__ == "__main__":
    main()
