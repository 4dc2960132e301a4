"""What the model sees, inside a real Krita: the face that is found, its frame in the artist's hand, deep documents."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.server.support import QUICK_INVERSION

from .driver import Krita
from .pullface_stage import Stage


@pytest.fixture
def stage(krita: Krita) -> Iterator[Stage]:
    stage = Stage(krita)
    yield stage
    krita.run("ws.set_framing(False)\nws.set_mode(False)")


def crop_of(stage: Stage) -> list[Any]:
    return list(stage.krita.run("ws.pull.crop.numbers"))


def press_frame_button(stage: Stage) -> None:
    stage.krita.run("panel().section.open(True)")
    stage.krita.wait_until("panel().options.draw.isVisible()")
    stage.click("panel().options.draw")


def handle(stage: Stage) -> tuple[int, int]:
    """Where the handle is that turns the frame, on the screen."""
    x, y = stage.krita.run(
        "list(sys.modules['pullface.backend.editing.framing'].turn_handle(ws.canvas.gestures.affine, ws.pull.crop))"
    )
    return stage.krita.on_screen("ws.canvas.overlay", x, y)


def test_a_turned_face_is_found_and_its_frame_turned_by_hand(stage: Stage) -> None:
    krita = stage.krita
    digest = stage.open_turned_portrait(25)
    stage.pull_mode()
    krita.wait_until("ws.pull.faces", 300)
    assert krita.run("len(ws.pull.faces)") == 1
    found = crop_of(stage)
    krita.let_turn()
    krita.screenshot("face-found")
    x, y, size, angle = found
    assert angle == pytest.approx(18, abs=12)  # the portrait's own head leans a little to the left
    assert 112 < size < 262
    assert 900 < x + size / 2 < 1400
    assert 500 < y + size / 2 < 1000
    assert not krita.run("ws.pull.busy")

    press_frame_button(stage)
    krita.wait_until("ws.canvas.framing")
    krita.let_turn()
    krita.screenshot("frame-with-handles")
    middle = stage.on_screen((x + size / 2, y + size / 2))
    start = handle(stage)
    reach = math.dist(start, middle)
    krita.display.key_down("shift")
    krita.display.drag(start, (middle[0] - 0.5 * reach, middle[1] - 0.87 * reach))
    krita.display.key_up("shift")
    krita.wait_until("ws.pull.crop_choice == 'drawn'")
    assert crop_of(stage) == [x, y, size, -30.0]
    krita.let_turn()
    krita.screenshot("frame-turned-by-hand")
    krita.display.key("Delete")  # back to automatic
    krita.wait_until("ws.pull.crop_choice == 'face'")
    assert crop_of(stage) == found
    krita.display.key("Return")
    krita.wait_until("not ws.canvas.framing")
    assert stage.digest() == digest


def test_a_16_bit_document_keeps_its_depth_and_previews_are_turned(stage: Stage) -> None:
    krita = stage.krita
    digest = stage.open_turned_portrait(25, "U16")
    krita.run("ws.pull.inversion_settings = arguments[0]", dict(QUICK_INVERSION))
    stage.pull_mode()
    krita.wait_until("ws.pull.faces", 300)
    corner, target = krita.run(
        "[list(ws.pull.crop.turned(Point(*place))) for place in arguments]", *points(stage)
    )
    stage.draw(corner, target)
    krita.run("watch()\nws.pull.drag_options = {'steps': 3, 'stop_distance': 0.0}")
    stage.press("Drag")
    stage.until("('inverting', True) in seen or f['kind'] == 'error'")
    krita.screenshot("turned-preview")
    assert stage.facts()["kind"] != "error", stage.facts()
    stage.until("f['results'] == 1 or f['kind'] == 'error'")
    stage.rest()
    krita.screenshot("16-bit-pulled")
    assert krita.run("ws.pull.edit.dtype") == "float32"
    stage.press("Apply")
    krita.wait_until("len(layers()) == 3")
    stage.rest()
    assert stage.digest() == digest
    depth, pixels = krita.run(
        "n = document().nodeByName('Edit')\nb = n.bounds()\n"
        "[n.colorDepth(), bytes(n.pixelData(b.x(), b.y(), b.width(), b.height()))]"
    )
    assert depth == "U16"
    values = np.frombuffer(pixels, np.uint16).reshape(-1, 4)
    values = values[values[:, 3] > 0][:, :3]
    assert len(values) > 100
    assert (values % 257 != 0).mean() > 0.5, "8 bits would give multiples of 257"


def points(stage: Stage) -> list[list[float]]:
    """A corner of the mouth and where it goes, in the crop before it is turned."""
    x, y, size = crop_of(stage)[:3]
    return [[x + 0.44 * size, y + 0.74 * size], [x + 0.42 * size, y + 0.70 * size]]
