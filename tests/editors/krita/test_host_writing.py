"""The Krita boundary in a real Krita: what is written, the movable area, and that the source never changes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from backend.editing.areas import REACH, STRETCH

from .driver import Krita
from .host_stage import (
    SRGB,
    STAGE,
    Pixels,
    as_pixels,
    colours,
    edit_pixels,
    has_masks,
    names,
    prepared,
    with_picture,
)


@pytest.fixture
def stage(krita: Krita) -> Iterator[Krita]:
    """Krita with the helpers of ``host_stage.py``."""
    yield from prepared(krita)


# Writing


@pytest.mark.parametrize("inside", [False, True], ids=["top", "in-a-group"])
def test_an_edit_is_one_step_of_undo_right_above_the_source(stage: Krita, inside: bool) -> None:
    picture = colours(120, 90)
    with_picture(stage, picture, x=10, y=20)
    stage.run("_ = add_layer('above', b'', 0, 0, 0, 0)")
    if inside:
        stage.run(
            """
            group = add_layer("group", b"", 0, 0, 0, 0, "grouplayer")
            node = named("source")
            inner = node.duplicate()
            inner.setName("source")
            node.remove()
            group.addChildNode(inner, None)
            group.addChildNode(document().createNode("neighbour", "paintlayer"), named("source"))
            group.setLocked(True)
            document().waitForDone()
            """
        )
    stage.run("document().setActiveNode(named('source'))")
    before_tree = stage.run("tree()")
    before = stage.call("own", "source", 0, 0, 320, 240)
    edit = edit_pixels(60, 40)
    # From Krita's own event loop: it makes the new layer the active one later than one would think.
    stage.run(
        "begin(source().write('Pull 1', Edit(Rect(20, 30, 60, 40), arguments[0], True)))", edit.tobytes()
    )
    stage.wait_until("done")
    assert stage.run("done") == [None]

    siblings = stage.run("tree(named('source').parentNode())")
    place = names(siblings).index("source")
    assert siblings[place + 1][:2] == ["Pull 1", "grouplayer"]
    mask = [["Edited area", "transparencymask", []]] if has_masks(stage) else []
    assert siblings[place + 1][2] == [["Edit", "paintlayer", mask]]
    seen = as_pixels(stage.call("shown", 0, 0, 320, 240), 320, 240)
    assert (seen[30:70, 20:50] == (30, 200, 10, 255)).all()
    assert np.array_equal(seen[30:70, 50:80, :3], as_pixels(before, 320, 240)[30:70, 50:80, :3])
    for _ in range(5):
        stage.let_turn(0.1)
        assert stage.run("document().activeNode().name()") == "source"
    assert stage.call("own", "source", 0, 0, 320, 240) == before
    after_tree = stage.run("tree()")

    stage.run("trigger('edit_undo')")
    assert stage.run("tree()") == before_tree
    stage.run("trigger('edit_redo')")
    assert stage.run("tree()") == after_tree
    assert np.array_equal(as_pixels(stage.call("shown", 0, 0, 320, 240), 320, 240), seen)
    assert stage.call("own", "source", 0, 0, 320, 240) == before


def test_the_mask_softens_the_edge(stage: Krita) -> None:
    with_picture(stage, np.full((240, 320, 4), (0, 0, 0, 255), np.uint8))
    if not has_masks(stage):
        pytest.skip("this Krita cannot make transparency masks from Python")
    stage.call("write", "source", "Pull", [100, 100, 60, 40], edit_pixels(60, 40).tobytes(), True)
    stage.run(
        "named('Edited area').setPixelData(QtCore.QByteArray(bytes([128]) * 400), 100, 100, 20, 20)\n"
        "document().waitForDone()"
    )
    seen = as_pixels(stage.call("shown", 100, 100, 40, 40), 40, 40)
    assert abs(int(seen[5, 5, 1]) - 100) <= 2
    assert seen[30, 25].tolist() == [30, 200, 10, 255]


def test_half_transparent_pixels_are_not_laid_over_each_other(stage: Krita) -> None:
    picture = colours(120, 90, alpha=None)
    with_picture(stage, picture)
    before = stage.call("own", "source", 0, 0, 120, 90)
    answer = stage.call(
        "write", "source", "Pull", [20, 30, 60, 40], edit_pixels(60, 40, 100).tobytes(), False
    )
    assert "Hide “source”" in answer["note"]
    copy = as_pixels(stage.run("bytes(named('Pull').childNodes()[0].pixelData(0, 0, 120, 90))"), 120, 90)
    expected = picture[..., [2, 1, 0, 3]].copy()
    expected[30:70, 20:50] = (30, 200, 10, 100)
    assert np.array_equal(copy, expected)
    assert stage.call("own", "source", 0, 0, 120, 90) == before
    stage.run("trigger('edit_undo')")
    assert names(stage.run("tree()")) == ["Background", "source"]


def test_where_a_line_was_on_a_transparent_layer_there_is_nothing_left(stage: Krita) -> None:
    picture = colours(120, 90, alpha=None)
    with_picture(stage, picture)
    edit = edit_pixels(60, 40, 100)
    edit[10:20] = 0
    changed = np.zeros((40, 60), np.uint8)
    changed[:, :30] = 255
    stage.call("write", "source", "Pull", [20, 30, 60, 40], edit.tobytes(), False, changed.tobytes())
    copy = as_pixels(stage.run("bytes(named('Pull').childNodes()[0].pixelData(0, 0, 120, 90))"), 120, 90)
    expected = picture[..., [2, 1, 0, 3]].copy()
    expected[30:70, 20:50] = (30, 200, 10, 100)
    expected[40:50, 20:50] = 0
    assert np.array_equal(copy, expected)


@pytest.mark.parametrize("depth", ["U16", "F32"])
def test_a_copy_keeps_the_unchanged_pixels_bit_by_bit(stage: Krita, depth: str) -> None:
    with_picture(stage, colours(80, 60, alpha=None), depth=depth)
    size = {"U16": 8, "F32": 16}[depth]
    # More than eight bits hold.
    stage.run(
        "import random\n_n = named('source')\n_b = bytearray(_n.pixelData(0, 0, 80, 60))\n"
        "for i in range(0, len(_b), 4): _b[i] = (i * 7) % 251\n"
        "_n.setPixelData(QtCore.QByteArray(bytes(_b)), 0, 0, 80, 60)"
    )
    before = np.frombuffer(stage.call("own", "source", 0, 0, 80, 60), np.uint8).reshape(60, 80, size)
    stage.call("write", "source", "Pull", [10, 10, 40, 20], edit_pixels(40, 20, 90).tobytes(), False)
    copy = stage.run("bytes(named('Pull').childNodes()[0].pixelData(0, 0, 80, 60))")
    after = np.frombuffer(copy, np.uint8).reshape(60, 80, size)
    same = (before == after).all(axis=2)
    assert not same[10:30, 10:30].any()
    same[10:30, 10:30] = True
    assert same.all()


DEEP = {
    ("U16", SRGB): 16,  # of 65535; Krita's own sRGB has its curve in a table
    ("U16", "Rec2020-elle-V4-g10.icc"): 0,
    ("F16", "sRGB-elle-V2-g10.icc"): 0.002,
    ("F32", "sRGB-elle-V2-g10.icc"): 1e-5,
    ("F16", SRGB): 0.002,
    ("F32", SRGB): 0,
}
"""Depth and profile of a document, and how far values may be off that go to the backend's format and back."""


