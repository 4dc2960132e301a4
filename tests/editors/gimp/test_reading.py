"""What a pull reads of GIMP's layers, selections and paths."""

from __future__ import annotations

import numpy as np
import pytest

from .driver import Gimp
from .host_stage import PRECISIONS, HostStage, colours


@pytest.fixture
def stage(gimp: Gimp) -> HostStage:
    return HostStage(gimp)


@pytest.mark.parametrize("gray", [False, True], ids=["rgb", "gray"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_is_read(stage: HostStage, precision: str, gray: bool) -> None:
    pixels = colours(13, 9, "float32")
    pixels[..., :3] = pixels[..., :1] if gray else pixels[..., :3]
    layer = stage.layer(pixels, (5, -3), gray=gray, precision=precision, size=(40, 30))
    assert stage.bounds(layer) == [5, -3, 13, 9]
    read = stage.read(layer)
    plain = precision in ("U8_NON_LINEAR", "U8_PERCEPTUAL")
    assert read.dtype == (np.uint8 if plain else np.float32)
    # Eight linear bits are coarse where it is dark: the first of them is 13 of sRGB's.
    tolerance = {"U8_LINEAR": 0.03, "HALF_LINEAR": 2e-3, "HALF_NON_LINEAR": 1e-3, "HALF_PERCEPTUAL": 1e-3}
    expected = np.round(pixels * 255) if plain else pixels
    assert np.abs(read - expected).max() <= (1 if plain else tolerance.get(precision, 1e-4))
    eight = stage.read(layer, eight_bits=True)
    assert eight.dtype == np.uint8
    assert np.abs(eight - pixels * 255).max() <= (8 if precision == "U8_LINEAR" else 1)


def test_lights_and_colours_beyond_the_range_are_kept(stage: HostStage) -> None:
    pixels = colours(4, 4, "float32") * np.float32(3) - np.float32(1)
    pixels[..., 3] = 1
    read = stage.read(stage.layer(pixels, precision="FLOAT_LINEAR"))
    assert np.abs(read - pixels).max() < 1e-4


def test_another_colour_profile_is_converted_to_srgb(stage: HostStage) -> None:
    layer = stage.layer(np.zeros((1, 1, 4), np.uint8), precision="FLOAT_NON_LINEAR", profile="new_rgb_adobe")
    stage.gimp.run(
        """
        import struct
        _name, _ = formats.native_format(item(arguments[0]))
        fill(item(arguments[0]), struct.pack("4f", 0.5, 0.5, 0.5, 1.0), _name)
        """,
        layer,
    )
    # Gray with Adobe's gamma: the same light on sRGB's curve.
    light = 0.5**2.19921875
    expected = 1.055 * light ** (1 / 2.4) - 0.055
    assert np.allclose(stage.read(layer)[0, 0], [expected, expected, expected, 1], atol=1e-3)


def test_outside_of_the_layer_nothing_is_there(stage: HostStage) -> None:
    pixels = colours(6, 5)
    layer = stage.layer(pixels, (2, 3))
    read = stage.read(layer, (0, 0, 10, 10))
    assert np.array_equal(read[3:8, 2:8], pixels)
    read = read.copy()
    read[3:8, 2:8] = 0
    assert not read.any()


def test_what_is_below_transparency_is_read_as_it_is(stage: HostStage) -> None:
    pixels = colours(6, 5, alpha=True)
    assert np.array_equal(stage.read(stage.layer(pixels)), pixels)


def test_mask_and_opacity_of_the_layer_do_not_count(stage: HostStage) -> None:
    pixels = colours(6, 5)
    layer = stage.layer(pixels)
    stage.gimp.run(
        """
        _layer = item(arguments[0])
        _layer.add_mask(_layer.create_mask(Gimp.AddMaskType.BLACK))
        _layer.set_opacity(30)
        """,
        layer,
    )
    assert np.array_equal(stage.read(layer), pixels)


def test_a_group_is_read_as_it_looks(stage: HostStage) -> None:
    below, above = colours(8, 6, seed=2), colours(4, 6, seed=3)
    layer = stage.layer(below, (10, 20), size=(60, 50))
    group = stage.gimp.run(
        """
        _image = item(arguments[0]).get_image()
        _group = Gimp.GroupLayer.new(_image, "group")
        _image.insert_layer(_group, None, 0)
        _image.reorder_item(item(arguments[0]), _group, 0)
        new_layer(_image, 4, 6, 14, 20, arguments[1], parent=_group)
        _group.get_id()
        """,
        layer,
        above.tobytes(),
    )
    assert stage.bounds(group) == [10, 20, 8, 6]
    expected = below.copy()
    expected[:, 4:] = above
    assert np.array_equal(stage.read(group), expected)


def test_the_digest_tells_changed_pixels_and_places(stage: HostStage) -> None:
    layer = stage.layer(colours(20, 10), size=(40, 40))
    code = "done(source(arguments[0]).read(Rect(*arguments[1]))).digest"
    first = stage.gimp.run(code, layer, [0, 0, 20, 10])
    assert stage.gimp.run(code, layer, [0, 0, 20, 10]) == first
    assert stage.gimp.run(code, layer, [0, 0, 20, 9]) != first
    stage.gimp.run("fill(item(arguments[0]), bytes(20 * 10 * 4), \"R'G'B'A u8\")", layer)
    assert stage.gimp.run(code, layer, [0, 0, 20, 10]) != first


# What may move


def movable(stage: HostStage, layer: int, options: str = "AreaOptions()") -> np.ndarray | None:
    rect = stage.bounds(layer)
    pixels = stage.gimp.run(
        f"""
        _mask = done(source(arguments[0]).movable({options}, [(Point(20, 20), Point(26, 20))],
                                                  Square(0, 0, 60), Rect(*arguments[1])))
        None if _mask is None else bytes(_mask.pixels)
        """,
        layer,
        rect,
    )
    return None if pixels is None else np.frombuffer(pixels, np.uint8).reshape(rect[3], rect[2])


def test_a_feathered_selection_is_the_mask_at_the_layers_place(stage: HostStage) -> None:
    layer = stage.layer(colours(40, 30), (7, -4), size=(60, 50))
    values = stage.gimp.run(
        """
        _image = item(arguments[0]).get_image()
        _image.select_ellipse(Gimp.ChannelOps.REPLACE, 15, 5, 20, 16)
        Gimp.Selection.feather(_image, 6)
        bytes(Gimp.Selection.value(_image, x, y) for y in range(0, 26) for x in range(7, 47))
        """,
        layer,
    )
    mask = movable(stage, layer)
    assert mask is not None
    assert np.array_equal(mask[4:30], np.frombuffer(values, np.uint8).reshape(26, 40))
    assert not mask[:4].any()
    assert len(np.unique(mask)) > 20
    assert stage.gimp.run("list(source(arguments[0]).selection_bounds())", layer)[0] < 15


def test_without_a_selection_the_area_around_the_points_may_move(stage: HostStage) -> None:
    layer = stage.layer(colours(60, 40))
    mask = movable(stage, layer)
    assert mask is not None
    assert mask[20, 20] == mask[20, 26] == 255
    assert mask[0].max() == mask[:, 0].max() == 0
    assert stage.gimp.run("source(arguments[0]).selection_bounds()", layer) is None
    assert movable(stage, layer, "AreaOptions('crop')") is None
    refused = stage.refused(
        "source(arguments[0]).movable(AreaOptions('selection'), [], Square(0, 0, 60), Rect(0, 0, 60, 40)).send(None)",
        layer,
    )
    assert refused is not None
    assert refused[0] == "empty_selection"


def test_the_area_is_grown_shrunk_and_softened(stage: HostStage) -> None:
    layer = stage.layer(colours(60, 40))
    stage.gimp.run(
        "item(arguments[0]).get_image().select_rectangle(Gimp.ChannelOps.REPLACE, 20, 10, 20, 16)", layer
    )
    sizes = {}
    for grow in (-3, 0, 4):
        mask = movable(stage, layer, f"AreaOptions('automatic', {grow})")
        assert mask is not None
        sizes[grow] = int((mask[18] > 127).sum())
    assert sizes == {-3: 14, 0: 20, 4: 28}
    soft = movable(stage, layer, "AreaOptions('automatic', 0, 6)")
    assert soft is not None
    edge = soft[18, 14:27].astype(int)
    assert (np.diff(edge) >= 0).all()
    assert len(np.unique(edge)) > 5
    assert soft[18, 30] > 200


# Points from a path


def test_each_stroke_of_a_path_is_a_pair(stage: HostStage) -> None:
    layer = stage.layer(colours(60, 40))
    stage.gimp.run(
        """
        _image = item(arguments[0]).get_image()
        _path = Gimp.Path.new(_image, "pull")
        _image.insert_path(_path, None, 0)
        for _points in ([(10.5, 11.25), (12, 8)], [(30, 20), (31, 25), (33, 29.5)]):
            _numbers = [number for x, y in _points for number in (x, y) * 3]
            _path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, _numbers, False)
        """,
        layer,
    )
    pairs = stage.gimp.run(
        "[[list(a), list(b)] for a, b in paths.selected_pairs(item(arguments[0]).get_image())]", layer
    )
    assert pairs == [[[10.5, 11.25], [12, 8]], [[30, 20], [33, 29.5]]]
    stage.gimp.run("_path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, [1.0, 1.0] * 3, False)")
    refused = stage.refused("paths.pairs_of(_path)")
    assert refused is not None
    assert refused[0] == "bad_points"
    other = stage.layer(colours(8, 8))
    refused = stage.refused("paths.selected_pairs(item(arguments[0]).get_image())", other)
    assert refused is not None
    assert refused[0] == "no_path"


# What cannot be pulled


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("layer.set_visible(False)", "hidden"),
        (
            "image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.MONO, 2, False, False, '')",
            "indexed",
        ),
        ("image.remove_layer(layer)", "deleted"),
        ("image.delete()", "closed"),
    ],
    ids=["hidden", "indexed", "deleted", "closed"],
)
def test_a_layer_that_cannot_be_pulled_is_refused_in_a_sentence(
    stage: HostStage, code: str, said: str
) -> None:
    layer = stage.layer(colours(16, 16))
    stage.gimp.run(
        f"""
        layer = item(arguments[0])
        image = layer.get_image()
        kept = GimpSource(image, layer)
        {code}
        """,
        layer,
    )
    refused = stage.refused("kept.check()")
    assert refused is not None
    assert said in refused[1]
    assert refused[2]
    there = stage.gimp.run("kept.exists()")
    assert there == (said in ("hidden", "indexed"))


