"""The Krita boundary in a real Krita: what is read, in which colours, and what is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from .driver import Krita
from .host_stage import (
    SRGB,
    as_pixels,
    colours,
    edit_pixels,
    prepared,
    with_picture,
)


class Space(NamedTuple):
    """A colour space and how exactly sRGB colours come back from it, in 1/255."""

    model: str
    depth: str
    profile: str
    bound: int


# 8-bit layers of other profiles cannot hold every sRGB colour: what they hold comes back unchanged (see the test).
SPACES = [
    Space("RGBA", "U8", SRGB, 0),
    Space("RGBA", "U16", SRGB, 0),
    Space("RGBA", "U16", "ClayRGB-elle-V2-g22.icc", 1),
    Space("RGBA", "U16", "sRGB-elle-V2-g10.icc", 1),
    Space("RGBA", "F16", "sRGB-elle-V2-g10.icc", 1),
    Space("RGBA", "F32", "sRGB-elle-V2-g10.icc", 0),
    Space("RGBA", "F32", "ACEScg-elle-V4-g10.icc", 1),
    Space("RGBA", "F32", "ClayRGB-elle-V2-g22.icc", 1),
]


@pytest.fixture
def stage(krita: Krita) -> Iterator[Krita]:
    """Krita with the helpers of ``host_stage.py``."""
    yield from prepared(krita)


# Reading


def test_reads_a_layer_that_hangs_over_the_canvas(stage: Krita) -> None:
    picture = colours(70, 50, alpha=None)
    with_picture(stage, picture, x=-30, y=210)
    assert stage.run("list(source().bounds())") == [-30, 210, 70, 50]
    data, digest = stage.call("read", "source", -40, 205, 90, 60)
    got = as_pixels(data, 90, 60)
    assert np.array_equal(got[5:55, 10:80], picture)
    got = got.copy()
    got[5:55, 10:80] = 0
    assert not got.any()
    assert stage.call("read", "source", -40, 205, 90, 60)[1] == digest
    assert stage.call("read", "source", -40, 205, 90, 59)[1] != digest
    stage.run("named('source').setPixelData(QtCore.QByteArray(bytes([1, 2, 3, 4])), 0, 220, 1, 1)")
    assert stage.call("read", "source", -40, 205, 90, 60)[1] != digest


@pytest.mark.parametrize("space", SPACES, ids=lambda space: "-".join(map(str, space[:3])))
def test_colours_survive_both_ways(stage: Krita, space: Space) -> None:
    picture = colours(96, 64)
    with_picture(stage, picture, model=space.model, depth=space.depth, profile=space.profile)
    assert stage.run("[document().colorDepth(), document().colorProfile()]") == [space.depth, space.profile]
    before = stage.call("own", "source", 0, 0, 96, 64)
    read = as_pixels(stage.call("read", "source", 0, 0, 96, 64)[0], 96, 64)
    assert np.abs(read.astype(int) - picture).max() <= space.bound

    # What was read, written back as an edit, has to look like the source.
    edit = read.copy()
    edit[:, 48:] = 0
    stage.call("write", "source", "Pull", [0, 0, 96, 64], edit.tobytes(), True)
    assert stage.run("scratch.format_of(named('Edit')) == scratch.format_of(document())")
    again = as_pixels(stage.call("read", "Edit", 0, 0, 96, 64)[0], 96, 64)
    assert np.abs(again[:, :48].astype(int) - read[:, :48]).max() <= space.bound
    assert not again[:, 48:].any()
    seen = as_pixels(stage.call("read", "source", 0, 0, 96, 64)[0], 96, 64)
    assert np.array_equal(seen, read)
    assert stage.call("own", "source", 0, 0, 96, 64) == before


def test_eight_bits_of_another_profile_come_back_as_they_were(stage: Krita) -> None:
    with_picture(stage, colours(96, 64), profile="ClayRGB-elle-V2-g22.icc")
    before = np.frombuffer(stage.call("own", "source", 0, 0, 96, 64), np.uint8)
    read = stage.call("read", "source", 0, 0, 96, 64)[0]
    stage.call("write", "source", "Pull", [0, 0, 96, 64], read, True)
    after = np.frombuffer(stage.call("own", "Edit", 0, 0, 96, 64), np.uint8)
    assert np.abs(after.astype(int) - before).max() <= 1


@pytest.mark.parametrize(
    ("depth", "profile"),
    [
        ("U8", "Gray-D50-elle-V2-srgbtrc.icc"),
        ("U16", "Gray-D50-elle-V2-g22.icc"),
        ("F32", "Gray-D50-elle-V2-g10.icc"),
    ],
)
def test_gray_stays_gray(stage: Krita, depth: str, profile: str) -> None:
    ramp = np.zeros((16, 256, 4), np.uint8)
    ramp[..., :3] = np.arange(256, dtype=np.uint8)[None, :, None]
    ramp[..., 3] = 255
    with_picture(stage, ramp, model="GRAYA", depth=depth, profile=profile)
    read = as_pixels(stage.call("read", "source", 0, 0, 256, 16)[0], 256, 16)
    assert np.abs(read.astype(int) - ramp).max() <= 1
    stage.call("write", "source", "Pull", [0, 0, 256, 16], read.tobytes(), True)
    assert stage.run("named('Edit').colorModel()") == "GRAYA"
    again = as_pixels(stage.call("read", "Edit", 0, 0, 256, 16)[0], 256, 16)
    assert np.abs(again.astype(int) - read).max() <= 1


def test_a_layer_of_another_colour_space_than_its_document(stage: Krita) -> None:
    picture = colours(64, 48)
    with_picture(stage, picture, depth="U16", profile="ClayRGB-elle-V2-g22.icc")
    stage.run("named('source').setColorSpace('RGBA', 'F32', 'sRGB-elle-V2-g10.icc')")
    read = as_pixels(stage.call("read", "source", 0, 0, 64, 48)[0], 64, 48)
    assert np.abs(read.astype(int) - picture).max() <= 1
    edit = np.full((48, 64, 4), (200, 30, 90, 255), np.uint8)
    stage.call("write", "source", "Pull", [0, 0, 64, 48], edit.tobytes(), True)
    assert stage.run("named('Edit').colorDepth()") == "U16"
    again = as_pixels(stage.call("read", "Pull", 0, 0, 64, 48)[0], 64, 48)
    assert np.abs(again.astype(int) - edit).max() <= 1


def test_reads_groups_and_vector_layers(stage: Krita) -> None:
    stage.new_document(200, 150)
    stage.run(
        """
        group = add_layer("group", b"", 0, 0, 0, 0, "grouplayer")
        add_layer("low", bytes([10, 20, 30, 255]) * 100, 20, 30, 10, 10, parent=group)
        add_layer("high", bytes([90, 80, 70, 255]) * 25, 25, 35, 5, 5, parent=group)
        vector = document().createVectorLayer("vector")
        document().rootNode().addChildNode(vector, None)
        vector.addShapesFromSvg('<svg xmlns="http://www.w3.org/2000/svg" width="48pt" height="36pt" '
            'viewBox="0 0 48 36"><rect x="12" y="12" width="12" height="12" fill="#00ff00"/></svg>')
        document().refreshProjection()
        document().waitForDone()
        """
    )
    assert stage.run("list(source('group').bounds())") == [20, 30, 10, 10]
    group = as_pixels(stage.call("read", "group", 20, 30, 10, 10)[0], 10, 10)
    assert group[0, 0].tolist() == [30, 20, 10, 255]
    assert group[7, 7].tolist() == [70, 80, 90, 255]
    stage.wait_until("source('vector').bounds().width > 0")  # Krita renders shapes in the background
    x, y, width, height = stage.run("list(source('vector').bounds())")
    assert width >= 40
    assert height >= 40
    vector = as_pixels(stage.call("read", "vector", x, y, width, height)[0], width, height)
    assert vector[height // 2, width // 2].tolist() == [0, 255, 0, 255]


def test_reads_a_file_layer(stage: Krita, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 100, 50)).save(tmp_path / "picture.png")
    stage.new_document(100, 80)
    stage.save_document(tmp_path / "plain.kra")
    stage.close_documents()
    # Krita 5.1 cannot make a file layer from Python: it crashes.
    layer = (
        '<layers><layer nodetype="filelayer" name="file" filename="layer99" source="picture.png" scalingmethod="0" '
        'scale="false" scalingfilter="Bicubic" colorspacename="RGBA" x="0" y="0" visible="1" locked="0" collapsed="0" '
        'opacity="255" compositeop="normal" channelflags="" colorlabel="0" intimeline="0" '
        'uuid="{5a8f3c52-0c35-4b0e-9f39-1d3c1a6e7b12}"/>'
    )
    with (
        zipfile.ZipFile(tmp_path / "plain.kra") as plain,
        zipfile.ZipFile(tmp_path / "file.kra", "w") as file,
    ):
        for name in plain.namelist():
            data = plain.read(name)
            if name == "maindoc.xml":
                data = data.replace(b"<layers>", layer.encode(), 1)
            file.writestr(name, data)
    stage.open_document(tmp_path / "file.kra")
    assert stage.run("named('file').type()") == "filelayer"
    stage.wait_until("not source('file').bounds().empty")
    read = as_pixels(stage.call("read", "file", 0, 0, 40, 30)[0], 40, 30)
    assert read[10, 10].tolist() == [200, 100, 50, 255]
    stage.call("write", "file", "Pull", [0, 0, 60, 40], edit_pixels(60, 40).tobytes(), True)
    assert stage.run("[node.name() for node in document().rootNode().childNodes()]")[-2:] == ["file", "Pull"]


# Refusing


def test_says_which_layers_cannot_be_pulled(stage: Krita) -> None:
    with_picture(stage, colours(40, 40))
    stage.run(
        """
        for name, kind in (("mask", "filtermask"), ("filter", "filterlayer"), ("fill", "filllayer"),
                           ("clone", "clonelayer"), ("group", "grouplayer")):
            if kind == "clonelayer":
                node = document().createCloneLayer(name, named("source"))
            elif kind == "filtermask":
                node = document().createFilterMask(name, app.filter("blur"), Selection())
            elif kind == "filterlayer":
                node = document().createFilterLayer(name, app.filter("blur"), Selection())
            elif kind == "filllayer":
                from krita import InfoObject
                node = document().createFillLayer(name, "color", InfoObject(), Selection())
            else:
                node = document().createNode(name, kind)
            (named("source") if kind == "filtermask" else document().rootNode()).addChildNode(node, None)
        named("group").setPassThroughMode(True)
        document().waitForDone()
        """
    )
    for name, words in [
        ("mask", "is a mask"),
        ("filter", "filter or fill layer"),
        ("fill", "filter or fill layer"),
        ("clone", "is a clone"),
        ("group", "pass-through"),
    ]:
        code, message, hint = stage.run("refusal(source(arguments[0]).check)", name)
        assert code == "bad_layer"
        assert f"“{name}”" in message
        assert words in message
        assert hint.endswith(".")
    assert stage.run("refusal(source().check)") is None
    stage.run("named('source').setLocked(True)")
    assert stage.run("refusal(source().check)") is None, "a locked layer is only read"
    stage.run("named('source').setVisible(False)")
    assert "hidden" in stage.run("refusal(source().check)")[1]


def test_a_deleted_layer_and_a_closed_document(stage: Krita) -> None:
    with_picture(stage, colours(40, 40))
    stage.run("kept = source()\nkept_node = named('source')")
    assert stage.run("kept.exists()")
    stage.run("named('source').remove()\ndocument().waitForDone()")
    assert not stage.run("kept.exists()")
    code, message, hint = stage.run("refusal(kept.bounds)")
    assert (code, message) == ("no_layer", "The layer “source” has been deleted.")
    assert "Undo" in hint
    stage.run("trigger('edit_undo')")
    assert stage.run("kept.exists()")
    stage.run("half = kept.read(Rect(0, 0, 400, 400))\nnext(half)")
    stage.close_documents()
    assert not stage.run("kept.exists()")
    assert stage.run("refusal(lambda: finish(half))")[0] == "no_document"
    assert stage.run("refusal(lambda: kept.save_record(b'1'))")[0] == "no_document"
