"""Crops that follow faces, turned crops and layers deeper than 8 bits, against the real backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.editing.geometry import Point, Rect, Square
from backend.editing.host import Mask
from backend.editing.pull import Pull
from backend.editing.record import Record
from tests.editing.support import PIXELS, Bench, MemorySource
from tests.server.support import picture

PORTRAIT = Path(__file__).resolve().parents[2] / "examples/portrait.png"
SHORT = {"steps": 2, "stop_distance": 0.0}


def portraits(*places: tuple[int, int, float], width: int = 640, height: int = 480) -> PIXELS:
    """The example portrait, 320 px high, at these places and angles on transparency."""
    canvas = Image.new("RGBA", (width, height))
    with Image.open(PORTRAIT) as opened:
        small = opened.convert("RGBA").resize((opened.width * 320 // opened.height, 320))
    for x, y, angle in places:
        turned = small.rotate(-angle, Image.Resampling.BICUBIC, expand=True)
        canvas.alpha_composite(turned, (x, y))
    return np.asarray(canvas).copy()


def looked(bench: Bench, source: MemorySource) -> Pull:
    pull = bench.pull(source, crop="face")
    bench.loop.until(lambda: pull.faces)
    return pull


def test_a_tilted_face_is_found_before_anything_is_pulled(bench: Bench) -> None:
    source = MemorySource(portraits((130, 20, 40.0)), (-50, 30))
    pull = looked(bench, source)
    (face,) = pull.faces
    assert face.angle == pytest.approx(30, abs=14)  # the portrait's own head leans a little to the left
    assert pull.crop == face
    assert pull.face_number == 0
    assert not pull.busy
    source.reads.clear()
    pull.invert()
    bench.rest(pull)
    assert pull.message is None
    assert pull.crop == face
    # Of the layer only what the crop needs is sent and kept.
    assert source.reads[-1] == (face.rect.intersected(source.bounds()), False)
    # Opened again, the record knows the crop with its angle, and nothing has to be found or inverted anew.
    pull.save_record()
    again = bench.pull(source, source.record)
    assert again.crop == face
    again.invert()
    bench.rest(again)
    assert again.message is None
    assert again.crop == face


def test_of_two_faces_the_meant_one_is_pulled(bench: Bench) -> None:
    source = MemorySource(portraits((10, 80, 0.0), (330, 80, 0.0)))
    pull = looked(bench, source)
    assert len(pull.faces) == 2
    first, second = pull.faces
    pull.next_face()
    assert (pull.crop, pull.face_number) == (second, 1)
    pull.save_record()
    assert Record.from_bytes(source.record or Record(face=second).to_bytes()).face == second
    pull.next_face()
    assert (pull.crop, pull.face) == (first, None)
    # Without a choice the points tell which face is meant.
    pull.drag_options = SHORT
    middle = second.middle
    pull.pairs.add(middle, Point(middle.x + 30, middle.y))
    pull.drag()
    bench.rest(pull)
    assert pull.message is None or pull.message.kind == "note", pull.message
    assert pull.face_number == 1
    assert pull.edit is not None
    assert pull.edit.rect.intersected(second.rect) == pull.edit.rect
    pull.set_crop("face")  # automatic again
    assert pull.crop == first


def test_after_a_pull_of_one_face_the_points_can_lie_on_another(bench: Bench) -> None:
    source = MemorySource(portraits((10, 80, 0.0), (330, 80, 0.0)))
    pull = looked(bench, source)
    first, second = pull.faces
    pull.drag_options = SHORT
    for face, number in ((first, 0), (second, 1)):
        pull.pairs.clear()
        pull.pairs.add(face.middle, Point(face.middle.x + 30, face.middle.y))
        pull.drag()
        bench.rest(pull)
        assert pull.message is None or pull.message.kind == "note", pull.message
        assert pull.face_number == number
        assert pull.edit is not None
        assert pull.edit.rect.intersected(face.rect) == pull.edit.rect
    assert len({result.session for result in pull.results}) == 2


def test_where_no_face_is_found_it_is_said(bench: Bench) -> None:
    source = MemorySource(picture(96, 96))
    pull = bench.pull(source, crop="face")
    pull.invert()
    bench.rest(pull)
    assert pull.message is not None
    assert "whole layer" in pull.message.text
    assert pull.crop == Square(0, 0, 96)
    source.selection = Mask(Rect(10, 20, 8, 8), b"")  # what may move, not what the model sees
    pull.set_model("")
    pull.set_model(str(bench.model))
    pull.forget()
    pull.invert()
    bench.rest(pull)
    assert pull.crop == Square(0, 0, 96)
    source.selection = Mask(Rect(10, 20, 60, 50), b"")
    pull.forget()
    pull.invert()
    bench.rest(pull)
    assert "selection" in pull.message.text
    assert pull.crop == Square(10, 15, 60)


def test_a_turned_crop_is_pulled(bench: Bench) -> None:
    source = MemorySource(picture(96, 96), (10, -4))
    pull = bench.pull(source)
    crop = Square(26, 12, 60, 30.0)
    pull.set_crop("drawn", crop)
    pull.drag_options = SHORT
    pull.pairs.add(Point(50, 40), Point(60, 44))
    pull.drag()
    bench.rest(pull)
    assert pull.crop == crop
    assert pull.preview is None or pull.preview.square == crop
    assert pull.edit is not None
    assert pull.edit.rect.intersected(crop.rect) == pull.edit.rect
    pull.pairs.add(Point(27, 13), Point(40, 40))  # in the upright square, but not in the turned one
    pull.drag()
    bench.rest(pull)
    assert pull.message is not None
    assert pull.message.kind == "error"
    assert "outside" in pull.message.text


def test_a_deep_layer_comes_back_deep(bench: Bench) -> None:
    pixels = picture(96, 96).astype(np.float32) / 255
    pixels[..., :3] = pixels[..., :3] * 1.5 - 0.1  # lights and colours beyond sRGB
    source = MemorySource(pixels)
    pull = bench.pull(source)
    pull.drag_options = SHORT
    pull.pairs.add(Point(40, 44), Point(52, 48))
    pull.drag()
    bench.rest(pull)
    edit = pull.edit
    assert edit is not None
    assert edit.dtype == "float32"
    shape = (edit.rect.height, edit.rect.width)
    values = np.frombuffer(edit.pixels, np.float32).reshape(*shape, 4)
    changed = np.frombuffer(edit.changed, np.uint8).reshape(shape) > 0
    assert changed.any()
    assert (values[~changed] == 0).all()
    assert len(np.unique(values[changed])) > 1000
    assert edit.shown is not None
    assert len(edit.shown) == 4 * changed.size
    pull.apply()
    bench.rest(pull)
    assert source.written[0][1].dtype == "float32"


def test_apply_notices_that_the_layer_was_painted_on(bench: Bench) -> None:
    source = MemorySource(picture(96, 96))
    pull = bench.pull(source)
    pull.drag_options = SHORT
    pull.pairs.add(Point(40, 44), Point(52, 48))
    pull.drag()
    bench.rest(pull)
    pull.dismiss()
    source.pixels[40:44, 40:44] = 0
    pull.apply()
    bench.rest(pull)
    assert len(source.written) == 1
    assert pull.message is not None
    assert "has changed" in pull.message.text