@pytest.mark.parametrize(("depth", "profile"), DEEP, ids=lambda value: value.removesuffix(".icc"))
def test_a_deep_layer_is_read_and_written_in_full_depth(stage: Krita, depth: str, profile: str) -> None:
    kind: type[np.generic] = {"U16": np.uint16, "F16": np.float16, "F32": np.float32}[depth]
    values = np.random.default_rng(5).uniform(
        -0.05, 2.5, (40, 50, 4)
    )  # darker than black, brighter than white
    whole = (values / 2.6 + 0.02) * 65535 if depth == "U16" else values
    native = whole.astype(kind)
    native[..., 3] = 65535 if depth == "U16" else 1
    stage.new_document(320, 240, depth=depth, profile=profile)
    stage.run("_ = add_layer('source', arguments[0], 20, 10, 50, 40)", native.tobytes())
    pixels, dtype, deep = stage.run(
        "_p = finish(source().read(Rect(20, 10, 50, 40)))[0]\n[bytes(_p.pixels), _p.dtype, source().deep]"
    )
    assert (dtype, deep) == ("float32", True)
    picture = np.frombuffer(pixels, np.float32).reshape(40, 50, 4)
    assert len(np.unique(picture[..., :3])) > 2000, "8 bits would give 256"
    shallow = stage.run("bytes(finish(source().read(Rect(20, 10, 50, 40), eight_bits=True))[0].pixels)")
    bright = np.frombuffer(shallow, np.uint8).reshape(40, 50, 4) / 255
    inside = (picture[..., :3] > 0.1) & (picture[..., :3] < 0.9)
    assert np.abs(bright[..., :3] - picture[..., :3])[inside].max() < 0.012

    # An edit that puts the left half's own pixels there must write just those; the right half stays unwritten.
    edit, changed = picture.copy(), np.zeros((40, 50), np.uint8)
    changed[:, :25] = 1
    edit[:, 25:] = 0
    shown = stage.run(
        "_e = Edit(Rect(20, 10, 50, 40), arguments[0], True, 'float32', arguments[1])\n"
        "_ = finish(source().write('Pull', _e))\ndocument().waitForDone()\n"
        "bytes(finish(source().for_screen(_e))[0].shown)",
        edit.tobytes(),
        changed.tobytes(),
    )
    assert stage.run("named('Edit').colorDepth()") == depth
    written = np.frombuffer(stage.call("own", "Edit", 20, 10, 50, 40), kind).reshape(40, 50, 4)
    off = np.abs(written[:, :25].astype(float) - native[:, :25].astype(float)).max()
    assert off <= DEEP[depth, profile], off
    assert (written[:, 25:, 3] == 0).all()
    seen = np.frombuffer(shown, np.uint8).reshape(40, 50, 4)
    direct = np.frombuffer(shallow, np.uint8).reshape(40, 50, 4)
    assert np.abs(seen[:, :25].astype(int) - direct[:, :25]).max() <= 2
    assert (seen[:, 25:] == 0).all()


