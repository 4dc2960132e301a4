"""What stands behind faces, and what looks a little like a face and is none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image

_ENDINGS = {".png", ".jpg", ".jpeg", ".webp"}
_LONGEST = 800
_WORDS = ("face", "Aa Bb", "0123", "o_o", "THE END", "eyes", "a quick brown fox", "::", "88", "(o)")
_LINEAR = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)


def random_color(rng: np.random.Generator) -> skia.Color4f:
    """Any colour; often gray, skin-like, or close to white."""
    kind = rng.random()
    if kind < 0.2:
        return skia.Color4f(*(3 * [rng.random()]), 1.0)
    if kind < 0.35:
        value = rng.uniform(0.35, 1.0)
        return skia.Color4f(value, value * rng.uniform(0.65, 0.9), value * rng.uniform(0.45, 0.8), 1.0)
    if kind < 0.5:
        return skia.Color4f(*rng.uniform(0.85, 1.0, 3), 1.0)
    return skia.Color4f(*rng.random(3), 1.0)


def _paint(rng: np.random.Generator, line: float = 0.0) -> skia.Paint:
    paint = skia.Paint(AntiAlias=True, Color4f=random_color(rng))
    if rng.random() < 0.25:
        paint.setAlphaf(float(rng.uniform(0.3, 0.9)))
    if line:
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(line)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
    return paint


def scribble(canvas: skia.Canvas, rng: np.random.Generator, width: int, height: int, weight: float) -> None:
    """A random stroke; `weight` is its typical thickness in widths of the canvas."""
    path = skia.Path()
    points = rng.random((4, 2)) * (width, height)
    path.moveTo(*points[0])
    path.cubicTo(*points[1], *points[2], *points[3])
    canvas.drawPath(path, _paint(rng, max(1.0, width * weight * rng.uniform(0.3, 2.0))))


class Backgrounds:
    """Paints random backgrounds without faces.

    Args:
        rng: what is random.
        pictures: a folder of pictures without faces to take pieces of, or None.
    """

    def __init__(self, rng: np.random.Generator, pictures: Path | None) -> None:
        self._rng = rng
        files = sorted(f for f in pictures.iterdir() if f.suffix in _ENDINGS) if pictures else []
        self._pictures = [skia.Image.fromarray(_load(f), skia.kRGBA_8888_ColorType) for f in files]

    def paint(self, canvas: skia.Canvas, width: int, height: int) -> None:
        """Fill a canvas, then put shapes on it."""
        rng = self._rng
        kind = rng.random()
        if self._pictures and kind < 0.35:
            self._piece(canvas, width, height)
        elif kind < 0.6:
            canvas.clear(random_color(rng))
        elif kind < 0.72:
            self._gradient(canvas, width, height)
        elif kind < 0.88:
            self._clouds(canvas, width, height)
        else:
            self._texture(canvas, width, height)
        if rng.random() < 0.55:
            for _ in range(int(rng.integers(1, 12))):
                self._thing(canvas, width, height)
        if rng.random() < 0.15:
            self._blobs(canvas, width, height)

    def _piece(self, canvas: skia.Canvas, width: int, height: int) -> None:
        rng = self._rng
        picture = self._pictures[int(rng.integers(len(self._pictures)))]
        least = max(width / picture.width(), height / picture.height())
        scale = least * math.exp(rng.uniform(0, math.log(5.0)))
        canvas.save()
        if rng.random() < 0.5:
            canvas.translate(width, 0)
            canvas.scale(-1, 1)
        canvas.translate(
            -rng.random() * (picture.width() * scale - width),
            -rng.random() * (picture.height() * scale - height),
        )
        canvas.scale(scale, scale)
        canvas.drawImage(picture, 0, 0, _LINEAR)
        canvas.restore()

    def _gradient(self, canvas: skia.Canvas, width: int, height: int) -> None:
        rng = self._rng
        colors = [random_color(rng).toColor() for _ in range(int(rng.integers(2, 4)))]
        if rng.random() < 0.5:
            ends = [skia.Point(*(rng.random(2) * (width, height))) for _ in range(2)]
            shader = skia.GradientShader.MakeLinear(ends, colors)
        else:
            centre = skia.Point(*(rng.random(2) * (width, height)))
            shader = skia.GradientShader.MakeRadial(centre, float(width * rng.uniform(0.3, 1.0)), colors)
        canvas.drawPaint(skia.Paint(Shader=shader))

    def _clouds(self, canvas: skia.Canvas, width: int, height: int) -> None:
        """Noise of a few octaves, coloured."""
        rng = self._rng
        total: NDArray[np.float64] = np.zeros((height, width, 3))
        gray = rng.random() < 0.4
        for octave in range(int(rng.integers(1, 6))):
            cells = 3 * 2**octave
            small = (rng.random((cells, cells, 1 if gray else 3)) * 255).astype(np.uint8)
            image = Image.fromarray(small.repeat(3, axis=2) if gray else small)
            layer = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), np.float64)
            total += (layer / 255 - 0.5) * rng.uniform(0.2, 1.0) * 0.75**octave
        base = np.array(list(random_color(rng))[:3]) if rng.random() < 0.7 else rng.random(3)
        rgb = ((base + total * rng.uniform(0.1, 0.9)).clip(0, 1) * 255).astype(np.uint8)
        rgba = np.dstack([rgb, np.full((height, width), 255, np.uint8)])
        canvas.drawImage(skia.Image.fromarray(np.ascontiguousarray(rgba), skia.kRGBA_8888_ColorType), 0, 0)

    def _texture(self, canvas: skia.Canvas, width: int, height: int) -> None:
        """Stripes, checks, dots or hatching."""
        rng = self._rng
        canvas.clear(random_color(rng))
        step = float(rng.uniform(3, 40))
        paint = _paint(rng)
        canvas.save()
        canvas.translate(width / 2, height / 2)
        canvas.rotate(float(rng.uniform(0, 180)))
        reach = math.hypot(width, height) / 2
        count = int(2 * reach / step)
        kind = rng.random()
        for i in range(count):
            at = -reach + i * step
            if kind < 0.5:
                canvas.drawRect(skia.Rect(at, -reach, at + step * 0.5, reach), paint)
            elif count <= 40:
                for j in range(count):
                    down = -reach + j * step
                    if kind < 0.75:
                        canvas.drawCircle(at, down, step * 0.3, paint)
                    elif (i + j) % 2:
                        canvas.drawRect(skia.Rect(at, down, at + step, down + step), paint)
        canvas.restore()

    def _thing(self, canvas: skia.Canvas, width: int, height: int) -> None:
        """One shape: an oval, a box, a polygon, a stroke, a word, rings, or a hand."""
        rng = self._rng
        x, y = rng.random(2) * (width, height)
        size = width * math.exp(rng.uniform(math.log(0.02), math.log(0.45)))
        kind = int(rng.integers(7))
        line = 0.0 if rng.random() < 0.6 else max(1.0, size * rng.uniform(0.02, 0.15))
        canvas.save()
        canvas.translate(float(x), float(y))
        canvas.rotate(float(rng.uniform(0, 360)))
        if kind == 0:
            half = size * rng.uniform(0.4, 1.0)
            canvas.drawOval(skia.Rect(-size / 2, -half / 2, size / 2, half / 2), _paint(rng, line))
        elif kind == 1:
            half = size * rng.uniform(0.2, 1.0)
            canvas.drawRect(skia.Rect(-size / 2, -half / 2, size / 2, half / 2), _paint(rng, line))
        elif kind == 2:
            path = skia.Path()
            corners = rng.normal(0, size * 0.5, (int(rng.integers(3, 8)), 2))
            path.addPoly([skia.Point(*c) for c in corners], True)
            canvas.drawPath(path, _paint(rng, line))
        elif kind == 3:
            canvas.translate(-size, -size)
            scribble(canvas, rng, int(2 * size) + 2, int(2 * size) + 2, 0.04)
        elif kind == 4:
            font = skia.Font(None, max(6.0, size * 0.4))
            canvas.drawString(_WORDS[int(rng.integers(len(_WORDS)))], -size / 2, 0, font, _paint(rng))
        elif kind == 5:
            for k in range(int(rng.integers(2, 5))):
                canvas.drawCircle(0, 0, size * 0.5 * (1 - 0.25 * k), _paint(rng, line))
        else:
            skin = _paint(rng)
            canvas.drawOval(skia.Rect(-size * 0.3, -size * 0.3, size * 0.3, size * 0.4), skin)
            skin.setStyle(skia.Paint.kStroke_Style)
            skin.setStrokeWidth(size * 0.13)
            skin.setStrokeCap(skia.Paint.kRound_Cap)
            for i in range(5):
                a = -2.4 + 0.4 * i + rng.normal(0, 0.08)
                canvas.drawLine(0, 0, size * 0.75 * math.cos(a), size * 0.75 * math.sin(a), skin)
        canvas.restore()

    def _blobs(self, canvas: skia.Canvas, width: int, height: int) -> None:
        """Spots in a patch: two or four or more of them, but not where eyes and a mouth would be."""
        rng = self._rng
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.random(2) * (width, height)
            size = width * rng.uniform(0.06, 0.3)
            canvas.drawCircle(float(x), float(y), size, _paint(rng))
            spot = _paint(rng)
            for _ in range(int(rng.choice((1, 2, 4, 6)))):
                dx, dy = rng.normal(0, size * 0.45, 2)
                canvas.drawCircle(float(x + dx), float(y + dy), size * rng.uniform(0.05, 0.25), spot)


def _load(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        rgba = picture.convert("RGBA")
        rgba.thumbnail((_LONGEST, _LONGEST))
        return np.array(rgba)
