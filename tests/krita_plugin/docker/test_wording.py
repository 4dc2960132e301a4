"""The sentences below the progress bar."""

from __future__ import annotations

import pytest

from krita_plugin.pullface import translation
from krita_plugin.pullface.backend.editing import state
from krita_plugin.pullface.backend.editing.state import Phase, Progress
from krita_plugin.pullface.backend.wire.types import STAGES
from krita_plugin.pullface.docker.wording import backend_state, progress_text, time_left
from tests.krita_plugin.docker.fakes import FakePull, with_pairs


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "almost done"),
        (3.9, "a few seconds left"),
        (7.9, "a few seconds left"),
        (8.0, "10 s left"),
        (41.0, "40 s left"),
        (89.9, "90 s left"),
        (100.0, "2 min left"),
        (3600.0, "60 min left"),
    ],
)
def test_time_left(seconds: float, text: str) -> None:
    assert time_left(seconds) == text


@pytest.mark.parametrize(
    ("state", "device", "shown"),
    [
        ("ready", "cuda:0", ("good", "Ready on the graphics card")),
        ("ready", "cpu", ("good", "Ready on the processor")),
        ("ready", "npu:3", ("good", "Ready on npu:3")),
        ("ready", "", ("good", "Ready")),
        ("loading", "", ("wait", "Loading the model…")),
        ("starting", "", ("wait", "Starting the backend…")),
        ("lost", "cpu", ("bad", "Backend stopped")),
        ("off", "", ("off", "Backend is off")),
    ],
)
def test_the_backends_state(state: str, device: str, shown: tuple[str, str]) -> None:
    assert backend_state(state, device) == shown


def test_the_next_thing_to_do_is_said() -> None:
    pull = FakePull()
    assert progress_text(pull, mode=False).startswith("Press Pull")
    assert progress_text(pull, mode=True).startswith("Drag on the canvas")
    with_pairs(pull)
    assert progress_text(pull, mode=True).startswith("Press Drag")
    pull.last_step, pull.phase = 9, Phase.READY
    assert progress_text(pull, mode=True) == "The picture before the pull"
    pull.pairs.track([], 9)
    assert progress_text(pull, mode=True) == "Step 9"
    pull.distance = 12.25
    translation.use_language("de")
    assert progress_text(pull, mode=True) == "Schritt 9, noch 12,3 px"


def test_what_runs_is_said_with_the_time_that_it_takes() -> None:
    pull = FakePull(phase=Phase.INVERTING, progress=Progress(0.4, 30.0, "Finding the face in the model"))
    assert progress_text(pull, mode=True) == "Finding the face in the model\n30 s left"
    pull.progress = Progress(0.4, None, "Finding the face in the model")
    assert progress_text(pull, mode=True) == "Finding the face in the model"
    with_pairs(pull, step=4)
    pull.phase, pull.distance, pull.progress = Phase.DRAGGING, 8.0, Progress(0.5, 2.0, "Pulling")
    assert progress_text(pull, mode=True) == "Step 4, 8.0 px to go\na few seconds left"


def test_every_stage_of_an_inversion_has_its_sentence() -> None:
    assert set(state._STAGES) | {"drag", "composite"} == set(STAGES)
