"""A drawn face of any size whose mouth can be moved and bent: before, after and the truth for compositing tests."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw


def draw(
    size: int, mouth: tuple[float, float] = (0.5, 0.68), bend: float = 0.0, teeth: float = 0.0
) -> np.ndarray:
    """RGB uint8 [size, size, 3]; lengths are parts of the side. `mouth` is its middle, `bend` lifts its corners."""
    big = size * 2
    image = Image.new("RGB", (big, big), (208, 190, 220))
    pen = ImageDraw.Draw(image)
    line, width = (60, 35, 30), max(1, round(big * 0.009))

    def box(x: float, y: float, w: float, h: float) -> list[float]:
        return [(x - w) * big, (y - h) * big, (x + w) * big, (y + h) * big]

    pen.ellipse(box(0.5, 0.5, 0.34, 0.4), fill=(245, 205, 180), outline=line, width=width)
    for x in (0.37, 0.63):
        pen.ellipse(box(x, 0.45, 0.07, 0.045), fill=(255, 255, 255), outline=line, width=width)
        pen.ellipse(box(x, 0.45, 0.03, 0.04), fill=(70, 110, 60))
    if teeth:
        pen.ellipse(
            box(mouth[0], mouth[1] + teeth / 2, 0.09, teeth), fill=(255, 250, 240), outline=line, width=width
        )
    points = []
    for i in range(41):
        t = i / 20 - 1
        points.append(((mouth[0] + 0.13 * t) * big, (mouth[1] - bend * t * t) * big))
    pen.line(points, fill=line, width=width * 2, joint="curve")
    return np.asarray(image.resize((size, size), Image.Resampling.BOX))


def opaque(rgb: np.ndarray) -> np.ndarray:
    """RGB as RGBA with full alpha."""
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal to noise ratio of uint8 values in dB."""
    error = np.mean((first.astype(float) - second) ** 2)
    return math.inf if error == 0 else float(-10 * np.log10(error / 255**2))
