"""The same pull in a real Krita and from the command line: the same pixels, by the model that ships."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.server.support import QUICK_INVERSION

from .driver import Krita
from .host_stage import Pixels, as_pixels
from .pullface_stage import PORTRAIT, ROOT, Stage

SIZE = (240, 260)
"""A third of the example portrait: a pull of it is a matter of seconds."""

CROP = (50, 83, 143)
HANDLE, TARGET = (111.2, 179.6), (107.0, 173.0)
STEPS = 3
PATIENCE = 300.0


@pytest.fixture
def stage(krita: Krita) -> Iterator[Stage]:
    stage = Stage(krita)
    yield stage
    krita.run("ws.set_mode(False)")


def open_small_portrait(stage: Stage) -> Path:
    """Opens the portrait, a third of its size, with the crop drawn. Returns its file."""
    file = stage.krita.home / "small-portrait.png"
    with Image.open(PORTRAIT) as opened:
        opened.convert("RGBA").resize(SIZE, Image.Resampling.LANCZOS).save(file)
    stage.krita.open_document(file)
    stage.krita.run(
        "document().rootNode().childNodes()[0].setName('portrait')\nshow_docker()\n"
        "ws.pull.set_crop('drawn', Square(*arguments[0]))\nws.pull.inversion_settings = arguments[1]",
        CROP,
        dict(QUICK_INVERSION),
    )
    return file


def soft_selection(stage: Stage) -> Pixels:
    """Selects an ellipse with a soft edge. Returns the whole document's selection: [H, W], 255 = selected."""
    stage.select(90, 160, 60, 40)
    pixels = stage.krita.run(
        """
        selection = document().selection()
        selection.feather(8)
        document().setSelection(selection)
        bytes(document().selection().pixelData(0, 0, *arguments))
        """,
        *SIZE,
    )
    return np.frombuffer(pixels, np.uint8).reshape(SIZE[1], SIZE[0])


def shown(stage: Stage) -> Pixels:
    """What the document looks like: RGBA [H, W, 4]."""
    pixels = stage.krita.run(
        "document().refreshProjection()\ndocument().waitForDone()\n"
        "bytes(document().pixelData(0, 0, *arguments))",
        *SIZE,
    )
    return as_pixels(pixels, *SIZE)[..., [2, 1, 0, 3]]


def test_the_same_pull_from_the_command_line_gives_the_same_pixels(stage: Stage, tmp_path: Path) -> None:
    krita = stage.krita
    file = open_small_portrait(stage)
    source = np.asarray(Image.open(file))
    assert np.array_equal(shown(stage), source)
    mask = soft_selection(stage)
    assert ((mask > 0) & (mask < 255)).sum() > 500
    Image.fromarray(mask).save(tmp_path / "mask.png")

    stage.pull_mode()
    stage.draw(HANDLE, TARGET)
    # The mouse hits whole pixels of the screen; the command line gets what Pullface has made of them.
    [[handle, target]] = stage.facts()["pairs"]
    krita.run(
        "reached = {}\n"
        "forget = ws.pull.observe(lambda _: reached.__setitem__(str(ws.pull.step), ws.pull.distance))"
    )
    stage.pull(steps=STEPS)
    distances = krita.run("forget()\nreached")
    # The command line writes the step that came nearest, Krita shows and applies the last one: here they are the same.
    assert distances[str(STEPS)] < min(distances[str(step)] for step in range(STEPS))
    stage.press("Apply")
    krita.wait_until("len(layers()) == 2")
    stage.rest()
    result = shown(stage)

    pair = f"{handle[0]!r},{handle[1]!r}:{target[0]!r},{target[1]!r}"
    command = [
        sys.executable, "-m", "backend.cli", "drag", str(file),
        "--pair", pair, "--crop", ",".join(map(str, CROP)),
        "--steps", str(STEPS), "--mask", str(tmp_path / "mask.png"),
        *(part for name, value in QUICK_INVERSION.items() for part in ("--inversion-option", f"{name}={value}")),
        "-o", str(tmp_path / "result.png"),
    ]  # fmt: skip
    environment = {**os.environ, "PULLFACE_HOME": str(krita.pullface_home), "COLUMNS": "80"}
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    with Image.open(tmp_path / "result.png") as opened:
        expected = np.asarray(opened.convert("RGBA"))
    moved = (expected != source).any(axis=2)
    assert moved.sum() > 100
    assert not moved[mask == 0].any()
    # Krita lays opaque pixels over opaque ones, through a mask that is all or nothing: there is nothing to round.
    assert np.array_equal(result, expected)
