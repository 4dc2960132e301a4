"""A folder of pictures becomes a training set: cut, upright, at one size; what cannot be used is named."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import PullfaceError
from backend.training.folder import Square, cut, prepare, whole_centre
from backend.training.pictures import FolderPictures


def smooth(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 / width, y * 255 / height, np.full_like(x, 90)], axis=2)
    return np.dstack([rgb, np.full((height, width), 255)]).astype(np.uint8)


def save(path: Path, rgba: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgba).save(path)


@pytest.mark.parametrize("resolution", [32, 64, 128])
@pytest.mark.parametrize("angle", [0.0, 30.0, -90.0])
def test_a_square_is_cut_upright(resolution: int, angle: float) -> None:
    """In a picture whose colours are its coordinates one can read where each pixel came from."""
    square = Square(130.0, 110.0, 64.0, angle)
    made = np.asarray(cut(smooth(256, 256), square, resolution)).astype(float)
    assert made.shape == (resolution, resolution, 3)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    for column, row in ((0.2, 0.3), (0.5, 0.5), (0.8, 0.4)):
        u, v = (column - 0.5) * 64, (row - 0.5) * 64
        # Clockwise as seen: the picture's right is turned down.
        wanted_x, wanted_y = 130 + u * cos - v * sin, 110 + u * sin + v * cos
        pixel = made[int(row * resolution), int(column * resolution)]
        tolerance = 1.5 + 64 / resolution
        assert pixel[0] + 0.5 == pytest.approx(wanted_x, abs=tolerance)
        assert pixel[1] + 0.5 == pytest.approx(wanted_y, abs=tolerance)


def test_beyond_the_border_the_picture_is_mirrored_and_transparent_is_white() -> None:
    rgba = smooth(64, 64)
    made = np.asarray(cut(rgba, Square(0, 32, 64), 64)).astype(int)
    assert np.abs(made[:, :32][:, ::-1] - made[:, 32:]).mean() < 2
    rgba[..., 3] = 0
    assert np.asarray(cut(rgba, Square(32, 32, 40), 32)).min() == 255


def test_a_folder_is_prepared_and_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    source, target = tmp_path / "mine", tmp_path / "prepared"
    save(source / "good.png", smooth(200, 150))
    save(source / "deeper/other.png", smooth(100, 100))
    save(source / "tiny.png", smooth(8, 8))
    (source / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (source / "notes.txt").write_text("hello")
    told: list[tuple[int, int]] = []
    prepared = prepare(source, target, 32, "centre", progress=lambda *n: told.append(n))
    assert told[-1] == (4, 4)
    assert len(prepared.pictures) == 2
    for path in prepared.pictures:
        with Image.open(path) as made:
            assert made.size == (32, 32)
    assert set(prepared.skipped) == {"broken.jpg", "tiny.png"}
    assert "cannot be read" in prepared.skipped["broken.jpg"]
    assert "too small: 8 of 32" in prepared.skipped["tiny.png"]


def test_what_is_prepared_stays_and_what_somebody_deleted_stays_away(tmp_path: Path) -> None:
    source, target = tmp_path / "mine", tmp_path / "prepared"
    for name in ("a.png", "b.png"):
        save(source / name, smooth(64, 64))
    looked: list[int] = []

    def finder(rgba: np.ndarray) -> list[Square]:
        looked.append(1)
        return whole_centre(rgba)

    first = prepare(source, target, 32, finder=finder)
    first.pictures[0].unlink()
    save(source / "c.png", smooth(64, 64))
    again = prepare(source, target, 32, finder=finder)
    assert len(looked) == 3
    assert len(again.pictures) == 2
    assert first.pictures[1] in again.pictures


def test_every_face_of_a_picture_is_taken_and_none_is_said(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    save(source / "two.png", smooth(128, 64))
    save(source / "wide.png", smooth(90, 64))

    def finder(rgba: np.ndarray) -> list[Square]:
        return [Square(32, 32, 40), Square(96, 32, 40, 20.0)] if rgba.shape[1] == 128 else []

    prepared = prepare(source, tmp_path / "p", 32, finder=finder)
    assert len(prepared.pictures) == 2
    assert prepared.skipped == {"wide.png": "no face was found in it"}


def test_drawn_faces_are_found_and_brought_upright(tmp_path: Path) -> None:
    """With the real face finder: a rendered face, turned and small on a canvas, comes out as it was drawn."""
    from backend.training.toon.factors import FACTORS
    from backend.training.toon.renderer import render

    factors = {name: (f.low + f.high) / 2 for name, f in FACTORS.items()}
    face = Image.fromarray(render(factors, 160).picture)
    canvas = Image.new("RGB", (420, 360), (235, 235, 230))
    canvas.paste(face, (130, 110))
    canvas.rotate(-20, resample=Image.Resampling.BICUBIC, center=(210, 190), fillcolor=(235, 235, 230)).save(
        tmp_path / "mine.png"
    )
    prepared = prepare(tmp_path, tmp_path / "out", 64)
    assert len(prepared.pictures) == 1
    with Image.open(prepared.pictures[0]) as picture:
        made = np.asarray(picture, float)
    wanted = np.asarray(face.resize((64, 64), Image.Resampling.LANCZOS), float)
    unaligned = np.asarray(canvas.resize((64, 64), Image.Resampling.LANCZOS), float)
    core = slice(16, 52)
    difference = np.abs(made - wanted)[core, core].mean()
    assert difference < 0.5 * np.abs(unaligned - wanted)[core, core].mean()


def test_an_empty_folder_and_one_without_faces_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PullfaceError) as caught:
        prepare(tmp_path, tmp_path / "p", 32)
    assert caught.value.code == "no_pictures"
    save(tmp_path / "a.png", smooth(64, 64))
    with pytest.raises(PullfaceError, match="can be used") as caught:
        prepare(tmp_path, tmp_path / "p", 32, finder=lambda rgba: [])
    assert "no face was found" in caught.value.hint


def test_an_epoch_shows_every_picture_once_and_mirrored(tmp_path: Path) -> None:
    files = []
    for i in range(3):
        rgba = smooth(16, 16)
        rgba[..., 2] = 50 * i
        files.append(tmp_path / f"{i}.png")
        save(files[-1], rgba)
    pictures = FolderPictures(files, 16, seed=1)
    assert len(pictures) == 6
    epoch = pictures.batch(0, 6)
    seen = {(int(p[2, 0, 0]), bool(p[0, 0, 0] > p[0, 0, 15])) for p in epoch}
    assert len(seen) == 6
    following = pictures.batch(6, 6)
    assert not np.array_equal(epoch.numpy(), following.numpy())
    again = FolderPictures(files, 16, seed=1)
    assert np.array_equal(again.batch(4, 4).numpy(), pictures.batch(4, 4).numpy())
    assert len(FolderPictures(files, 16, mirror=False)) == 3


def test_a_prepared_picture_that_went_bad_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no")
    with pytest.raises(PullfaceError, match=r"x\.png"):
        FolderPictures([tmp_path / "x.png"], 16).batch(0, 1)
