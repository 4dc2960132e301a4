from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageCms

from backend import openraster
from backend.openraster import Layer


def random_pixels(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)


def read_png(archive: zipfile.ZipFile, name: str) -> Image.Image:
    return Image.open(io.BytesIO(archive.read(name)))


def test_read_back(tmp_path: Path) -> None:
    path = tmp_path / "picture.ora"
    source, edit = random_pixels(40, 60, 1), random_pixels(10, 12, 2)
    layers = [Layer("mask & more", edit, -3, 5, visible=False, opacity=0.5), Layer("source", source)]
    openraster.write(path, layers, source)

    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype") == b"image/openraster"
        image = ElementTree.fromstring(archive.read("stack.xml"))
        assert (image.tag, image.get("w"), image.get("h")) == ("image", "60", "40")
        assert image.get("version", "").startswith("0.0.")
        top, bottom = image.findall("./stack/layer")
        assert top.attrib == {
            "name": "mask & more",
            "src": "data/layer0.png",
            "x": "-3",
            "y": "5",
            "opacity": "0.5",
            "visibility": "hidden",
            "composite-op": "svg:src-over",
        }
        assert (bottom.get("name"), bottom.get("visibility"), bottom.get("x")) == ("source", "visible", "0")
        for element, pixels in ((top, edit), (bottom, source)):
            stored = read_png(archive, element.get("src", ""))
            assert stored.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(stored), pixels)
        np.testing.assert_array_equal(np.asarray(read_png(archive, "mergedimage.png")), source)
        thumbnail = read_png(archive, "Thumbnails/thumbnail.png")
        assert thumbnail.size == (60, 40)

    # File type detection looks at fixed places: the name at 30, the type at 38.
    head = path.read_bytes()[:54]
    assert head[30:38] == b"mimetype"
    assert head[38:54] == b"image/openraster"


def test_thumbnail_keeps_to_256_pixels(tmp_path: Path) -> None:
    pixels = random_pixels(300, 600, 3)
    openraster.write(tmp_path / "large.ora", [Layer("source", pixels)], pixels)
    with zipfile.ZipFile(tmp_path / "large.ora") as archive:
        assert read_png(archive, "Thumbnails/thumbnail.png").size == (256, 128)


def test_equal_pictures_give_equal_files_with_their_profile(tmp_path: Path) -> None:
    pixels = random_pixels(20, 20, 4)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name in ("one.ora", "two.ora"):
        openraster.write(tmp_path / name, [Layer("source", pixels)], pixels, profile)
    assert (tmp_path / "one.ora").read_bytes() == (tmp_path / "two.ora").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.ora") as archive:
        assert read_png(archive, "data/layer0.png").info["icc_profile"] == profile


@pytest.mark.parametrize(
    "layers",
    [[], [Layer("grey", np.zeros((5, 5), np.uint8))], [Layer("float", np.zeros((5, 5, 4), np.float32))]],
)
def test_refuses_what_is_no_layer_and_leaves_nothing(tmp_path: Path, layers: list[Layer]) -> None:
    with pytest.raises(ValueError, match="needs at least one layer|must be uint8"):
        openraster.write(tmp_path / "no.ora", layers, random_pixels(5, 5, 5))
    assert list(tmp_path.iterdir()) == []