def test_a_blended_source_gets_a_copy_that_is_blended_alike(stage: Krita) -> None:
    with_picture(stage, np.full((240, 320, 4), (40, 80, 120, 255), np.uint8))
    stage.run(
        """
        node = named("source")
        node.setBlendingMode("multiply")
        node.setOpacity(128)
        half = Selection()
        half.select(0, 0, 160, 240, 255)
        mask = document().createFilterMask("inverted half", app.filter("invert"), half)
        node.addChildNode(mask, None)
        document().waitForDone()
        """
    )
    plain = stage.call("shown", 0, 0, 320, 240)
    answer = stage.call("write", "source", "Pull", [20, 30, 60, 40], edit_pixels(60, 40).tobytes(), True)
    assert answer["note"]
    stage.run("named('source').setVisible(False)")
    seen, was = as_pixels(stage.call("shown", 0, 0, 320, 240), 320, 240), as_pixels(plain, 320, 240)
    changed = np.zeros((240, 320), bool)
    changed[30:70, 20:50] = True
    assert np.abs(seen[~changed].astype(int) - was[~changed]).max() <= 1
    assert (seen[changed] != was[changed]).any(axis=1).all()
    stage.run("named('source').setVisible(True)")
    stage.run("trigger('edit_undo')")
    assert names(stage.run("tree()")) == ["Background", "source"]


