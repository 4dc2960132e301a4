"""How a result comes into the picture: a group above the source, the source and what did not move bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from .driver import Gimp
from .host_stage import PRECISIONS, HostStage, colours

RECT = (12, 8, 9, 7)


@pytest.fixture
def stage(gimp: Gimp) -> HostStage:
    return HostStage(gimp)


def some(height: int = 7, width: int = 9) -> NDArray[np.uint8]:
    """Which pixels of ``RECT`` an edit changes."""
    return np.asarray(np.random.default_rng(4).random((height, width)) < 0.5, np.uint8) * 255


def edit_above(stage: HostStage, layer: int, opaque: bool, changed: NDArray[np.uint8]) -> NDArray[np.generic]:
    dtype = "float32" if stage.gimp.run("source(arguments[0]).deep", layer) else "uint8"
    pixels = colours(9, 7, dtype, seed=9)
    if stage.gimp.run("item(arguments[0]).is_gray()", layer):
        pixels[..., :3] = pixels[..., :1]
    stage.write(layer, RECT, pixels, changed, opaque)
    return pixels


def made(stage: HostStage, layer: int) -> tuple[int, list[int]]:
    """The number and the rectangle of the layer in the new group."""
    number = stage.gimp.run(
        "item(arguments[0]).get_image().get_layers()[0].get_children()[0].get_id()", layer
    )
    return int(number), list(stage.gimp.run("list(rect_of(item(arguments[0])))", number))


@pytest.mark.parametrize("gray", [False, True], ids=["rgb", "gray"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_opaque_edit_lies_above_the_source_which_keeps_every_bit(
    stage: HostStage, precision: str, gray: bool
) -> None:
    layer = stage.layer(colours(30, 24), (3, 2), gray=gray, precision=precision, alpha=False, size=(50, 40))
    before, changed = stage.native(layer), some()
    pixels = edit_above(stage, layer, True, changed)
    assert stage.layers(layer) == [["Pull 1", [["Edit", []]]], ["face", []]]
    assert stage.native(layer) == before
    number, rect = made(stage, layer)
    assert rect == list(RECT)
    written = stage.read(number, RECT)
    assert not written[changed == 0][:, 3].any()
    tolerance = {"U8_LINEAR": 0.03, "HALF_LINEAR": 2e-3, "HALF_NON_LINEAR": 1e-3, "HALF_PERCEPTUAL": 1e-3}
    off = np.abs(written.astype(float) - pixels)[changed > 0].max()
    assert off <= (1 if written.dtype == np.uint8 else tolerance.get(precision, 1e-4))


@pytest.mark.parametrize("profile", [None, "new_rgb_adobe"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_copy_of_the_source_differs_only_where_the_edit_changed_something(
    stage: HostStage, precision: str, profile: str | None
) -> None:
    layer = stage.layer(
        colours(30, 24, alpha=True), (3, 2), precision=precision, profile=profile, size=(50, 40)
    )
    before, changed = stage.native(layer), some()
    edit_above(stage, layer, False, changed)
    assert stage.native(layer) == before
    number, rect = made(stage, layer)
    assert rect == [3, 2, 30, 24]
    size = len(before) // (30 * 24)
    old = np.frombuffer(before, np.uint8).reshape(24, 30, size)
    new = np.frombuffer(stage.native(number), np.uint8).reshape(24, 30, size)
    differs = (old != new).any(axis=2)
    whole = np.zeros((24, 30), bool)
    whole[6:13, 9:18] = changed > 0
    assert not (differs & ~whole).any()
    assert (differs & whole).sum() >= 0.9 * whole.sum()


def test_the_composition_shows_source_and_edit(stage: HostStage) -> None:
    source = colours(30, 24)
    layer = stage.layer(source)
    changed = some()
    pixels = edit_above(stage, layer, True, changed)
    shown = np.frombuffer(
        stage.gimp.run(
            """
            _image = item(arguments[0]).get_image()
            native(Gimp.Layer.new_from_visible(_image, _image, "seen"), [0, 0, 30, 24], "R'G'B'A u8")
            """,
            layer,
        ),
        np.uint8,
    ).reshape(24, 30, 4)
    expected = source.copy()
    expected[8:15, 12:21][changed > 0] = pixels[changed > 0]
    assert np.array_equal(shown, expected)


def test_a_masked_and_blended_layer_is_copied_with_all_of_that(stage: HostStage) -> None:
    layer = stage.layer(colours(30, 24))
    stage.gimp.run(
        """
        _layer = item(arguments[0])
        _layer.set_mode(Gimp.LayerMode.MULTIPLY)
        _layer.set_opacity(60)
        _layer.add_mask(_layer.create_mask(Gimp.AddMaskType.WHITE))
        _layer.set_lock_alpha(True)
        source(arguments[0]).save_record(b"of the source")
        """,
        layer,
    )
    note = stage.write(layer, RECT, colours(9, 7), some())
    assert note is not None
    assert "Hide “face”" in note
    number, _ = made(stage, layer)
    assert stage.gimp.run(
        """
        _copy = item(arguments[0])
        [_copy.get_mode() == Gimp.LayerMode.MULTIPLY, _copy.get_opacity(), _copy.get_mask() is not None,
         _copy.get_parent().get_mode() == Gimp.LayerMode.PASS_THROUGH, len(records.load_record(_copy))]
        """,
        number,
    ) == [True, 60.0, True, True, 0]


def test_a_layer_with_filters_is_copied_with_them(stage: HostStage) -> None:
    layer = stage.layer(colours(30, 24))
    stage.gimp.run(
        """
        _layer = item(arguments[0])
        _layer.append_filter(Gimp.DrawableFilter.new(_layer, "gegl:invert-gamma", "inverted"))
        """,
        layer,
    )
    before = stage.native(layer)
    changed = some()
    pixels = colours(9, 7, seed=9)
    assert stage.write(layer, RECT, pixels, changed) is not None
    number, _ = made(stage, layer)
    assert stage.gimp.run("[each.get_name() for each in item(arguments[0]).get_filters()]", number) == [
        "inverted"
    ]
    assert stage.native(layer) == before
    assert np.array_equal(stage.read(number, RECT)[changed > 0], pixels[changed > 0])


def test_a_text_is_copied_as_pixels_that_keep_the_edit(stage: HostStage) -> None:
    layer = stage.layer(np.zeros((80, 120, 4), np.uint8))
    text, file = stage.gimp.run(
        """
        _image = item(arguments[0]).get_image()
        _text = Gimp.TextLayer.new(_image, "Pull", Gimp.context_get_font(), 30, Gimp.Unit.pixel())
        _image.insert_layer(_text, None, 0)
        _text.set_mode(Gimp.LayerMode.SCREEN)
        _mask = _text.create_mask(Gimp.AddMaskType.WHITE)
        _text.add_mask(_mask)
        fill(_mask, bytes(number % 251 for number in range(_text.get_width() * _text.get_height())), "Y u8")
        [_text.get_id(), arguments[1]]
        """,
        layer,
        str(stage.gimp.home / "text.xcf"),
    )
    before, bounds = stage.read(text), stage.bounds(text)
    changed = np.full((7, 9), 255, np.uint8)
    pixels = colours(9, 7, seed=9)
    stage.write(text, (2, 3, 9, 7), pixels, changed, opaque=False)
    number, kind = stage.gimp.run(
        """
        _file = Gio.File.new_for_path(arguments[0])
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, _image, _file, None)
        _again = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, _file)
        _copy = _again.get_layers()[0].get_children()[0]
        _kept = native(_copy.get_mask(), None, "Y u8") == native(_mask, None, "Y u8")
        [_copy.get_id(), [_copy.is_text_layer(), _copy.get_mode() == Gimp.LayerMode.SCREEN, _kept]]
        """,
        file,
    )
    assert kind == [False, True, True]
    expected = before.copy()
    expected[3:10, 2:11] = pixels
    assert stage.bounds(number) == bounds
    assert np.array_equal(stage.read(number), expected)


def test_a_group_is_pulled_by_what_it_shows(stage: HostStage) -> None:
    layer = stage.layer(colours(30, 24), (3, 2), size=(50, 40))
    group = stage.gimp.run(
        """
        _image = item(arguments[0]).get_image()
        _group = Gimp.GroupLayer.new(_image, "group")
        _image.insert_layer(_group, None, 0)
        _image.reorder_item(item(arguments[0]), _group, 0)
        _group.set_opacity(50)
        _group.get_id()
        """,
        layer,
    )
    changed = some()
    pixels = colours(9, 7, seed=9)
    assert stage.write(group, RECT, pixels, changed) is not None
    assert [name for name, _ in stage.layers(layer)] == ["Pull 1", "group"]
    number, rect = made(stage, layer)
    assert rect == [3, 2, 30, 24]
    expected = stage.read(layer).copy()
    expected[6:13, 9:18][changed > 0] = pixels[changed > 0]
    assert np.array_equal(stage.read(number), expected)
    assert stage.gimp.run("item(arguments[0]).get_opacity()", number) == 50


def test_the_group_stands_right_above_its_source_which_stays_selected(stage: HostStage) -> None:
    layer = stage.layer(colours(30, 24))
    stage.gimp.run(
        """
        _image = item(arguments[0]).get_image()
        _group = Gimp.GroupLayer.new(_image, "around")
        _image.insert_layer(_group, None, 0)
        _image.reorder_item(item(arguments[0]), _group, 0)
        new_layer(_image, 30, 24, parent=_group).set_name("top")
        new_layer(_image, 30, 24).set_name("first")
        _image.set_selected_layers([item(arguments[0])])
        """,
        layer,
    )
    stage.write(layer, RECT, colours(9, 7), some())
    assert stage.layers(layer) == [
        ["first", []],
        ["around", [["top", []], ["Pull 1", [["Edit", []]]], ["face", []]]],
    ]
    assert stage.gimp.run(
        "[each.get_name() for each in item(arguments[0]).get_image().get_selected_layers()]", layer
    ) == ["face"]


def test_a_later_result_lies_above_the_earlier_ones(stage: HostStage) -> None:
    layer = stage.layer(colours(30, 24))
    stage.gimp.run("new_layer(item(arguments[0]).get_image(), 30, 24).set_name('other')", layer)
    numbers = []
    for opaque in (True, False, True):
        stage.write(layer, RECT, colours(9, 7), some(), opaque)
        numbers.append([name for name, _ in stage.layers(layer)])
    assert numbers[0] == ["other", "Pull 1", "face"]
    assert numbers[2] == ["other", "Pull 1 #2", "Pull 1 #1", "Pull 1", "face"]


def test_where_a_line_was_on_a_transparent_layer_there_is_nothing_left(stage: HostStage) -> None:
    picture = colours(30, 24, alpha=True)
    layer = stage.layer(picture)
    changed, pixels = some(), colours(9, 7, seed=9)
    pixels[2:4] = 0
    stage.write(layer, RECT, pixels, changed, opaque=False)
    copy = stage.read(made(stage, layer)[0], RECT)
    before = stage.read(layer, RECT)
    assert np.array_equal(copy, np.where(changed[..., None] > 0, pixels, before))
    assert not copy[2:4][changed[2:4] > 0].any()


def test_a_selection_does_not_cut_the_result(stage: HostStage) -> None:
    layer = stage.layer(colours(30, 24))
    stage.gimp.run(
        "item(arguments[0]).get_image().select_rectangle(Gimp.ChannelOps.REPLACE, 13, 9, 2, 2)", layer
    )
    changed = np.full((7, 9), 255, np.uint8)
    pixels = edit_above(stage, layer, True, changed)
    assert np.array_equal(stage.read(made(stage, layer)[0], RECT), pixels)


@pytest.mark.parametrize(
    ("change", "code"), [("_image.remove_layer(_layer)", "no_layer"), ("_image.delete()", "no_document")]
)
def test_a_layer_or_picture_that_goes_away_meanwhile_is_told(
    stage: HostStage, change: str, code: str
) -> None:
    layer = stage.layer(colours(30, 24))
    stage.gimp.run(
        """
        _layer = item(arguments[0])
        _image = _layer.get_image()
        new_layer(_image, 30, 24).set_name("other")
        _writing = GimpSource(_image, _layer).write("Pull 1", Edit(Rect(12, 8, 2, 2), bytes([9, 9, 9, 255] * 4)))
        next(_writing)
        """,
        layer,
    )
    stage.gimp.run(change)
    refused = stage.refused("done(_writing)")
    assert refused is not None
    assert refused[0] == code
    if code == "no_layer":
        assert stage.gimp.run("tree(_image.get_layers())") == [["other", []]]


def test_an_empty_edit_is_refused(stage: HostStage) -> None:
    layer = stage.layer(colours(30, 24))
    refused = stage.refused("done(source(arguments[0]).write('Pull 1', Edit(Rect(0, 0, 0, 0), b'')))", layer)
    assert refused is not None
    assert refused[0] == "empty_edit"


def test_thumbnails_are_small_png_files(stage: HostStage) -> None:
    layer = stage.layer(colours(30, 24))
    png = stage.gimp.run("source(arguments[0]).thumbnail(200, 100, bytes(200 * 100 * 3))", layer)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")) == (96, 48)


def test_a_deep_edit_is_shown_in_eight_bits(stage: HostStage) -> None:
    layer = stage.layer(colours(8, 8, "float32"), precision="FLOAT_LINEAR")
    pixels = colours(5, 4, "float32", alpha=True)
    shown = stage.gimp.run(
        "done(source(arguments[0]).for_screen(Edit(Rect(0, 0, 5, 4), arguments[1], True, 'float32'))).shown",
        layer,
        pixels.tobytes(),
    )
    assert np.abs(np.frombuffer(shown, np.uint8).reshape(4, 5, 4) - pixels * 255).max() <= 0.51


def test_one_undo_takes_the_result_back_and_redo_brings_it_again(gimp_window: Gimp) -> None:
    stage = HostStage(gimp_window)
    layer = stage.layer(colours(300, 240))
    gimp_window.run("_display = Gimp.Display.new(item(arguments[0]).get_image())\nNone", layer)
    before = stage.native(layer)
    stage.write(layer, RECT, colours(9, 7), some())
    gimp_window.run("source(arguments[0]).save_record(b'a record')", layer)
    assert [name for name, _ in stage.layers(layer)] == ["Pull 1", "face"]
    names = f"[each.get_name() for each in item({layer}).get_image().get_layers()]"
    width, height = gimp_window.display.size
    gimp_window.display.settle()
    gimp_window.display.click(width // 2, height // 2 + 200)
    gimp_window.display.key("ctrl+z")
    gimp_window.wait_until(f"{names} == ['face']")
    gimp_window.display.key("ctrl+y")
    gimp_window.wait_until(f"{names} == ['Pull 1', 'face']")
    assert stage.native(layer) == before
    assert gimp_window.run("records.load_record(item(arguments[0]))", layer) == b"a record"
