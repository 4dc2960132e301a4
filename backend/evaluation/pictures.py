"""The pictures that inversions are measured on: renders no training has seen, the same as if painted, and others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from backend.engine.alignment import SMALLEST_SIDE, Crop, choose_crop
from backend.engine.cutting import extract
from backend.errors import PullfaceError

Picture = NDArray[np.uint8]

HELD_OUT_SEED = 424_242
"""No training uses it."""

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
GALLERY = Path(__file__).resolve().parents[2] / "docs" / "gallery"
SHIPPED = ("*-before.webp",)
"""What of the gallery stands for "pictures from elsewhere" when no folder is given: faces, cut out already."""

_STROKE, _NOISE = 13.0, 4.0
"""Deviations of brush texture and of noise, in levels of 255."""


@dataclass(frozen=True)
class TestPicture:
    """A picture to invert.

    group: "render", "textured" or "outside".
    name: of its own within the group.
    rgb: uint8 [R, R, 3] at the model's resolution.
    """

    __test__ = False  # pytest would take it for a test by its name

    group: str
    name: str
    rgb: Picture


def renders(count: int, resolution: int, first: int = 0) -> list[TestPicture]:
    """Faces by the renderer that no training has seen; number `first` and those after it.

    Raises:
        PullfaceError: ``no_renderer``, the drawing library is not installed.
    """
    try:
        from backend.training.faces import draw_batch
        from backend.training.toon.factors import Z_DIM
    except ModuleNotFoundError as error:
        raise PullfaceError(
            "no_renderer",
            "The procedural faces cannot be drawn here: the library skia-python is missing.",
            "Install it with: pip install skia-python",
        ) from error
    found = []
    for index in range(first, first + count):
        z = np.random.default_rng([HELD_OUT_SEED, index]).standard_normal((1, Z_DIM)).astype(np.float32)
        picture = draw_batch(z, resolution)[1][0].permute(1, 2, 0).numpy()
        found.append(TestPicture("render", f"render-{index}", picture))
    return found


def textured(pictures: list[TestPicture]) -> list[TestPicture]:
    """The same faces as if painted: brush strokes along a direction that changes from place to place, and noise."""
    return [
        TestPicture("textured", f"textured-{index}", as_if_painted(picture.rgb, index))
        for index, picture in enumerate(pictures)
    ]


def as_if_painted(rgb: Picture, seed: int) -> Picture:
    """`rgb` (uint8 [H, W, 3]) with brush texture and noise; the same seed gives the same."""
    random = np.random.default_rng([HELD_OUT_SEED, 1, seed])
    height, width = rgb.shape[:2]
    length = max(3, width // 20)
    texture, total = np.zeros((height, width)), np.zeros((height, width))
    for step in ((1, 0), (2, 1), (1, 2), (-1, 1)):
        grain = random.standard_normal((height, width))
        stroke = sum(np.roll(grain, (k * step[1] // 2, k * step[0] // 2), (0, 1)) for k in range(length))
        # Where this direction is the brush's: a smooth random field, raised so that one direction wins.
        rough = Image.fromarray(random.random((6, 6)).astype(np.float32))
        share = np.asarray(rough.resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1) ** 3
        texture += share * np.asarray(stroke) / np.sqrt(length)
        total += share
    texture /= total.clip(1e-3)
    light = texture / texture.std() * _STROKE
    noise = random.standard_normal(rgb.shape) * _NOISE
    painted = rgb.astype(np.float64) + light[..., None] * np.array([1.0, 0.95, 0.85]) + noise
    return painted.round().clip(0, 255).astype(np.uint8)


def outside(folder: Path | None, count: int, resolution: int) -> list[TestPicture]:
    """Pictures from a folder, by name; None = those that ship with the gallery.

    A square picture is taken as the crop that it is. In any other the face is looked for, and where none is found
    the whole picture is taken.

    Raises:
        PullfaceError: ``unreadable``, there is no picture in the folder or one is damaged.
    """
    place = GALLERY if folder is None else folder
    patterns = SHIPPED if folder is None else ("*",)
    files = sorted(f for p in patterns for f in place.glob(p) if f.suffix.lower() in SUFFIXES)
    if not files and folder is not None:
        raise PullfaceError(
            "unreadable",
            f"There is no picture in {folder}.",
            "Give a folder with pictures: PNG, JPEG or WebP.",
        )
    if folder is None:  # the gallery's names begin with the kind of picture: take some of every kind
        files = [files[index * len(files) // count] for index in range(min(count, len(files)))]
    return [TestPicture("outside", file.stem, _face_of(file, resolution)) for file in files[:count]]


def read_rgba(file: Path) -> Picture:
    """A picture file as uint8 [H, W, 4], turned as its camera says.

    Raises:
        PullfaceError: ``unreadable``.
    """
    try:
        with Image.open(file) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGBA"))
    except OSError as error:
        raise PullfaceError(
            "unreadable", f"The picture {file} cannot be read.", "Leave it out, or save it again as PNG."
        ) from error


def _face_of(file: Path, resolution: int) -> Picture:
    rgba = read_rgba(file)
    height, width = rgba.shape[:2]
    crop = Crop(0, 0, width) if width == height else find_crop(rgba)
    return extract(rgba, (0, 0), crop, resolution)


def find_crop(rgba: Picture) -> Crop:
    """The crop around the surest face of a picture (uint8 [H, W, 4]), or of the whole when no face is found."""
    from backend.detection import find_faces, frame  # late: its network is loaded only where there is need

    whole = choose_crop(rgba, (0, 0), "layer")  # refuses a picture that shows nothing
    for face in find_faces(rgba):
        x, y, side = frame(face)
        if side >= SMALLEST_SIDE:
            return Crop(round(x - side / 2), round(y - side / 2), round(side), round(float(face.angle), 1))
    return whole