def test_applying_to_a_large_document_takes_less_than_a_second(stage: Krita) -> None:
    stage.new_document(4000, 4000)
    stage.run(
        "import os\nnode = add_layer('source', os.urandom(4000 * 4 * 100) * 40, 0, 0, 4000, 4000)\n"
        "document().refreshProjection()\ndocument().waitForDone()",
        timeout=120,
    )
    stage.run("_p, longest, total = finish(source().read(Rect(0, 0, 4000, 4000)))", timeout=60)
    longest, total = stage.run("[longest, total]")
    print(f"reading 4000 × 4000: {total:.0f} ms, longest slice {longest:.1f} ms")
    # What Krita itself needs for any new layer here, for machines that are slow or busy.
    own, applied = [], []
    for _ in range(3):
        own.append(
            stage.run(
                "_t = time.perf_counter()\n_ = add_layer('empty', b'', 0, 0, 0, 0)\n(time.perf_counter() - _t) * 1e3",
                timeout=60,
            )
        )
        stage.run("trigger('edit_undo')", timeout=60)
        pixels = edit_pixels(1200, 1200).tobytes()
        applied.append(stage.call("write", "source", "Pull", [900, 900, 1200, 1200], pixels, True)["total"])
        stage.run("trigger('edit_undo')", timeout=60)
    print(f"applying 1200 × 1200: {min(applied):.0f} ms; Krita's own part {min(own):.0f} ms")
    assert min(applied) < max(1000, 4 * min(own))


# The timeline


@pytest.mark.parametrize("opaque", [True, False])
def test_a_pull_becomes_frames(stage: Krita, opaque: bool) -> None:
    alpha = 255 if opaque else 120
    picture = np.full((240, 320, 4), (50, 60, 70, alpha), np.uint8)
    with_picture(stage, picture)
    stage.run("named('Background').remove()\ndocument().setCurrentTime(4)\ndocument().waitForDone()")
    before = stage.call("own", "source", 0, 0, 320, 240)
    frames = []
    for index in range(5):
        edit = np.zeros((40, 100, 4), np.uint8)
        edit[:, index * 10 : index * 10 + 30] = (200, 10 * index, 30, alpha)
        frames.append(edit.tobytes())
    note = stage.run(
        """
        def edits():
            for pixels in arguments[0]:
                yield None
                yield Edit(Rect(60, 80, 100, 40), pixels, arguments[1])
        finish(source().write_animation("Moving", edits(), len(arguments[0])))[0]
        """,
        frames,
        opaque,
        timeout=60,
    )
    assert "frames 4 to 8" in note
    assert ("Hide" in note) != opaque
    assert stage.call("own", "source", 0, 0, 320, 240) == before
    times = "[t for t in range(20) if named('Frames').hasKeyframeAtTime(t)]"
    assert stage.run(times) == [0, 4, 5, 6, 7, 8]
    if not opaque:
        stage.run("named('source').setVisible(False)")
    for moment, shift in [(0, None), (4, 0), (6, 20), (8, 40), (15, 40)]:
        stage.run("document().setCurrentTime(arguments[0])\ndocument().waitForDone()", moment)
        seen = as_pixels(stage.call("shown", 0, 0, 320, 240), 320, 240)
        expected = picture[..., [2, 1, 0, 3]].copy()
        if shift is not None:
            expected[80:120, 60 + shift : 90 + shift] = (30, shift, 200, alpha)
        assert np.abs(seen.astype(int) - expected).max() <= 1, f"frame {moment}"


def test_an_animation_is_one_step_of_undo(stage: Krita) -> None:
    with_picture(stage, colours(120, 90))
    before = stage.run("tree()")
    stage.run(
        "finish(source().write_animation('Moving', iter([Edit(Rect(0, 0, 8, 8), bytes([255]) * 256)] * 3), 3))",
        timeout=60,
    )
    after = stage.run("tree()")
    assert names(after) == ["Background", "source", "Moving"]
    stage.run("trigger('edit_undo')")
    assert stage.run("tree()") == before
    stage.run("trigger('edit_redo')")
    assert stage.run("tree()") == after
    assert stage.run("[t for t in range(9) if named('Frames').hasKeyframeAtTime(t)]") == [0, 1, 2]


# The movable area