def test_a_layer_in_a_hidden_group_is_refused(stage: HostStage) -> None:
    layer = stage.layer(colours(16, 16))
    stage.gimp.run(
        """
        _image = item(arguments[0]).get_image()
        _group = Gimp.GroupLayer.new(_image, "away")
        _image.insert_layer(_group, None, 0)
        _image.reorder_item(item(arguments[0]), _group, 0)
        _group.set_visible(False)
        """,
        layer,
    )
    refused = stage.refused("source(arguments[0]).check()", layer)
    assert refused is not None
    assert "“away” is hidden" in refused[1]


def test_masks_channels_and_several_layers_are_refused(stage: HostStage) -> None:
    layer = stage.layer(colours(16, 16))
    stage.gimp.run(
        """
        layer = item(arguments[0])
        image = layer.get_image()
        mask = layer.create_mask(Gimp.AddMaskType.WHITE)
        layer.add_mask(mask)
        channel = Gimp.Channel.new(image, "channel", 16, 16, 50.0, Gegl.Color.new("red"))
        image.insert_channel(channel, None, 0)
        """,
        layer,
    )
    for drawables in ("[mask]", "[channel]", "[layer, layer]", "[]"):
        refused = stage.refused(f"only_layer(image, {drawables})")
        assert refused is not None, drawables
        assert refused[0] == "bad_layer"
        assert "face" in refused[2]
    assert stage.refused("only_layer(image, [layer])") is None
