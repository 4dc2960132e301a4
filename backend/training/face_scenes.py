"""Canvases with procedural faces at any place, size and angle, for training the face finder, and what is on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image

from .face_backgrounds import Backgrounds, random_color, scribble
from .toon.factors import Z_DIM, Factors, factors_from_latent
from .toon.renderer import draw

SPRITE_UNIT = 160
MARGIN = 0.35  # of the unit square, on every side of it
_UPRIGHT = {"roll": 0.0}
_LINEAR = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)

_CORE = 0.27
"""Radius of the face itself, eyes to chin, in sides of its square; the rest of the square is hair and shoulders."""

_CORE_POINTS = np.array(
    [(0.0, 0.0)]
    + [
        (r * math.cos(a), r * math.sin(a))
        for r in (0.5, 0.95)
        for a in np.linspace(0, 2 * math.pi, 12, endpoint=False)
    ]
)


class Square(NamedTuple):
    """A framing square: centre (x, y) and side in pixels, angle in degrees, clockwise on the picture (y down)."""

    x: float
    y: float
    side: float
    angle: float


class Sprite(NamedTuple):
    """A drawn character on transparency.

    Attributes:
        picture: with premultiplied alpha.
        square: where its framing square is in the picture.
        marks: float ``[3, 2]``, the eyes on the left and on the right and the mouth, from the square's centre, in its
            own upright axes, in sides.
    """

    picture: skia.Image
    square: Square
    marks: NDArray[np.float64]


class Scene(NamedTuple):
    """A canvas and its faces.

    Attributes:
        picture: uint8 ``[H, W, 3]``.
        faces: all that can be found.
        marks: for each face, as in `Sprite`.
        unsure: faces so cut or covered that finding them is neither right nor wrong.
    """

    picture: NDArray[np.uint8]
    faces: list[Square]
    marks: list[NDArray[np.float64]]
    unsure: list[Square]


def make_sprite(p: Factors) -> Sprite:
    """Draw the character of `p`; its square is measured on its landmarks, whatever the renderer does with a pose."""
    side = math.ceil(SPRITE_UNIT * (1 + 2 * MARGIN))

    def drawn(factors: Factors, surface: skia.Surface) -> dict[str, tuple[float, float]]:
        canvas = surface.getCanvas()
        canvas.translate(SPRITE_UNIT * MARGIN, SPRITE_UNIT * MARGIN)
        canvas.scale(SPRITE_UNIT, SPRITE_UNIT)
        return draw(canvas, factors)

    surface = skia.Surface(side, side)
    posed = drawn(p, surface)
    upright = drawn({**p, **_UPRIGHT}, skia.Surface(1, 1))
    # Brows, chin and eyes stay rigid under roll: the least-squares similarity is exact.
    a = np.array([complex(*upright[name]) for name in upright])
    b = np.array([complex(*posed[name]) for name in upright])
    turn = np.vdot(a - a.mean(), b - b.mean()) / np.vdot(a - a.mean(), a - a.mean())
    middle = complex(*(2 * [SPRITE_UNIT * (MARGIN + 0.5)]))
    centre = b.mean() + turn * (middle - a.mean())
    square = Square(centre.real, centre.imag, abs(turn) * SPRITE_UNIT, math.degrees(np.angle(turn)))

    def mark(*names: str) -> complex:
        return complex((sum(complex(*upright[name]) for name in names) / len(names) - middle) / SPRITE_UNIT)

    marks = [
        mark("eye_left_inner", "eye_left_outer"),
        mark("eye_right_inner", "eye_right_outer"),
        mark("mouth_left", "mouth_right"),
    ]
    return Sprite(surface.makeImageSnapshot(), square, np.array([(m.real, m.imag) for m in marks]))


class SceneMaker:
    """Draws scenes; keeps a bank of sprites and draws a few of them anew for every scene.

    Args:
        seed: of everything random.
        pictures: a folder of pictures without faces for backgrounds, or None.
        bank: how many sprites are kept.
        painters: other makers of sprites than the renderer, each with the chance that it makes the next one.
    """

    def __init__(
        self,
        seed: int | list[int],
        pictures: Path | None = None,
        bank: int = 400,
        painters: tuple[tuple[float, Callable[[np.random.Generator], Sprite]], ...] = (),
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self._backgrounds = Backgrounds(self.rng, pictures)
        self._painters = painters
        self._capacity = bank
        self._bank: list[Sprite] = []
        self._oldest = 0

    def sprite(self) -> Sprite:
        """A sprite of the bank, which gets a new one as often as old ones are taken five times."""
        if len(self._bank) < self._capacity:
            self._bank.append(self._new_sprite())
            return self._bank[-1]
        if self.rng.random() < 0.2:
            self._oldest = (self._oldest + 1) % self._capacity
            self._bank[self._oldest] = self._new_sprite()
        return self._bank[int(self.rng.integers(self._capacity))]

    def _new_sprite(self) -> Sprite:
        pick = self.rng.random()
        for chance, paint in self._painters:
            if pick < chance:
                return paint(self.rng)
            pick -= chance
        p = factors_from_latent(self.rng.standard_normal(Z_DIM))
        if self.rng.random() < 0.5:
            p |= _UPRIGHT
        return make_sprite(p)

    def scene(
        self,
        width: int,
        height: int,
        squares: list[Square] | None = None,
        sides: tuple[float, float] = (20, 176),
    ) -> Scene:
        """Draw a scene.

        Args:
            width, height: of the canvas in pixels.
            squares: where faces are to stand; by default up to four at random.
            sides: smallest and largest side of random squares in pixels.
        """
        rng = self.rng
        surface = skia.Surface(width, height)
        canvas = surface.getCanvas()
        self._backgrounds.paint(canvas, width, height)
        if squares is None:
            squares = self._random_squares(width, height, sides)
        if rng.random() < 0.25:
            self._paint_faceless(canvas, width, height)
        faces: list[Square] = []
        marks: list[NDArray[np.float64]] = []
        unsure: list[Square] = []
        for square in squares:
            sprite = self.sprite()
            mirrored = bool(rng.random() < 0.5)
            self._paint(canvas, sprite, square, mirrored)
            seen = _visible(square, width, height)
            if seen < 0.2:
                continue
            if seen < 0.55 or not sides[0] * 0.9 <= square.side <= sides[1] * 1.15:
                unsure.append(square)
                continue
            faces.append(square)
            marks.append(sprite.marks[[1, 0, 2]] * (-1, 1) if mirrored else sprite.marks)
        if rng.random() < 0.15:
            for _ in range(int(rng.integers(1, 4))):
                scribble(canvas, rng, width, height, 0.012)
        picture = surface.toarray(colorType=skia.kRGBA_8888_ColorType)[..., :3].copy()
        return Scene(picture, faces, marks, unsure)

    def _random_squares(self, width: int, height: int, sides: tuple[float, float]) -> list[Square]:
        rng = self.rng
        squares: list[Square] = []
        for _ in range(int(rng.choice(5, p=(0.16, 0.46, 0.2, 0.12, 0.06)))):
            low, high = sides[0], sides[1]
            if squares:
                high = max(low * 1.2, min(high, 2.2 * squares[0].side))
            side = math.exp(rng.uniform(math.log(low), math.log(high)))
            if rng.random() < 0.04:
                side *= rng.uniform(1.0, 3.5)
            angle = rng.uniform(-75, 75) if rng.random() < 0.6 else rng.normal(0, 12)
            # Up to the border and a little over it.
            reach = 0.12 * side
            x = rng.uniform(reach - 0.25 * side, width - reach + 0.25 * side)
            y = rng.uniform(reach - 0.25 * side, height - reach + 0.25 * side)
            if all(math.hypot(x - s.x, y - s.y) > 0.32 * (side + s.side) for s in squares):
                squares.append(Square(x, y, side, angle))
        return squares

    def _paint(self, canvas: skia.Canvas, sprite: Sprite, square: Square, mirrored: bool) -> None:
        """Place a sprite so that its square comes to `square`; tints, blurs or frames it at times."""
        rng = self.rng
        paint = skia.Paint(AntiAlias=True)
        if rng.random() < 0.3:
            mix = np.eye(3) * rng.uniform(0.7, 1.2) + rng.normal(0, 0.12, (3, 3))
            shift = rng.normal(0, 0.06, 3)
            rows = [[*mix[i], 0.0, shift[i]] for i in range(3)] + [[0, 0, 0, 1, 0]]
            paint.setColorFilter(skia.ColorFilters.Matrix([float(v) for row in rows for v in row]))
        canvas.save()
        canvas.translate(square.x, square.y)
        canvas.rotate(square.angle)
        scale = square.side / sprite.square.side
        if mirrored:
            canvas.scale(-scale, scale)
            canvas.rotate(-sprite.square.angle)
        else:
            canvas.scale(scale, scale)
            canvas.rotate(-sprite.square.angle)
        canvas.translate(-sprite.square.x, -sprite.square.y)
        if rng.random() < 0.12:  # a bust in a frame or a medallion, with a ground of its own
            half = sprite.square.side * rng.uniform(0.46, 0.56)
            x, y = sprite.square.x, sprite.square.y
            frame = skia.Rect(x - half, y - half, x + half, y + half)
            path = skia.Path()
            path.addOval(frame) if rng.random() < 0.4 else path.addRect(frame)
            canvas.clipPath(path, doAntiAlias=True)
            canvas.drawColor(random_color(rng))
        canvas.drawImage(sprite.picture, 0, 0, _LINEAR, paint)
        canvas.restore()

    def _paint_faceless(self, canvas: skia.Canvas, width: int, height: int) -> None:
        """A character without a face: hair and clothes around a bare patch. It must not be found."""
        rng = self.rng
        sprite = self.sprite()
        side = math.exp(rng.uniform(math.log(24), math.log(150)))
        square = Square(rng.uniform(0, width), rng.uniform(0, height), side, rng.uniform(-180, 180))
        self._paint(canvas, sprite, square, False)
        canvas.save()
        canvas.translate(square.x, square.y)
        canvas.rotate(square.angle)
        reach = side * rng.uniform(0.30, 0.42)
        patch = skia.Rect(-reach, -reach * 0.85, reach, reach * 1.15)
        canvas.drawOval(patch, skia.Paint(AntiAlias=True, Color4f=random_color(rng)))
        if rng.random() < 0.5:
            scribble(canvas, rng, int(reach) + 2, int(reach) + 2, 0.05)
        canvas.restore()


def _visible(square: Square, width: int, height: int) -> float:
    """Which part of the face itself lies on the canvas, 0 to 1."""
    points = _CORE_POINTS * (_CORE * square.side) + (square.x, square.y)
    inside = (points >= 0).all(axis=1) & (points < (width, height)).all(axis=1)
    return float(inside.mean())


def load_picture(path: Path, longest: int) -> NDArray[np.uint8]:
    """A picture file as uint8 ``[H, W, 3]``, shrunk to `longest` pixels at most."""
    with Image.open(path) as picture:
        rgb = picture.convert("RGB")
        rgb.thumbnail((longest, longest))
        return np.asarray(rgb)
