from __future__ import annotations

import numpy as np
import pytest

from backend.engine.alignment import Crop, choose_crop, content_bounds
from backend.engine.cutting import extract, extract_mask, resample_mask
from backend.errors import PullfaceError


def layer(height: int, width: int, box: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """A grey layer, opaque inside `box` (x0, y0, x1, y1) or everywhere."""
    result = np.full((height, width, 4), 120, np.uint8)
    result[..., 3] = 0 if box else 255
    if box:
        result[box[1] : box[3], box[0] : box[2], 3] = 255
    return result


def ramp(height: int, width: int, offset: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Red grows with image x, green with image y (one level a px, at pixel centres)."""
    result = np.zeros((height, width, 4), np.uint8)
    result[..., 0] = np.arange(width)[None] + offset[0]
    result[..., 1] = np.arange(height)[:, None] + offset[1]
    result[..., 3] = 255
    return result


def test_points_go_there_and_back():
    crop = Crop(-7, 33, 300)
    points = np.array([[10.5, 40.25], [292.9, 33.0]])
    inside = crop.to_crop(points, 128)
    np.testing.assert_allclose(crop.to_image(inside, 128), points)
    np.testing.assert_allclose(crop.to_crop([-7, 33], 128), [0, 0])
    np.testing.assert_allclose(crop.to_crop([293, 333], 128), [128, 128])


@pytest.mark.parametrize(("size", "resolution"), [(64, 64), (200, 64), (97, 64), (150, 128), (40, 64)])
@pytest.mark.parametrize("offset", [(0, 0), (-13, 22)])
def test_extract_keeps_every_point_in_its_place(size, resolution, offset):
    crop = Crop(offset[0] + 20, offset[1] + 31, size)
    window = ramp(240, 220, (20, 31))
    window[..., 0] -= 20
    window[..., 1] -= 31
    small = extract(window, offset, crop, resolution)
    centres = np.arange(resolution) + 0.5
    wanted = centres * size / resolution - 0.5
    inner = slice(2, -2)
    np.testing.assert_allclose(small[32, inner, 0], wanted[inner] + 20, atol=0.51)
    np.testing.assert_allclose(small[inner, 32, 1], wanted[inner] + 31, atol=0.51)


def test_extract_averages_over_the_area():
    stripes = np.zeros((90, 90, 4), np.uint8)
    stripes[::3, :, :3] = 255
    stripes[..., 3] = 255
    small = extract(stripes, (0, 0), Crop(0, 0, 90), 30)
    assert np.unique(small).tolist() == [85]
    thin = np.zeros((1000, 1000, 4), np.uint8)
    thin[..., 3] = 255
    thin[500, :, :3] = 255
    assert extract(thin, (0, 0), Crop(0, 0, 1000), 128).astype(float).sum() == pytest.approx(
        255 * 3 * 128 * 128 / 1000, rel=0.05
    )


def test_an_equal_size_is_cut_out_bit_for_bit():
    window = np.random.default_rng(0).integers(0, 256, (80, 90, 4), dtype=np.uint8)
    window[..., 3] = 255
    cut = extract(window, (5, 6), Crop(15, 10, 64), 64)
    assert np.array_equal(cut, window[4:68, 10:74, :3])


def test_transparency_stands_on_paper_and_borders_go_on():
    window = layer(40, 40, (10, 10, 30, 30))
    small = extract(window, (0, 0), Crop(0, 0, 40), 40)
    assert (small[:10] == 255).all()
    assert (small[10:30, 10:30] == 120).all()
    assert (extract(window, (0, 0), Crop(0, 0, 40), 40, background=(9, 9, 9))[:10] == 9).all()
    opaque = ramp(40, 40)
    over = extract(opaque, (0, 0), Crop(-20, -20, 80), 80)
    assert np.array_equal(over[20:60, 20:60], opaque[..., :3])
    # Mirrored first, and far outside as even as the picture is on average.
    np.testing.assert_allclose(over[40, 18:20, 0], opaque[20, 1::-1, 0], atol=2.01)
    assert over[40].astype(int)[60:62, 0].min() >= 37
    np.testing.assert_allclose(over[2, 2, :2], [19.5, 19.5], atol=4)
    shape = layer(40, 40, (0, 10, 30, 30))  # touches the left border
    over = extract(shape, (0, 0), Crop(-20, -20, 80), 80)
    assert (over[:, :10] == 255).all()
    assert (over[:14] == 255).all()


def scene(side: int, angle: float, centre: tuple[float, float], scale: float) -> np.ndarray:
    """A smooth pattern that belongs to a face `scale` px large at `centre`, tilted by `angle` degrees clockwise."""
    y, x = np.mgrid[:side, :side] + 0.5 - np.array(centre)[::-1, None, None]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    across, down = (cosine * x + sine * y) / scale, (cosine * y - sine * x) / scale
    red, green = 128 + 120 * np.sin(7 * across + 1), 128 + 120 * np.sin(5 * down + across)
    return np.dstack([red, green, np.full_like(red, 9), np.full_like(red, 255)]).round().astype(np.uint8)


@pytest.mark.parametrize("angle", [12.0, -37.5, 90.0, 180.0, 151.0])
@pytest.mark.parametrize(("size", "resolution"), [(200, 64), (100, 64), (60, 64), (160, 16)])
def test_a_turned_crop_stands_upright(angle, size, resolution):
    offset = (-31, 12)
    crop = Crop(offset[0] + 250 - size // 2, offset[1] + 240 - size // 2, size, angle)
    seen = extract(scene(500, angle, (250, 240), 90.0), offset, crop, resolution)
    straight = extract(scene(500, 0.0, (250, 240), 90.0), offset, Crop(crop.x, crop.y, size), resolution)
    assert np.abs(seen.astype(int) - straight).max() <= 3
    # And the points go where the pixels went: clockwise, as the picture is seen.
    top = crop.to_image([resolution / 2, 0], resolution)
    radians = np.radians(angle)
    np.testing.assert_allclose(
        top, np.array(crop.centre) + np.array([np.sin(radians), -np.cos(radians)]) * size / 2
    )
    points = np.array([[3.0, 9.5], [40.2, 7.0]])
    np.testing.assert_allclose(crop.to_crop(crop.to_image(points, resolution), resolution), points)


def test_a_turned_crop_averages_when_it_shrinks():
    stripes = np.zeros((900, 900, 4), np.uint8)
    stripes[::2, :, :3] = 255
    stripes[..., 3] = 255
    small = extract(stripes, (0, 0), Crop(200, 200, 500, 30.0), 40)
    assert np.abs(small.astype(int) - 127.5).max() <= 8


def test_a_turned_crop_has_a_window_that_holds_it():
    crop = Crop(10, 20, 100, 45.0)
    assert crop.cover() == Crop(-11, -1, 142)
    assert crop.window((0, 0, 300, 100)) == (0, 0, 131, 100)
    corners = crop.to_image([[0, 0], [64, 0], [64, 64], [0, 64]], 64)
    square = crop.cover()
    assert (corners >= np.array([square.x, square.y]) - 1e-6).all()
    assert (corners <= np.array([square.x, square.y]) + square.size + 1e-6).all()
    assert Crop(3, 4, 50).cover() == Crop(3, 4, 50)
    quarter = Crop(5, 7, 33, 90.0).cover()
    assert (quarter.x, quarter.y, quarter.size) == (5, 7, 33)


def test_a_turned_mask_ends_at_its_array_and_stays_in_range():
    mask = np.full((100, 100), 255, np.uint8)
    small = extract_mask(mask, (0, 0), Crop(25, 25, 50, 30.0), 32)
    np.testing.assert_allclose(small, 1, atol=1e-5)
    mask[:] = np.random.default_rng(0).integers(0, 2, (100, 100)) * 255
    small = extract_mask(mask, (0, 0), Crop(-40, -40, 90, 45.0), 32)
    assert 0 <= small.min() <= small.max() <= 1
    assert small[:8, :8].max() == 0


def test_every_depth_is_seen_alike():
    window = np.random.default_rng(1).integers(0, 256, (60, 60, 4), dtype=np.uint8)
    deep = window.astype(np.uint16) * 257
    floats = window.astype(np.float32) / np.float32(255)
    for crop in (Crop(-5, 3, 50), Crop(5, 3, 50, 20.0)):
        eight = extract(window, (0, 0), crop, 32).astype(int)
        assert np.abs(extract(deep, (0, 0), crop, 32) - eight).max() <= 1
        assert np.abs(extract(floats, (0, 0), crop, 32) - eight).max() <= 1
    floats[..., 3] = 1.0
    floats[20:40, 20:40, :3] = 9.0
    floats[0, 0] = np.nan
    seen = extract(floats, (0, 0), Crop(0, 0, 60), 60)
    assert (seen[20:40, 20:40] == 255).all()


def test_masks_end_at_their_array():
    mask = np.full((40, 40), 255, np.uint8)
    small = extract_mask(mask, (0, 0), Crop(-20, 0, 40), 20)
    assert (small[:, :10] == 0).all()
    assert (small[:, 10:] == 1).all()
    mask[:] = 0
    mask[0, 0] = 255
    assert extract_mask(mask, (0, 0), Crop(0, 0, 40), 20)[0, 0] == pytest.approx(0.25)


def test_bounds():
    coverage = np.zeros((50, 60), np.uint8)
    assert content_bounds(coverage, (0, 0)) is None
    coverage[10:20, 30:33] = 1
    assert content_bounds(coverage, (-5, 7)) == (25, 17, 28, 27)


def test_choice_from_the_layer():
    # A full painting: the square stays inside. A shape on transparency: the square holds all of it.
    assert choose_crop(layer(300, 200), (10, 20), "layer") == Crop(10, 70, 200)
    shape = layer(300, 200, (40, 30, 140, 230))
    shape[30:60, 40:90, 3] = 0
    assert choose_crop(shape, (10, 20), "layer") == Crop(0, 50, 200)
    assert choose_crop(layer(300, 200), (10, 20), [-30, 5, 400]) == Crop(-30, 5, 400)
    assert choose_crop(layer(300, 200), (10, 20), [-30, 5, 400, -12.5]) == Crop(-30, 5, 400, -12.5)


def test_choice_from_the_selection():
    selection = np.zeros((300, 200), np.uint8)
    selection[100:160, 20:120] = 200
    assert choose_crop(layer(300, 200), (10, 20), "selection", selection) == Crop(30, 100, 100)


@pytest.mark.parametrize(
    ("rgba", "request_", "selection", "code"),
    [
        (np.zeros((50, 50, 4), np.uint8), "layer", None, "empty_layer"),
        (np.zeros((1, 1, 4), np.uint8), "layer", None, "empty_layer"),
        (layer(1, 1), "layer", None, "layer_too_small"),
        (layer(1, 500), "layer", None, "layer_too_small"),
        (layer(50, 50), "selection", None, "bad_crop"),
        (layer(50, 50), "selection", np.zeros((50, 50), np.uint8), "empty_selection"),
        (layer(50, 50), "middle", None, "bad_crop"),
        (layer(50, 50), [0, 0], None, "bad_crop"),
        (layer(50, 50), [0, 0, 0], None, "bad_crop"),
        (layer(50, 50), [0, 0.5, 20], None, "bad_crop"),
        (layer(50, 50), [0, 0, 10**6], None, "bad_crop"),
        (layer(50, 50), [0, 0, 20, 181.0], None, "bad_crop"),
        (layer(50, 50), [0, 0, 20, -180], None, "bad_crop"),
        (layer(50, 50), [0, 0, 20, float("nan")], None, "bad_crop"),
        (layer(50, 50), [0, 0, 20, 1, 1], None, "bad_crop"),
        (layer(50, 50), [0, 0, 20, True], None, "bad_crop"),
        (layer(50, 50), [50, 0, 40], None, "crop_outside"),
        (layer(50, 50, (20, 20, 40, 40)), [0, 0, 18], None, "crop_outside"),
    ],
)
def test_readable_refusals(rgba, request_, selection, code):
    with pytest.raises(PullfaceError) as caught:
        choose_crop(rgba, (0, 0), request_, selection)
    assert caught.value.code == code
    assert caught.value.message.endswith(".")
    assert caught.value.hint


@pytest.mark.parametrize(("crop", "resolution"), [(Crop(-7, 4, 60), 13), (Crop(12, 9, 20), 37)])
def test_the_support_of_a_mask_and_a_part_of_it(crop, resolution):
    mask = np.random.default_rng(0).integers(0, 3, (50, 40)).astype(np.uint8)
    whole = resample_mask(mask, (3, -2), crop, resolution, (0, 0, resolution, resolution))
    binary = np.pad(np.where(mask > 0, 255, 0).astype(np.uint8), 30, mode="edge")
    rgba = np.dstack([binary] * 3 + [np.full_like(binary, 255)])
    np.testing.assert_allclose(
        whole[..., 0] * 255, extract(rgba, (-27, -32), crop, resolution)[..., 0], atol=0.51
    )
    part = resample_mask(mask, (3, -2), crop, resolution, (2, 5, 11, 9))
    assert part.shape == (4, 9, 2)
    np.testing.assert_allclose(part, whole[5:9, 2:11], atol=1e-6)
    flat = np.full_like(mask, 51)
    shares = resample_mask(flat, (3, -2), crop, resolution, (0, 0, resolution, resolution))
    np.testing.assert_allclose(shares[..., 0], 1, atol=1e-6)
    np.testing.assert_allclose(shares[..., 1], 0.2, atol=1e-6)
