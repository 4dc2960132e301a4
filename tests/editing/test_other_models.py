"""A pull with a model whose pictures are not square and that knows several kinds of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.editing.geometry import Point, Rect, Square
from backend.wire.messages import Reply
from tests.editing.support import Bench, MemorySource
from tests.server.support import picture, write_model


def label_of(bench: Bench, session: str) -> object:
    waiting = bench.connection.send("session.resume", session=session)
    bench.loop.until(lambda: waiting.outcome is not None)
    assert isinstance(waiting.outcome, Reply)
    return waiting.outcome.body["label"]


def test_the_crop_has_its_shape_and_its_label_is_chosen(bench: Bench, tmp_path: Path) -> None:
    source = MemorySource(picture(96, 96), (10, -4))
    model = write_model(tmp_path / "pets.safetensors", labels=["cat", "dog"], base_size=[4, 2])
    pull = bench.pull(source)
    pull.set_model(str(model))
    assert (pull.aspect, pull.labels) == (1.0, [])  # of a file nothing is known before it is opened
    pull.invert()
    bench.rest(pull)
    assert pull.message is None
    assert (pull.aspect, pull.labels) == (0.5, ["cat", "dog"])
    assert pull.crop == Square(10, -4, 96, aspect=0.5)
    assert pull.crop.rect == Rect(34, -4, 48, 96)
    assert label_of(bench, pull._session.facts.name) is None

    pull.set_label(1)
    pull.pairs.add(Point(50, 40), Point(62, 44))
    pull.drag_options = {"steps": 4, "strength": 1.0}
    pull.drag()
    bench.rest(pull)
    assert pull.step > 0
    assert (pull.preview.width, pull.preview.height) == (16, 32)
    assert label_of(bench, pull._session.facts.name) == 1
    assert pull.edit.rect.intersected(pull.crop.rect) == pull.edit.rect
    assert np.frombuffer(pull.edit.pixels, np.uint8).any()

    pull.save_record()
    again = bench.pull(source, source.record)
    assert (again.label, again.aspect, again.labels) == (1, 0.5, ["cat", "dog"])
    again.set_model("")
    assert again.label is None

    pull.pairs.clear()
    pull.pairs.add(Point(30, 40), Point(62, 44))  # in the crop's square, but not in what the model sees
    pull.drag()
    bench.rest(pull)
    assert pull.message.text.startswith("A point lies outside")
