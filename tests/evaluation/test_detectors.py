"""Which detector is taken, and what is said where it is missing."""

from __future__ import annotations

import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from backend.errors import PullfaceError
from backend.evaluation.detectors import detector_of

FACE = np.zeros((80, 80, 3), np.uint8)


def test_the_models_domain_decides() -> None:
    assert detector_of("auto", "anime-style faces").name == "toon"
    assert len(detector_of("toon").find(FACE) or {}) > 20


def test_photographs_need_dlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(PullfaceError) as caught:
        detector_of("auto", "photographs of people")
    assert caught.value.code == "no_detector"
    assert "pip install dlib face-recognition-models" in caught.value.hint


def test_a_detector_that_there_is_not() -> None:
    with pytest.raises(PullfaceError) as caught:
        detector_of("eyes")
    assert caught.value.code == "bad_options"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """dlib's calls as its documentation has them, answering what the test says."""
    answer = SimpleNamespace(faces=[], scores=[], asked=[])
    package = tmp_path / "face_recognition_models"
    (package / "models").mkdir(parents=True)
    (package / "models" / "shape_predictor_68_face_landmarks.dat").write_bytes(b"weights")
    (package / "__init__.py").write_text("import pkg_resources_that_nobody_has\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    class Predictor:
        def __init__(self, path: str) -> None:
            if not Path(path).is_file():
                raise RuntimeError("Unable to open the file")

        def __call__(self, rgb: np.ndarray, face: object) -> SimpleNamespace:
            answer.asked.append(face)
            return SimpleNamespace(num_parts=68, part=lambda n: SimpleNamespace(x=n, y=2 * n))

    module = ModuleType("dlib")
    module.__spec__ = importlib.machinery.ModuleSpec("dlib", None)
    module.__version__ = "19.24"
    module.shape_predictor = Predictor
    module.get_frontal_face_detector = lambda: SimpleNamespace(
        run=lambda rgb, upsample, threshold: (answer.faces, answer.scores, [0] * len(answer.faces))
    )
    monkeypatch.setitem(sys.modules, "dlib", module)
    return answer


def test_dlib_gives_68_points_of_the_surest_face(stand_in: SimpleNamespace) -> None:
    detector = detector_of("dlib")
    assert detector.find(FACE) is None
    stand_in.faces, stand_in.scores = ["left", "right"], [0.2, 1.4]
    places = detector.find(FACE) or {}
    assert stand_in.asked == ["right"]
    assert len(places) == 68
    assert places["03"] == (3.5, 6.5)  # pixel centres at +0.5


def test_dlib_without_its_face_model(stand_in: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "face_recognition_models/models/shape_predictor_68_face_landmarks.dat").unlink()
    with pytest.raises(PullfaceError) as caught:
        detector_of("dlib")
    assert caught.value.code == "no_detector"
