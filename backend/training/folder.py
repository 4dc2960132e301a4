"""An artist's own folder of pictures, made ready for training: found faces cut out upright, at one size.

What the training will see lies as PNG files in a folder of its own, so that a person can look through them, and
delete those that were cut badly.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from backend.errors import PullfaceError

Framing = Literal["face", "centre"]

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
_INDEX = "index.json"
# A face smaller than this part of the wanted size would be mostly invented by enlarging it.
_SMALLEST = 0.4
_PAPER = (255, 255, 255, 255)


class Square(NamedTuple):
    """A square in a picture: centre and side in pixels, turned clockwise by degrees."""

    x: float
    y: float
    size: float
    angle: float = 0.0


@dataclass
class Prepared:
    """What became of a folder.

    Attributes:
        pictures: the PNG files that were made, in order.
        skipped: name of a file → why it is left out, in words.
    """

    pictures: list[Path] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


Finder = Callable[[NDArray[np.uint8]], list[Square]]
"""RGBA uint8 ``[H, W, 4]`` → the squares to cut out."""


def find_squares(rgba: NDArray[np.uint8]) -> list[Square]:
    """The frames of all faces that the face finder is sure of."""
    from backend.detection.finding import CERTAIN, find_faces  # loads its network
    from backend.detection.framing import frame

    return [Square(*frame(f), f.angle) for f in find_faces(rgba) if f.score >= CERTAIN]


def whole_centre(rgba: NDArray[np.uint8]) -> list[Square]:
    """The largest square in the middle."""
    height, width = rgba.shape[:2]
    return [Square(width / 2, height / 2, min(width, height))]


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder and the folders in it, by name.

    Raises:
        PullfaceError: ``no_pictures``.
    """
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS and path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise PullfaceError(
            "no_pictures",
            f"There are no pictures in “{folder}”.",
            "Give a folder with PNG, JPEG, WebP, TIFF or BMP files.",
        )
    return files


def read_picture(path: Path) -> NDArray[np.uint8]:
    """RGBA uint8 ``[H, W, 4]``, turned as the camera says.

    Raises:
        OSError, ValueError, SyntaxError, MemoryError: not a picture that can be read, or a damaged one.
    """
    with Image.open(path) as file:
        return np.asarray(ImageOps.exif_transpose(file).convert("RGBA"))


