"""What a layer keeps of its pull, with the picture and through its file."""

from __future__ import annotations

import base64
import json

import pytest

from .driver import Gimp
from .host_stage import HostStage, colours

RECORD = json.dumps(
    {"mask": base64.b64encode(bytes(range(256)) * 2000).decode(), "name": "Gesicht “ä”"}
).encode()
"""Two thirds of a megabyte: masks make records large."""


@pytest.fixture
def stage(gimp: Gimp) -> HostStage:
    return HostStage(gimp)


def test_a_record_is_kept_with_its_layer_and_deleted(stage: HostStage) -> None:
    layer = stage.layer(colours(16, 16))
    assert stage.gimp.run("source(arguments[0]).load_record()", layer) == b""
    stage.gimp.run("source(*arguments[:1]).save_record(arguments[1])", layer, RECORD)
    assert stage.gimp.run("source(arguments[0]).load_record()", layer) == RECORD
    stage.gimp.run("source(arguments[0]).save_record(b'another')", layer)
    assert stage.gimp.run("source(arguments[0]).load_record()", layer) == b"another"
    stage.gimp.run("source(arguments[0]).save_record(b'')", layer)
    assert stage.gimp.run("source(arguments[0]).load_record()", layer) == b""
    assert stage.gimp.run("item(arguments[0]).get_parasite_list()", layer) == []


def test_a_record_makes_the_picture_one_to_be_saved_and_the_same_one_does_not(stage: HostStage) -> None:
    layer = stage.layer(colours(16, 16))
    stage.gimp.run(
        """
        _source = source(arguments[0])
        _source.image.clean_all()
        _source.save_record(b"points")
        """,
        layer,
    )
    assert stage.gimp.run("_source.image.is_dirty()")
    stage.gimp.run("_source.image.clean_all()\n_source.save_record(b'points')")
    assert not stage.gimp.run("_source.image.is_dirty()")


def test_records_and_results_come_back_with_the_file(stage: HostStage) -> None:
    layer = stage.layer(colours(30, 24))
    stage.gimp.run(
        "item(arguments[0]).get_image().select_rectangle(Gimp.ChannelOps.REPLACE, 5, 6, 7, 8)", layer
    )
    file = stage.gimp.home / "kept.xcf"
    before = stage.native(layer)
    edit = colours(9, 7)
    stage.write(layer, (12, 8, 9, 7), edit, edit[..., 3])
    kept = stage.gimp.run(
        """
        source(arguments[0]).save_record(arguments[1])
        _image = item(arguments[0]).get_image()
        _file = Gio.File.new_for_path(arguments[2])
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, _image, _file, None)
        _image.delete()
        _again = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, _file)
        _layer = _again.get_layer_by_name("face")
        [_layer.get_id(), tree(_again.get_layers()), GimpSource(_again, _layer).load_record()]
        """,
        layer,
        RECORD,
        str(file),
    )
    assert kept[1:] == [[["Pull 1", [["Edit", []]]], ["face", []]], RECORD]
    assert stage.native(kept[0]) == before
    assert stage.gimp.run("list(source(arguments[0]).selection_bounds())", kept[0]) == [5, 6, 7, 8]


def test_a_record_is_no_step_of_undo(gimp_window: Gimp) -> None:
    stage = HostStage(gimp_window)
    layer = stage.layer(colours(300, 240))
    gimp_window.run("_display = Gimp.Display.new(item(arguments[0]).get_image())\nNone", layer)
    gimp_window.run("item(arguments[0]).set_name('before')", layer)
    for number in range(3):
        gimp_window.run("source(arguments[0]).save_record(b'x' * (arguments[1] + 1))", layer, number)
    width, height = gimp_window.display.size
    gimp_window.display.settle()
    gimp_window.display.click(width // 2, height // 2 + 200)
    gimp_window.display.key("ctrl+z")
    gimp_window.wait_until(f"item({layer}).get_name() == 'face'")
    assert gimp_window.run("source(arguments[0]).load_record()", layer) == b"xxx"
