"""Which crop is chosen when faces are looked for. The finder itself is stood in for: what counts is the choice."""

from __future__ import annotations

import cmath
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.detection import FoundFace
from backend.detection.framing import FRAME, frame_centre
from backend.engine import Crop
from backend.errors import PullfaceError
from backend.sessions.faces import choose, find
from backend.sessions.opening import open_layer
from backend.sessions.store import SessionStore

OFFSET = (100, -50)
LAYER = np.full((200, 300, 4), 255, np.uint8)


def found(x: float, y: float, side: float, angle: float, score: float) -> FoundFace:
    """A face whose frame has this middle and this side."""
    centred = frame_centre(0.06j, 0.22j).imag
    turn = cmath.rect(side / FRAME, math.radians(angle))
    middle = complex(x, y) - turn * 1j * centred
    return FoundFace(middle.real, middle.imag, side / FRAME, angle, score, (0, 0.06), (0, 0.22))


SURE = found(80.4, 70.2, 60.6, -33.33, 0.91)
SMALL = found(230.0, 120.0, 40.0, 1.2, 0.6)
TINY = found(10.0, 10.0, 9.0, 0.0, 0.5)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``seen.faces`` is what the finder finds, ``seen.pictures`` what it was shown."""
    stage = SimpleNamespace(faces=[SURE, SMALL, TINY], pictures=[])

    def find_faces(rgba: NDArray[np.uint8]) -> list[Any]:
        stage.pictures.append(rgba)
        return list(stage.faces)

    monkeypatch.setattr("backend.detection.find_faces", find_faces)
    return stage


def test_faces_are_squares_in_the_image(seen: Any) -> None:
    first, second = find(LAYER, OFFSET)
    assert first.crop == Crop(150, -10, 61, -33.3)
    assert first.facts() == {"crop": [150, -10, 61, -33.3], "score": 0.91}
    assert second.crop == Crop(310, 50, 40)  # all but upright


def test_the_finder_sees_8_bits_of_any_layer(seen: Any) -> None:
    layer = np.zeros((40, 50, 4), np.float32)
    layer[..., 3] = 1
    layer[:20, :, 0], layer[20:, :, 0] = 4.5, 0.5
    find(layer, (0, 0))
    (picture,) = seen.pictures
    assert picture.dtype == np.uint8
    assert picture[0, 0].tolist() == [255, 0, 0, 255]
    assert picture[30, 0].tolist() == [128, 0, 0, 255]


def test_the_surest_face_and_a_word_about_the_others(seen: Any) -> None:
    choice = choose(LAYER, OFFSET, "face")
    assert choice.crop == Crop(150, -10, 61, -33.3)
    assert choice.chosen_by == "face"
    assert [face.score for face in choice.faces] == [0.91, 0.6]
    assert choice.note == ("2 faces were found; the clearest one is used. Point at another one to choose it.")
    seen.faces = [SURE]
    assert choose(LAYER, OFFSET, "face").note is None


def test_the_face_that_is_meant(seen: Any) -> None:
    small = Crop(310, 50, 40)
    choice = choose(LAYER, OFFSET, "face", point=(325.0, 60.0))
    assert (choice.crop, choice.note) == (small, None)
    assert choose(LAYER, OFFSET, "face", number=1).crop == small
    selection = np.zeros((200, 300), np.uint8)
    selection[115:125, 215:240] = 90
    assert choose(LAYER, OFFSET, "face", selection).crop == small
    # In the turned square, though not in the one before it is turned.
    assert choose(LAYER, OFFSET, "face", point=(180.0, -15.0)).note is None
    away = choose(LAYER, OFFSET, "face", point=(399.0, 149.0))
    assert away.crop == small
    assert away.note is not None
    for number in (2, 63):
        with pytest.raises(PullfaceError) as caught:
            choose(LAYER, OFFSET, "face", number=number)
        assert caught.value.code == "bad_crop"
        assert "2 faces" in caught.value.message


def test_without_a_face_the_layer_or_the_selection_is_taken(seen: Any) -> None:
    seen.faces = [TINY]
    choice = choose(LAYER, OFFSET, "face", point=(325.0, 60.0))
    assert (choice.crop, choice.chosen_by, choice.faces) == (Crop(150, -50, 200), "layer", ())
    assert choice.note is not None
    assert "whole layer" in choice.note
    selection = np.zeros((200, 300), np.uint8)
    assert choose(LAYER, OFFSET, "face", selection).chosen_by == "layer"
    selection[20:80, 30:100] = 255
    choice = choose(LAYER, OFFSET, "face", selection)
    assert (choice.crop, choice.chosen_by) == (Crop(130, -35, 70), "selection")
    assert choice.note is not None
    assert "selection is used" in choice.note


def test_what_is_said_is_done(seen: Any) -> None:
    for request, chosen_by in (("layer", "layer"), ([110, 0, 50], "given"), ([110, 0, 50, 9.5], "given")):
        choice = choose(LAYER, OFFSET, request, point=(325.0, 60.0))
        assert (choice.chosen_by, choice.note, choice.faces) == (chosen_by, None, ())
    assert seen.pictures == []
    empty = np.zeros((200, 300, 4), np.uint8)
    with pytest.raises(PullfaceError) as caught:
        choose(empty, OFFSET, "face")
    assert caught.value.code == "empty_layer"


def test_a_session_remembers_its_choice(seen: Any, store: SessionStore) -> None:
    session = open_layer(store, "a" * 32, "tiny", (32, 32), LAYER, OFFSET)
    again = store.open(session.name)
    assert again.crop == Crop(150, -10, 61, -33.3)
    assert again.record.chosen_by == "face"
    assert again.record.faces[0] == {"crop": [150, -10, 61, -33.3], "score": 0.91}
    assert again.record.note == session.record.note
    # The window holds the turned square.
    x, y, width, height = again.record.rect
    assert (x, y, width, height) == (138, -22, 85, 85)
    assert again.window().shape == (85, 85, 4)
    assert again.picture().shape == (32, 32, 3)


@pytest.fixture
def store(tmp_path: Any) -> SessionStore:
    return SessionStore(tmp_path)