def area(krita: Krita, options: str, crop: Sequence[int], rect: Sequence[int]) -> Pixels | None:
    data = krita.run(
        f"_m = finish(source().movable({options}, [(Point(100.0, 80.0), Point(140.0, 100.0))], "
        "Square(*arguments[0]), Rect(*arguments[1])))[0]\nNone if _m is None else bytes(_m.pixels)",
        list(crop),
        list(rect),
    )
    return None if data is None else np.frombuffer(data, np.uint8).reshape(rect[3], rect[2])


def test_a_soft_selection_is_the_movable_area(stage: Krita) -> None:
    with_picture(stage, colours(200, 160), x=20, y=10)
    assert stage.run("source().selection_bounds()") is None
    stage.run(
        "_s = Selection()\n_s.select(60, 50, 90, 70, 255)\n_s.feather(6)\ndocument().setSelection(_s)\n"
        "document().waitForDone()"
    )
    bounds = stage.run("list(source().selection_bounds())")
    assert bounds[0] < 60
    assert bounds[2] > 90
    truth = np.frombuffer(stage.run("bytes(document().selection().pixelData(20, 10, 200, 160))"), np.uint8)
    truth = truth.reshape(160, 200)
    assert len(np.unique(truth)) > 5
    for options in ("AreaOptions('selection')", "AreaOptions('automatic')"):
        mask = area(stage, options, [20, 10, 200], [20, 10, 200, 160])
        assert mask is not None
        assert np.array_equal(mask, truth)
    # Nothing outside the crop.
    mask = area(stage, "AreaOptions('selection')", [80, 60, 40], [20, 10, 200, 160])
    assert mask is not None
    expected = np.zeros_like(truth)
    expected[50:90, 60:100] = truth[50:90, 60:100]
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize(("grow", "feather"), [(7, 0), (-7, 0), (0, 9), (5, 8), (30, 0), (-24, 0), (0, 40)])
def test_growing_and_softening_are_what_krita_does(stage: Krita, grow: int, feather: int) -> None:
    with_picture(stage, colours(320, 240))
    stage.run(
        "_s = Selection()\n_s.select(100, 80, 90, 70, 255)\n_t = Selection()\n_t.select(150, 110, 80, 60, 255)\n"
        "_s.add(_t)\ndocument().setSelection(_s)\ndocument().waitForDone()"
    )
    mask = area(stage, f"AreaOptions('selection', {grow}, {feather})", [0, 0, 320], [0, 0, 320, 240])
    truth = stage.run(
        "_s = document().selection().duplicate()\ng, f = arguments\n"
        "_s.grow(g, g) if g > 0 else _s.shrink(-g, -g, False) if g < 0 else None\n"
        "_s.feather(f) if f else None\n"
        "bytes(_s.pixelData(0, 0, 320, 240))",
        grow,
        feather,
    )
    expected = np.frombuffer(truth, np.uint8).reshape(240, 320)
    assert mask is not None
    if abs(grow) <= 12 and feather <= 12:
        assert np.abs(mask.astype(int) - expected).max() <= 1
    elif feather:
        assert np.abs(mask.astype(int) - expected).max() <= 24
    else:  # made on a smaller mask: the edge may lie a sixth of the way beside
        reach = 2 * (abs(grow) // 6) + 1
        edge = Image.fromarray(expected)
        assert (mask[np.asarray(edge.filter(ImageFilter.MinFilter(reach))) > 128] > 128).all()
        assert (mask[np.asarray(edge.filter(ImageFilter.MaxFilter(reach))) < 128] < 128).all()


def test_the_automatic_area_lies_around_the_pairs(stage: Krita) -> None:
    with_picture(stage, colours(320, 240))
    mask = area(stage, "AreaOptions()", [0, 0, 200], [0, 0, 320, 240])
    assert mask is not None
    assert mask[80, 100] == mask[100, 140] == mask[90, 120] == 255
    assert mask[:, 200:].max() == 0, "outside the crop"
    radius = REACH * 200 + STRETCH * math.hypot(40, 20)
    rows, columns = np.mgrid[0:240, 0:200] + 0.5
    along = np.clip(((columns - 100) * 40 + (rows - 80) * 20) / 2000, 0, 1)
    distance = np.hypot(columns - 100 - 40 * along, rows - 80 - 20 * along)
    inside = mask[:, :200]
    assert (inside[distance < radius - 1] == 255).all()
    assert (inside[distance > radius + 1] == 0).all()
    grown = area(stage, "AreaOptions(grow=10)", [0, 0, 200], [0, 0, 320, 240])
    assert grown is not None
    assert (grown[:, :200][distance < radius + 9] == 255).all()
    soft = area(stage, "AreaOptions(feather=8)", [0, 0, 200], [0, 0, 320, 240])
    assert soft is not None
    assert len(np.unique(soft)) > 20
    assert area(stage, "AreaOptions('crop')", [0, 0, 200], [0, 0, 320, 240]) is None


def test_only_the_selection_may_move_but_there_is_none(stage: Krita) -> None:
    with_picture(stage, colours(40, 40))
    code, message, _ = stage.run(
        "refusal(lambda: finish(source().movable(AreaOptions('selection'), [], Square(0, 0, 40), Rect(0, 0, 40, 40))))"
    )
    assert code == "empty_selection"
    assert "Nothing is selected" in message


# The record and the rest


def test_a_record_is_saved_with_the_document(stage: Krita, tmp_path: Path) -> None:
    with_picture(stage, colours(40, 40))
    record = bytes(range(256)) * 50
    assert stage.run("source().load_record()") == b""
    stage.run("document().setModified(False)\nsource().save_record(arguments[0])", record)
    assert stage.run("document().modified()"), "or Krita would not ask to save it"
    stage.run("source('Background').save_record(b'other')")
    identifier = stage.run("source().layer_id")
    stage.save_document(tmp_path / "kept.kra")
    stage.close_documents()
    stage.open_document(tmp_path / "kept.kra")
    assert stage.run("source().layer_id") == identifier
    assert stage.run("source().load_record()") == record
    assert stage.run("source('Background').load_record()") == b"other"
    assert identifier in stage.run("documents.recorded_layers(document())")
    stage.run("source().save_record(b'')")
    assert stage.run("source().load_record()") == b""
    assert stage.run("documents.recorded_layers(document())") == [stage.run("source('Background').layer_id")]


def test_thumbnails_are_small_png(stage: Krita) -> None:
    stage.new_document(100, 100)
    stage.run("_ = add_layer('source', b'', 0, 0, 0, 0)")
    png = stage.run("source().thumbnail(300, 150, bytes([255, 0, 0]) * 45000)")
    assert png.startswith(b"\x89PNG")
    size = stage.run(
        "from pullface.qt import QtGui\n_i = QtGui.QImage.fromData(arguments[0])\n"
        "[_i.width(), _i.height(), _i.pixelColor(5, 5).getRgb()[:3]]",
        png,
    )
    assert [size[0], size[1], list(size[2])] == [96, 48, [255, 0, 0]]


def test_scratch_documents_leave_nothing_behind(stage: Krita) -> None:
    with_picture(stage, colours(60, 60), depth="F32")
    stage.call("read", "source", 0, 0, 60, 60)
    stage.call("write", "source", "Pull", [0, 0, 60, 40], edit_pixels(60, 40).tobytes(), True)
    stage.run(
        "finish(source().write_animation('Moving', iter([Edit(Rect(0, 0, 8, 8), bytes([255]) * 256)] * 3), 3))",
        timeout=60,
    )
    assert stage.run("[d.name() for d in app.documents()]") == ["picture"]


def test_krita_quits_cleanly_after_all_that(own_krita: Krita) -> None:
    own_krita.run(STAGE, timeout=60)
    with_picture(own_krita, colours(60, 60), depth="U16")
    own_krita.call("read", "source", 0, 0, 60, 60)
    own_krita.call("write", "source", "Pull", [0, 0, 60, 40], edit_pixels(60, 40).tobytes(), True)
    assert own_krita.quit() == 0