def cut(rgba: NDArray[np.uint8], square: Square, resolution: int) -> Image.Image:
    """The square, upright, at ``resolution`` pixels; beyond the border the picture is mirrored.

    Transparent parts stand on white.
    """
    paper = Image.new("RGBA", (rgba.shape[1], rgba.shape[0]), _PAPER)
    paper.alpha_composite(Image.fromarray(rgba))
    rgb = np.asarray(paper.convert("RGB"))
    half = (
        square.size
        * (abs(math.cos(math.radians(square.angle))) + abs(math.sin(math.radians(square.angle))))
        / 2
    )
    left, top = math.floor(square.x - half) - 2, math.floor(square.y - half) - 2
    right, bottom = math.ceil(square.x + half) + 2, math.ceil(square.y + half) + 2
    columns = _mirrored(np.arange(left, right), rgb.shape[1])
    rows = _mirrored(np.arange(top, bottom), rgb.shape[0])
    part = Image.fromarray(rgb[rows][:, columns])
    # Large pictures are averaged down first: the turn itself looks at few pixels only.
    factor = max(1, int(square.size // (2 * resolution)))
    if factor > 1:
        part = part.reduce(factor)
    x, y, size = (square.x - left) / factor, (square.y - top) / factor, square.size / factor
    angle = math.radians(square.angle)
    cos, sin, step = math.cos(angle), math.sin(angle), size / resolution
    matrix = (
        step * cos,
        -step * sin,
        x - size / 2 * (cos - sin),
        step * sin,
        step * cos,
        y - size / 2 * (sin + cos),
    )
    # PIL's matrix leads from a pixel of the result, at its centre, to a place in the source.
    if size >= resolution:
        fine = 2
        matrix = (matrix[0] / 2, matrix[1] / 2, matrix[2], matrix[3] / 2, matrix[4] / 2, matrix[5])
    else:
        fine = 1
    side = fine * resolution
    turned = part.transform((side, side), Image.Transform.AFFINE, matrix, resample=Image.Resampling.BICUBIC)
    return turned if fine == 1 else turned.reduce(2)


def _mirrored(places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Places beyond 0 … size - 1 as seen in mirrors at both ends."""
    wrapped = np.mod(places, 2 * size)
    mirrored: NDArray[np.int64] = np.where(wrapped < size, wrapped, 2 * size - 1 - wrapped)
    return mirrored


def prepare(
    source: Path,
    target: Path,
    resolution: int,
    framing: Framing = "face",
    finder: Finder | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Prepared:
    """Cut, align and resize all pictures of a folder; what was done before, from unchanged files, stays.

    Args:
        source: the artist's folder; nothing in it is changed.
        target: where the PNG files go.
        resolution: their side in pixels.
        framing: ``face``: every face that is found, brought upright; ``centre``: the largest square in the middle.
        finder: instead of that of ``framing``.
        progress: told how many of how many files are done.
        stopping: asked before each file whether to stop; then what is done so far comes back.

    Returns:
        What there is to train on, and what was left out and why.

    Raises:
        PullfaceError: ``no_pictures`` when nothing is left.
    """
    finder = finder or (find_squares if framing == "face" else whole_centre)
    target.mkdir(parents=True, exist_ok=True)
    index = _read_index(target)
    result = Prepared()
    files = pictures_in(source)
    for number, path in enumerate(files):
        if stopping():
            break
        name = path.relative_to(source).as_posix()
        state = path.stat()
        key = f"{framing} {resolution} {state.st_size} {state.st_mtime_ns}"
        entry = index.get(name)
        if entry is None or entry.key != key:
            entry = _prepare_one(path, name, key, target, resolution, finder)
            index[name] = entry
            _write_index(target, index)
        # A file that somebody deleted is one that they do not want.
        result.pictures += [target / made for made in entry.made if (target / made).is_file()]
        if entry.skipped:
            result.skipped[name] = entry.skipped
        progress(number + 1, len(files))
    if not result.pictures and not stopping():
        raise PullfaceError(
            "no_pictures",
            f"None of the {len(files)} pictures in “{source}” can be used.",
            f"The first: {next(iter(result.skipped.values()), 'deleted by hand')}. "
            "With --framing centre the middle of each picture is taken.",
        )
    return result


@dataclass
class _Entry:
    key: str
    made: list[str]
    skipped: str = ""


def _prepare_one(path: Path, name: str, key: str, target: Path, resolution: int, finder: Finder) -> _Entry:
    try:
        rgba = read_picture(path)
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        return _Entry(key, [], f"it cannot be read ({type(error).__name__})")
    squares = finder(rgba)
    if not squares:
        return _Entry(key, [], "no face was found in it")
    large = [s for s in squares if s.size >= _SMALLEST * resolution]
    if not large:
        size = max(s.size for s in squares)
        return _Entry(key, [], f"it is too small: {size:.0f} of {resolution} pixels")
    stem = hashlib.sha256(name.encode()).hexdigest()[:12]
    made = []
    for number, square in enumerate(large):
        made.append(f"{stem}-{number}.png")
        cut(rgba, square, resolution).save(target / made[-1])
    return _Entry(key, made)


def _read_index(target: Path) -> dict[str, _Entry]:
    try:
        stored = json.loads((target / _INDEX).read_text(encoding="utf-8"))
        return {name: _Entry(**entry) for name, entry in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_index(target: Path, index: dict[str, _Entry]) -> None:
    partial = target / f"{_INDEX}.partial"
    partial.write_text(json.dumps({name: asdict(e) for name, e in index.items()}, indent=1), encoding="utf-8")
    os.replace(partial, target / _INDEX)
