"""The face finder with its shipped weights, on characters of the renderer placed where it is hard."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import skia
import torch
from numpy.typing import NDArray

from backend.detection import FoundFace, find_faces
from backend.detection.network import WEIGHTS, FaceNetwork, folded_state, read_network
from backend.detection.squares import corners, keep_best, overlap
from backend.errors import PullfaceError
from backend.training.face_scenes import Sprite, Square, make_sprite
from backend.training.face_styles import line_art
from backend.training.toon.factors import FACTORS, Z_DIM, factors_from_latent


def sprites(count: int) -> list[Sprite]:
    """The plainest character of all, then random ones."""
    plain = {name: (factor.low + factor.high) / 2 for name, factor in FACTORS.items()}
    rng = np.random.default_rng(4)
    others = [factors_from_latent(rng.standard_normal(Z_DIM)) for _ in range(count - 1)]
    return [make_sprite(p) for p in [plain, *others]]


def canvas_with(
    placed: list[tuple[Sprite, Square]], width: int, height: int, color: int = skia.ColorWHITE
) -> NDArray[np.uint8]:
    surface = skia.Surface(width, height)
    canvas = surface.getCanvas()
    canvas.clear(color)
    for sprite, square in placed:
        canvas.save()
        canvas.translate(square.x, square.y)
        canvas.rotate(square.angle - sprite.square.angle)
        scale = square.side / sprite.square.side
        canvas.scale(scale, scale)
        canvas.translate(-sprite.square.x, -sprite.square.y)
        canvas.drawImage(
            sprite.picture, 0, 0, skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
        )
        canvas.restore()
    kind = skia.AlphaType.kUnpremul_AlphaType
    info = skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, kind)
    pixels = np.zeros((height, width, 4), np.uint8)
    assert surface.readPixels(info, pixels)
    return pixels


def assert_found(found: list[FoundFace], square: Square, centre: float = 0.12) -> None:
    """One of the faces found is at the square."""
    for face in found:
        near = math.hypot(face.x - square.x, face.y - square.y) < centre * square.side
        turn = (face.angle - square.angle + 180) % 360 - 180
        if near and 0.75 < face.size / square.side < 1.33 and abs(turn) < 15:
            return
    raise AssertionError(f"{square} is not among {found}")


@pytest.mark.parametrize("angle", [0, 30, -30, 60, -60])
def test_finds_a_turned_face(angle: float) -> None:
    square = Square(260, 190, 220, angle)
    found = find_faces(canvas_with([(sprites(1)[0], square)], 512, 400, skia.ColorLTGRAY))
    assert len(found) == 1
    assert_found(found, square)


def test_finds_most_random_faces() -> None:
    square = Square(150, 200, 180, 15)
    hits = 0
    for sprite in sprites(9)[1:]:
        found = find_faces(canvas_with([(sprite, square)], 400, 420))
        try:
            assert_found(found, square)
        except AssertionError:
            continue
        hits += 1
    assert hits >= 7


def test_finds_a_small_face_in_a_large_canvas() -> None:
    square = Square(2400, 700, 90, 10)
    painting = canvas_with([(sprites(1)[0], square)], 3000, 2000, skia.ColorLTGRAY)
    assert_found(find_faces(painting), square)


def test_finds_a_face_cut_by_the_border() -> None:
    square = Square(15, 200, 260, 0)
    found = find_faces(canvas_with([(sprites(1)[0], square)], 500, 400, skia.ColorLTGRAY))
    assert_found(found, square, centre=0.2)


def test_finds_two_faces_best_first() -> None:
    a, b = sprites(2)
    left, right = Square(150, 160, 200, -20), Square(420, 240, 150, 25)
    found = find_faces(canvas_with([(a, left), (b, right)], 560, 400))
    assert len(found) == 2
    assert_found(found, left)
    assert_found(found, right)
    assert found[0].score >= found[1].score


def test_finds_gray_line_art_on_transparency() -> None:
    square = Square(700, 500, 300, 12)
    flat = canvas_with([(sprites(1)[0], square)], 1200, 900)
    torch.manual_seed(0)
    x = torch.from_numpy(flat[..., :3].astype(np.float32) / 255).permute(2, 0, 1)[None]
    lines = line_art(x)[0].mean(dim=0).clamp(0, 1).numpy()
    rgba = np.zeros_like(flat)
    rgba[..., :3] = 30
    rgba[..., 3] = ((1 - lines) * 255).round()
    assert_found(find_faces(rgba), square)


def test_finds_a_character_on_transparency() -> None:
    square = Square(1500, 300, 200, -15)
    found = find_faces(canvas_with([(sprites(1)[0], square)], 2000, 1000, skia.ColorTRANSPARENT))
    assert len(found) == 1
    assert_found(found, square)


def test_finds_nothing_where_there_is_no_face() -> None:
    rng = np.random.default_rng(2)
    ys, xs = np.mgrid[:300, :400]
    rings = (np.sin(np.hypot(xs - 200, ys - 150) / 6) * 127 + 128).astype(np.uint8)
    noise = rng.integers(0, 256, (300, 400), dtype=np.uint8)
    for gray in (rings, noise, np.full((300, 400), 190, np.uint8)):
        assert find_faces(np.dstack([gray] * 3 + [np.full_like(gray, 255)])) == []


def test_an_empty_layer_has_no_faces() -> None:
    assert find_faces(np.zeros((64, 4000, 4), np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1), (5, 900), (40, 40)])
def test_takes_any_size(shape: tuple[int, int]) -> None:
    assert find_faces(np.full((*shape, 4), 255, np.uint8)) == []


def test_refuses_other_arrays() -> None:
    with pytest.raises(ValueError, match="uint8"):
        find_faces(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        find_faces(np.zeros((10, 10, 4), np.float32))  # type: ignore[arg-type]


def test_damaged_weights_are_a_plain_error(tmp_path: Path) -> None:
    broken = tmp_path / "faces.safetensors"
    broken.write_bytes(WEIGHTS.read_bytes()[:5000])
    with pytest.raises(PullfaceError):
        read_network(broken)


def test_the_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 2 * 1024**2


def test_folding_keeps_the_function() -> None:
    torch.manual_seed(1)
    network = FaceNetwork(widths=(8, 8, 16, 16, 16), depths=(1, 1, 1, 1))
    network(torch.randn(4, 3, 64, 64))  # the statistics of the normalisation
    network.eval()
    folded = FaceNetwork(widths=(8, 8, 16, 16, 16), depths=(1, 1, 1, 1), folded=True).eval()
    folded.load_state_dict(folded_state(network))
    x = torch.randn(1, 3, 64, 96)
    assert torch.allclose(network(x), folded(x), atol=1e-4)


def test_overlap_and_suppression() -> None:
    face = FoundFace(100, 100, 100, 0, 0.9)
    assert overlap(face, face) == pytest.approx(1)
    assert overlap(face, face._replace(x=130)) == pytest.approx(0.5)
    assert overlap(face, face._replace(x=161)) == 0
    octagon = 2 * (math.sqrt(2) - 1)  # what a square shares with itself turned by 45 degrees
    assert overlap(face, face._replace(angle=45)) == pytest.approx(octagon)
    beside = face._replace(x=170, score=0.95)
    assert keep_best([face, face._replace(x=110, score=0.5), beside], 10) == [beside, face]
    x, y = corners(face._replace(angle=90))[0]  # the upright top left is now at the top right
    assert (x, y) == pytest.approx((150, 50))
