"""A picture of marks in a real Krita with Pull mode on, for the tests of the canvas."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from .driver import Krita

ROOT = Path(__file__).resolve().parents[3]
FAKE = ROOT / "tests/editing/fake_pull.py"
STAGE = Path(__file__).with_name("canvas_stage.py")
PREFERENCES = Path(__file__).with_name("preferences.py")
SIZE = (1200, 900)
Colour = tuple[int, int, int]
MARK = 24  # side of the marks in the picture, px

# Marks of colours that nothing else on the screen has, at known places: their corner, image px.
MARKS: dict[Colour, tuple[int, int]] = {
    (255, 0, 255): (150, 120),
    (0, 255, 255): (980, 200),
    (255, 255, 0): (580, 430),
    (0, 255, 0): (210, 740),
    (255, 0, 0): (1010, 690),
}


def staged(krita: Krita) -> Iterator[Krita]:
    """Puts the marks on grey into Krita, chooses the brush, and switches Pull mode on."""
    krita.new_document(*SIZE, name="marks")
    picture = Image.new("RGBA", SIZE, (118, 118, 118, 255))
    for colour, corner in MARKS.items():
        picture.paste((*colour, 255), (*corner, corner[0] + MARK, corner[1] + MARK))
    blue, green, red, alpha = (picture.getchannel(name) for name in "BGRA")
    krita.run(
        """
        _layer = document().rootNode().childNodes()[-1]
        _layer.setPixelData(QtCore.QByteArray(arguments[0]), 0, 0, arguments[1], arguments[2])
        document().refreshProjection()
        document().waitForDone()
        """,
        Image.merge("RGBA", (blue, green, red, alpha)).tobytes(),
        *SIZE,
    )
    krita.run(FAKE.read_text())
    krita.run(STAGE.read_text())
    krita.run(PREFERENCES.read_text())
    # With the brush, which paints on every press that reaches Krita: the hardest case.
    krita.run("tool('KritaShape/KisToolBrush')")
    assert krita.run("begin()")
    krita.wait_until("attached()")
    yield krita
    krita.run("CONTROLLER.close()")


def pause(stage: Krita, seconds: float = 0.1) -> None:
    """Lets Krita take in what was done to it; also when nothing is to happen, which nothing tells."""
    time.sleep(seconds)
    stage.run("drain()")


def colours(file: Path, inside: list[float]) -> np.ndarray:
    """What is seen on the canvas: (height, width, 3), uint8."""
    left, top, width, height = (round(value) for value in inside)
    return np.asarray(Image.open(file).convert("RGB"))[top : top + height, left : left + width]


def middles(file: Path, inside: list[float]) -> dict[Colour, tuple[float, float]]:
    """The middle of each mark that is seen as a whole, on the screen, px."""
    seen, found = colours(file, inside), {}
    height, width = seen.shape[:2]
    for colour in MARKS:
        down, across = np.nonzero((seen == colour).all(axis=2))
        if len(down) < 9 or min(across.min(), down.min()) < 2:
            continue
        if across.max() < width - 2 and down.max() < height - 2:
            found[colour] = (inside[0] + across.mean() + 0.5, inside[1] + down.mean() + 0.5)
    return found


def still_middles(stage: Krita, file: Path, factor: float = 1.0) -> dict[Colour, tuple[float, float]]:
    """The same when Krita has drawn everything: two pictures after each other show the same."""
    stage.settle()
    before: dict[Colour, tuple[float, float]] = {}
    for _ in range(40):
        pause(stage)
        inside = [factor * value for value in stage.run("canvas_rect()")]
        now = middles(stage.display.screenshot(file), inside)
        if now and now == before:
            return now
        before = now
    raise AssertionError(f"the canvas does not come to rest: {before}")


def press_makes_a_point(stage: Krita, x: float = 400, y: float = 300) -> None:
    stage.run("clear()")
    stage.display.click(*stage.run("on_screen(*arguments)", x, y))
    stage.wait_until("pairs()")
    ((handle, _),) = stage.run("pairs()")
    assert math.dist(handle, (x, y)) < 3
    stage.run("clear()")
