"""Landmark detectors that know of no drag: ours for drawn faces, dlib's 68 points for photographs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.errors import PullfaceError

from . import landmarks
from .runs import digest

Picture = NDArray[np.uint8]
Places = dict[str, tuple[float, float]]

NAMES = ("toon", "dlib")
_DRAWN = ("anime", "toon", "drawn", "cartoon", "manga")
_PREDICTOR = Path("models") / "shape_predictor_68_face_landmarks.dat"


@dataclass(frozen=True)
class Detector:
    """A detector.

    find: picture, uint8 [S, S, 3] → name → (x, y) in px, pixel centres at +0.5; None when no face is found.
    version: another whenever its answers may be others.
    """

    name: str
    version: str
    find: Callable[[Picture], Places | None]


def detector_of(name: str, domain: str = "") -> Detector:
    """The detector called `name`; "auto" chooses by what a model's pictures show (`Model.domain`).

    Raises:
        PullfaceError: ``bad_options`` for another name, ``no_detector`` when its libraries are not installed.
    """
    if name == "auto":
        name = "toon" if any(word in domain.lower() for word in _DRAWN) else "dlib"
    if name == "toon":
        return Detector(name, digest(landmarks.WEIGHTS.read_bytes()), landmarks.detect)
    if name == "dlib":
        return _dlib()
    raise PullfaceError(
        "bad_options", f"There is no landmark detector “{name}”.", f"Choose one of: auto, {', '.join(NAMES)}."
    )


def _dlib() -> Detector:
    """Kazemi and Sullivan 2014, "One Millisecond Face Alignment", on the surest face of dlib's own finder."""
    try:
        dlib = importlib.import_module("dlib")
        # Not imported: the package asks for setuptools' pkg_resources, which new ones no longer have.
        found = importlib.util.find_spec("face_recognition_models")
        if found is None or not found.submodule_search_locations:
            raise ModuleNotFoundError("face_recognition_models")
        weights = Path(next(iter(found.submodule_search_locations))) / _PREDICTOR
        predict = dlib.shape_predictor(str(weights))
    except (ImportError, RuntimeError) as error:
        raise PullfaceError(
            "no_detector",
            "The landmarks of photographs cannot be found here: dlib or its face model is missing.",
            "Install both with: pip install dlib face-recognition-models; or choose --detector toon for drawn faces.",
        ) from error
    finder = dlib.get_frontal_face_detector()

    def find(rgb: Picture) -> Places | None:
        rectangles, scores, _ = finder.run(np.ascontiguousarray(rgb), 1, 0.0)
        if not len(rectangles):
            return None
        shape = predict(np.ascontiguousarray(rgb), rectangles[int(np.argmax(list(scores)))])
        return {
            f"{number:02d}": (shape.part(number).x + 0.5, shape.part(number).y + 0.5)
            for number in range(shape.num_parts)
        }

    return Detector("dlib", f"{getattr(dlib, '__version__', '')} {weights.stat().st_size}", find)
