"""The parts of the demo; the demo as a whole is run by ``.ci/run``, with its bounds."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backend.commands import demo, measure
from backend.errors import PullfaceError


def test_the_shipped_example_fits_together() -> None:
    example = demo.read_example()
    height, width = example.mask.shape
    assert example.picture.rgba.shape == (height, width, 4)
    assert isinstance(example.crop, list)
    left, top, side = example.crop
    for point in [point for pair in example.pairs for point in pair] + [example.landmark_target]:
        assert left < point[0] < left + side
        assert top < point[1] < top + side
    for handle, target in example.pairs:
        assert example.mask[int(handle[1]), int(handle[0])] > 200, "a handle lies outside the mask"
        assert math.dist(handle, target) > 3 * side / 128, "a pull that no one would see"
    assert 0.01 < (example.mask > 0).mean() < 0.5


def test_the_detector_finds_the_example_where_its_handle_is() -> None:
    example = demo.read_example()
    left, top, side = example.crop  # type: ignore[misc]
    (found,) = measure.detect_landmarks([demo.EXAMPLES / "portrait.png"], (int(left), int(top), int(side)))
    handle = min((pair[0] for pair in example.pairs), key=lambda it: math.dist(it, example.landmark_target))
    assert math.dist(found[example.landmark], handle) / (side / 128) < 1.0
    assert math.dist(found[example.landmark], example.landmark_target) / (side / 128) > 2.0


def test_a_broken_example_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "portrait.png").write_bytes((demo.EXAMPLES / "portrait.png").read_bytes())
    (tmp_path / "portrait.json").write_text(json.dumps({"crop": "layer"}))
    with pytest.raises(PullfaceError, match="cannot be read"):
        demo.read_example(tmp_path)


def test_a_picture_that_the_detector_cannot_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PullfaceError) as caught:
        measure.detect_landmarks([tmp_path / "none.png"], (0, 0, 64))
    assert caught.value.code == "no_landmarks"


def test_changed_outside_counts_single_values() -> None:
    before = np.random.default_rng(0).integers(0, 256, (12, 12, 4), dtype=np.uint8)
    mask = np.zeros((12, 12), np.uint8)
    mask[3:9, 3:9] = 1
    after = before.copy()
    after[3:9, 3:9] ^= 255
    assert measure.changed_outside(before, after, mask) == 0
    after[0, 0, 2] ^= 1  # one bit of one colour
    after[11, 4, 3] ^= 1  # alpha counts too
    assert measure.changed_outside(before, after, mask) == 2


def test_peak_memory_counts_the_whole_family() -> None:
    code = "import subprocess, sys; x = bytearray(60_000_000); del x; print(1, flush=True); sys.stdin.read()"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        figures = measure.peak_memory(process.pid)
    assert set(figures) == {"server", "worker", "total"}
    assert 3 < figures["server"] < 60
    assert figures["total"] == pytest.approx(figures["server"] + figures["worker"], abs=0.2)
    if Path("/proc/self/status").exists():
        assert figures["worker"] > 60, "the memory that was given back must count"


def test_memory_of_a_process_that_has_ended_is_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert measure.peak_memory(process.pid)["total"] == 0
