from __future__ import annotations

import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from backend.commands.edit import layers
from backend.commands.pictures import eight_bits, read_mask, read_picture, write_picture
from backend.commands.remote import Edit
from backend.errors import PullfaceError

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def deep_png(path: Path, values: np.ndarray) -> None:
    """A 16-bit RGB PNG, which Pillow cannot write."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
    ]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, content in [*chunks, (b"IEND", b"")]:
            file.write(struct.pack(">I", len(content)) + name + content)
            file.write(struct.pack(">I", zlib.crc32(name + content)))


def test_round_trip_is_exact_and_keeps_the_profile(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(rgb).save(tmp_path / "in.png", icc_profile=SRGB)
    picture = read_picture(tmp_path / "in.png")
    assert (picture.has_alpha, picture.icc_profile, picture.notices) == (False, SRGB, ())
    write_picture(tmp_path / "new/out.png", picture.rgba, picture.has_alpha, picture.icc_profile)
    with Image.open(tmp_path / "new/out.png") as stored:
        assert (stored.mode, stored.info["icc_profile"]) == ("RGB", SRGB)
        np.testing.assert_array_equal(np.asarray(stored), rgb)


def test_alpha_is_kept_with_the_colours_under_it(tmp_path: Path, rgb: np.ndarray) -> None:
    rgba = np.dstack([rgb, np.arange(24 * 32, dtype=np.uint8).reshape(24, 32)])
    Image.fromarray(rgba).save(tmp_path / "in.png")
    picture = read_picture(tmp_path / "in.png")
    assert picture.has_alpha
    write_picture(tmp_path / "out.png", picture.rgba, picture.has_alpha)
    with Image.open(tmp_path / "out.png") as stored:
        np.testing.assert_array_equal(np.asarray(stored), rgba)


def test_exif_orientation_turns_the_picture_upright(tmp_path: Path, rgb: np.ndarray) -> None:
    image = Image.fromarray(rgb)
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    image.save(tmp_path / "in.png", exif=exif)
    picture = read_picture(tmp_path / "in.png")
    np.testing.assert_array_equal(picture.rgba[..., :3], np.rot90(rgb, -1))


def test_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 10, 20))
    image.save(tmp_path / "in.png", transparency=0)
    picture = read_picture(tmp_path / "in.png")
    assert picture.has_alpha
    assert picture.rgba[5, 5, 3] == 0
    assert picture.rgba[5, 15].tolist() == [0, 0, 255, 255]


def test_sixteen_bits_of_grey_are_kept(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32896, 65535]] * 4, dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "in.png")
    picture = read_picture(tmp_path / "in.png")
    assert picture.rgba.dtype == np.uint16
    assert picture.rgba[0, :, 0].tolist() == [0, 257, 32896, 65535]
    assert (picture.rgba[..., 3] == 65535).all()
    assert not picture.has_alpha


DEEP = np.random.default_rng(3).integers(0, 65536, (37, 29, 4), dtype=np.uint16)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.tif", {}),
        ("packed.tif", {"compression": "zlib", "predictor": True}),
        ("large-end-first.tif", {"byteorder": ">"}),
        ("tiles.tif", {"tile": (16, 16), "byteorder": ">", "compression": "zlib"}),
        ("ours.png", None),
        ("ours.tif", None),
    ],
)
def test_sixteen_bits_of_colour_are_kept(
    tmp_path: Path, name: str, options: dict[str, object] | None, channels: int
) -> None:
    values = np.ascontiguousarray(DEEP[..., :channels])
    if options is None:
        rgba = values if channels == 4 else np.dstack([values, np.full((37, 29), 65535, np.uint16)])
        write_picture(tmp_path / name, rgba, channels == 4, SRGB)
    else:
        extra = ["unassalpha"] if channels == 4 else None
        tifffile.imwrite(tmp_path / name, values, photometric="rgb", extrasamples=extra, **options)
    picture = read_picture(tmp_path / name)
    assert picture.rgba.dtype == np.uint16
    np.testing.assert_array_equal(picture.rgba[..., :channels], values)
    assert picture.has_alpha == (channels == 4)
    assert picture.notices == ()
    if options is None:
        assert picture.icc_profile == SRGB


def test_sixteen_bits_of_another_programs_png(tmp_path: Path) -> None:
    deep_png(tmp_path / "in.png", DEEP[..., :3])
    np.testing.assert_array_equal(read_picture(tmp_path / "in.png").rgba[..., :3], DEEP[..., :3])


def test_sixteen_bits_of_a_turned_camera(tmp_path: Path) -> None:
    tag = [(0x0112, "H", 1, 6, True)]
    tifffile.imwrite(tmp_path / "in.tif", DEEP[..., :3], photometric="rgb", extratags=tag)
    picture = read_picture(tmp_path / "in.tif")
    np.testing.assert_array_equal(picture.rgba[..., :3], np.rot90(DEEP[..., :3], -1))


def test_floats_are_kept(tmp_path: Path) -> None:
    values = np.linspace(-0.5, 3.0, 20 * 18 * 4, dtype=np.float32).reshape(20, 18, 4)
    write_picture(tmp_path / "in.tif", values, has_alpha=True)
    picture = read_picture(tmp_path / "in.tif")
    np.testing.assert_array_equal(picture.rgba, values)
    assert "linear" in picture.notices[0]
    write_picture(tmp_path / "out.png", values, has_alpha=False)
    written = read_picture(tmp_path / "out.png").rgba
    assert written.dtype == np.uint16
    np.testing.assert_allclose(written[..., :3] / 65535, values[..., :3].clip(0, 1), atol=1e-5)


def test_damaged_deep_files_are_said(tmp_path: Path) -> None:
    write_picture(tmp_path / "whole.png", DEEP, has_alpha=True)
    write_picture(tmp_path / "whole.tif", DEEP.astype(np.float32), has_alpha=True)
    for name in ("whole.png", "whole.tif"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(PullfaceError) as caught:
            read_picture(tmp_path / name)
        assert caught.value.code == "unreadable"


def test_eight_bits_of_deeper_pixels() -> None:
    values = np.array([[[0, 128, 129, 65535]]], dtype=np.uint16)
    assert eight_bits(values).tolist() == [[[0, 0, 1, 255]]]
    assert eight_bits(np.float32([[[-1, 0.5, np.nan, 7]]])).tolist() == [[[0, 128, 0, 255]]]


def test_cmyk_becomes_srgb_with_a_word(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "in.jpg", quality=100)
    picture = read_picture(tmp_path / "in.jpg")
    red, green, blue, alpha = picture.rgba[8, 8].tolist()
    assert red > 200
    assert max(green, blue) < 60
    assert alpha == 255
    assert picture.icc_profile is None
    assert "CMYK" in picture.notices[0]


def test_only_the_first_frame_of_an_animation(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(rgb).save(
        tmp_path / "in.webp", save_all=True, append_images=[Image.new("RGB", (32, 24))], lossless=True
    )
    picture = read_picture(tmp_path / "in.webp")
    np.testing.assert_array_equal(picture.rgba[..., :3], rgb)
    assert "first frame" in picture.notices[0]


def damaged(path: Path) -> None:
    Image.new("RGB", (64, 64), (9, 80, 7)).save(path.with_suffix(".whole.png"))
    path.write_bytes(path.with_suffix(".whole.png").read_bytes()[:60])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "There is no file"),
        (lambda path: path.write_text("not a picture"), "not a picture"),
        (lambda path: path.mkdir(), "cannot be read"),
        (damaged, "damaged"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path, make: object, words: str) -> None:
    path = tmp_path / "in.png"
    make(path)  # type: ignore[operator]
    with pytest.raises(PullfaceError, match=words) as caught:
        read_picture(path)
    assert caught.value.code == "unreadable"
    assert caught.value.hint


def test_mask_white_may_move(tmp_path: Path) -> None:
    mask = np.zeros((24, 32), np.uint8)
    mask[4:9, 5:20] = 255
    mask[9, 5:20] = 100
    Image.fromarray(mask).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "grey.png", 32, 24), mask)
    painted = np.dstack([np.full((24, 32, 3), 255, np.uint8), mask])  # white paint on a transparent layer
    Image.fromarray(painted).save(tmp_path / "painted.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "painted.png", 32, 24), mask)


def test_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    Image.new("L", (10, 10)).save(tmp_path / "mask.png")
    with pytest.raises(PullfaceError, match="10 × 10 pixels, the picture 32 × 24") as caught:
        read_mask(tmp_path / "mask.png", 32, 24)
    assert caught.value.code == "wrong_mask_size"


def test_unwritable_is_said_and_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PullfaceError, match="cannot be written"):
        write_picture(tmp_path / "folder.png", np.zeros((4, 4, 4), np.uint8), has_alpha=True)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
    assert stat.S_ISDIR((tmp_path / "folder.png").stat().st_mode)


def test_where_the_source_is_see_through_the_edit_holds_everything_and_the_source_is_hidden() -> None:
    """A line on a transparent layer that moved: laid over its source it would be there twice."""
    source = np.zeros((8, 9, 4), np.uint8)
    source[2, 1:8] = (10, 20, 30, 255)
    moved = np.roll(source, 3, axis=0)
    changed = np.where((moved != source).any(axis=2), 255, 0).astype(np.uint8)
    mask, edit, below = layers(source, Edit(moved, changed, (1, 2, 7, 4)))
    assert (mask.visible, edit.visible, below.visible) == (False, True, False)
    np.testing.assert_array_equal(edit.pixels, moved)
    np.testing.assert_array_equal(below.pixels, source)
    solid = source.copy()
    solid[..., 3] = 255
    after = np.roll(solid, 3, axis=0)
    _, edit, below = layers(solid, Edit(after, changed, (1, 2, 7, 4)))
    assert below.visible
    assert (edit.x, edit.y, edit.pixels.shape) == (1, 2, (4, 7, 4))
