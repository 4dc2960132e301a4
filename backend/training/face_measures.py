"""How well the face finder does on scenes that it was not trained on."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from backend.detection.finding import find_faces
from backend.detection.network import FaceNetwork
from backend.detection.squares import FoundFace

from .face_people import PAINTERS
from .face_scenes import SceneMaker, Square
from .face_styles import restyle

_HELD_OUT_SEED = 990_077
_CANVAS = 640

Finder = Callable[[NDArray[np.uint8]], list[FoundFace]]


def same_face(found: FoundFace, face: Square) -> bool:
    """Whether a found square counts as this face: a third of a side off at most, and no other size or turn."""
    return (
        math.hypot(found.x - face.x, found.y - face.y) < 0.33 * face.side
        and 0.6 < found.size / face.side < 1.67
        and abs(_turn(found.angle - face.angle)) < 40
    )


def _turn(angle: float) -> float:
    return (angle + 180) % 360 - 180


class Tally:
    """Counts what was found and how far off it was."""

    def __init__(self) -> None:
        self.faces = self.found = self.false = self.pictures = 0
        self.centres: list[float] = []
        self.sizes: list[float] = []
        self.angles: list[float] = []

    def add(self, found: Iterable[FoundFace], faces: list[Square], unsure: list[Square]) -> None:
        """One picture."""
        left = list(found)
        self.pictures += 1
        self.faces += len(faces)
        for face in faces:
            match = next((f for f in left if same_face(f, face)), None)
            if match is None:
                continue
            left.remove(match)
            self.found += 1
            self.centres.append(math.hypot(match.x - face.x, match.y - face.y) / face.side)
            self.sizes.append(abs(math.log(match.size / face.side)))
            self.angles.append(abs(_turn(match.angle - face.angle)))
        self.false += sum(
            all(math.hypot(f.x - u.x, f.y - u.y) > 0.6 * max(u.side, f.size) for u in unsure) for f in left
        )

    def __str__(self) -> str:
        if not self.faces:
            return f"{self.false} found in {self.pictures} pictures without a face"
        line = f"recall {self.found / self.faces:6.1%}  false {self.false / self.pictures:.3f} a picture"
        if not self.found:
            return line
        size = math.exp(float(np.median(self.sizes))) - 1
        return (
            f"{line}  median off: centre {np.median(self.centres):5.1%} of the side, size {size:5.1%}, "
            f"angle {np.median(self.angles):4.1f}°  ({self.faces} faces)"
        )


def measure(
    pictures: Path | None = None,
    scenes: int = 40,
    network: FaceNetwork | None = None,
    strength: float = 1.0,
    people: bool = True,
) -> dict[str, Tally]:
    """Find faces in held-out scenes, by angle, by size and by what else may be hard.

    Args:
        pictures: a folder of pictures without faces, none of them used in training.
        scenes: for each row.
        network: another than the shipped one.
        strength: of the changes of style.
        people: also draw the painted people of `face_people`, not the renderer's characters alone.
    """
    torch.manual_seed(_HELD_OUT_SEED)
    maker = SceneMaker(_HELD_OUT_SEED, pictures, bank=200, painters=PAINTERS if people else ())
    rng = maker.rng
    tallies: dict[str, Tally] = defaultdict(Tally)

    def at(side: float, angle: float, reach: float = 0.5) -> list[Square]:
        free = max(0.0, _CANVAS - 2 * reach * side)
        x, y = (reach * side + rng.uniform(0, free) for _ in range(2))
        return [Square(x, y, side, angle)]

    def look(row: str, squares: list[Square] | None) -> None:
        scene = maker.scene(_CANVAS, _CANVAS, squares, sides=(0.03 * _CANVAS, _CANVAS))
        x = torch.from_numpy(scene.picture).permute(2, 0, 1)[None].float() / 255
        rgb = (restyle(x, strength)[0].permute(1, 2, 0) * 255).round().byte().numpy()
        rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
        tallies[row].add(find_faces(rgba, network), scene.faces, scene.unsure)

    for _ in range(scenes):
        for angle in (0, 30, 60):
            turn = angle * (1 if rng.random() < 0.5 else -1)
            look(f"turned {angle}°", at(_CANVAS * rng.uniform(0.15, 0.8), turn))
        for part in (0.03, 0.06, 0.12, 0.5, 0.95):
            look(f"{part:.0%} of the canvas", at(_CANVAS * part, rng.normal(0, 12)))
        side = _CANVAS * rng.uniform(0.15, 0.6)
        cut = at(side, rng.normal(0, 12))[0]._replace(x=float(rng.choice((0.1, -0.1))) * side % _CANVAS)
        look("cut by the border", [cut])
        look("several", _several(rng))
        look("none", [])
    return dict(tallies)


def _several(rng: np.random.Generator) -> list[Square]:
    squares: list[Square] = []
    for x in (0.25, 0.75):
        for y in (0.25, 0.75):
            side = _CANVAS * rng.uniform(0.1, 0.4)
            squares.append(Square(x * _CANVAS, y * _CANVAS, side, rng.uniform(-45, 45)))
    return squares[: int(rng.integers(2, 5))]
