from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from backend.engine import Cancelled, Crop, compositing, planes
from backend.engine.change import Change
from backend.engine.compositing import Edit
from backend.engine.cutting import extract
from backend.errors import PullfaceError

from .scene import draw, opaque, psnr

SIZE = 400
WHOLE = Crop(0, 0, SIZE)


def edit_of(window, offset, crop, before, after, mask=None, **more) -> Edit:
    return compositing.composite(window, offset, crop, Change.between(before, after), mask, **more)


def composite(window, offset, crop, before, after, mask=None) -> tuple[np.ndarray, np.ndarray]:
    """The whole window with the edit, and where it differs."""
    edit = edit_of(window, offset, crop, before, after, mask)
    x, y, width, height = edit.rect
    place = (slice(y - offset[1], y - offset[1] + height), slice(x - offset[0], x - offset[0] + width))
    edited, changed = window.copy(), np.zeros(window.shape[:2], np.uint8)
    edited[place], changed[place] = edit.pixels, edit.changed
    return edited, changed


@pytest.fixture(scope="module")
def smile():
    """The layer before, the truth after, and what a perfect model would show of both at 128 px."""
    source, truth = draw(SIZE), draw(SIZE, bend=0.035)
    return source, truth, *(extract(opaque(rgb), (0, 0), WHOLE, 128) for rgb in (source, truth))


def test_the_edit_moves_the_artists_own_lines(smile):
    source, truth, before, after = smile
    edited, changed = composite(opaque(source), (0, 0), WHOLE, before, after)
    result = edited[..., :3]
    where = np.abs(source.astype(int) - truth).max(axis=-1) > 8
    pasted = np.asarray(Image.fromarray(after).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    enlarged = pasted.astype(int) - np.asarray(
        Image.fromarray(before).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    )
    added = (source + enlarged).clip(0, 255).astype(np.uint8)
    ours = psnr(result[where], truth[where])
    assert ours > psnr(source[where], truth[where]) + 6
    # A line's ends are moved and not drawn anew, so they keep their cut: that is worth 2 or 3 dB of them.
    assert ours > psnr(pasted[where], truth[where]) - 3
    assert ours > psnr(added[where], truth[where]) + 1
    # Sharp: the darkest of the line stays as dark as the artist drew it.
    line = slice(int(0.66 * SIZE), int(0.72 * SIZE))
    assert (
        result[line, SIZE // 2].min()
        < 0.5 * pasted[line, SIZE // 2].min() + 0.5 * source[line, SIZE // 2].min() + 4
    )
    assert changed[int(0.68 * SIZE), int(0.4 * SIZE)] == 255
    assert not changed[: SIZE // 2].any()


def test_what_is_far_from_the_handles_ways_follows_less(smile):
    source = draw(SIZE)
    before, after = (extract(opaque(draw(SIZE, mouth=(0.5, y))), (0, 0), WHOLE, 128) for y in (0.68, 0.64))
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[220:310, 120:280] = 255
    corner = np.array([0.37 * SIZE, 0.68 * SIZE])
    ways = [np.array([[corner, corner - [0, 0.04 * SIZE]], [corner + [104, 0], corner + [104, -16]]])]

    def line(ways, mask) -> list[float]:
        """Where the mouth's line is at its left end and in its middle, px from the top."""
        edit = edit_of(opaque(source), (0, 0), WHOLE, before, after, mask, ways=ways)
        result = opaque(source)
        x, y, width, height = edit.rect
        result[y : y + height, x : x + width] = edit.pixels
        dark = 255 - result[230:300, :, :3].mean(axis=2)
        dark[dark < 120] = 0
        rows = np.arange(230, 300)
        return [float((dark[:, column] * rows).sum() / dark[:, column].sum()) for column in (160, 200)]

    whole, parts, head = line(None, mask), line(ways, mask), line(ways, None)
    assert abs(whole[0] - whole[1]) < 1.5
    assert abs(parts[0] - whole[0]) < 3
    assert parts[1] - parts[0] > 4  # a smile: the middle stays behind the end
    assert head == line(None, None)


def test_no_ghost_of_the_old_line_stays(smile):
    source, truth, before, after = smile
    result = composite(opaque(source), (0, 0), WHOLE, before, after)[0][..., :3]
    dark_before = source.max(axis=-1) < 120
    bright_after = truth.min(axis=-1) > 170
    left = dark_before & bright_after
    assert left.sum() > 100
    assert (result[left].max(axis=-1) > 150).mean() > 0.95


def test_the_mask_is_kept_bit_for_bit_and_softly_closed(smile):
    source, _, before, after = smile
    window = opaque(source)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[:, : SIZE // 2] = 255
    edited, changed = composite(window, (0, 0), WHOLE, before, after, mask)
    assert np.array_equal(edited[:, SIZE // 2 :], window[:, SIZE // 2 :])
    assert changed[:, : SIZE // 2].any()
    assert np.array_equal(changed > 0, (edited != window).any(axis=-1))
    full, _ = composite(window, (0, 0), WHOLE, before, after)
    # The motion dies away over a part of the inside that is as wide as it is long, twice over.
    inner = (slice(None), slice(0, SIZE // 2 - 45))
    apart = np.abs(edited[inner].astype(int) - full[inner]).max(axis=-1)
    assert apart.max() <= 25  # a sixth of a px, at the line's edges
    assert (apart > 2).mean() < 1e-3
    edge = np.abs(edited[:, SIZE // 2 - 1].astype(int) - window[:, SIZE // 2 - 1]).max()
    assert edge <= 0.25 * np.abs(full[:, SIZE // 2 - 1].astype(int) - window[:, SIZE // 2 - 1]).max()


def test_soft_and_thin_masks(smile):
    source, _, before, after = smile
    window = opaque(source)
    half = np.full((SIZE, SIZE), 128, np.uint8)
    soft = composite(window, (0, 0), WHOLE, before, after, half)[0]
    # Half as far, as the model itself would have drawn it: not the old line and the new one, both faint.
    middle = draw(SIZE, bend=0.035 * 128 / 255)
    where = np.abs(source.astype(int) - middle).max(axis=-1) > 8
    assert psnr(soft[where][:, :3], middle[where]) > psnr(source[where], middle[where]) + 4
    thin = np.zeros((SIZE, SIZE), np.uint8)
    thin[:, 160:163] = 255
    _, changed = composite(window, (0, 0), WHOLE, before, after, thin)
    assert changed[:, 161].any()
    assert not changed[:, :160].any()
    assert not changed[:, 163:].any()


@pytest.mark.parametrize("change", [{"bend": 0.035}, {"mouth": (0.5, 0.71)}, {"teeth": 0.06}])
def test_strokes_that_the_model_never_drew_stay_whole(change):
    source = draw(SIZE).copy()
    before, after = (extract(opaque(rgb), (0, 0), WHOLE, 128) for rgb in (source, draw(SIZE, **change)))
    source[int(0.615 * SIZE) : int(0.64 * SIZE), 196:204] = 20  # a mole above the mouth
    for side in (150, 250):
        source[int(0.75 * SIZE) : int(0.76 * SIZE), side - 9 : side + 9] = 20
    result = composite(opaque(source), (0, 0), WHOLE, before, after)[0][..., :3]
    for rows, columns in (((0.59, 0.665), (185, 215)), ((0.73, 0.8), (135, 165)), ((0.73, 0.8), (235, 265))):
        part = slice(int(rows[0] * SIZE), int(rows[1] * SIZE)), slice(*columns)
        dark = [(picture[part].max(axis=-1) < 70).sum() for picture in (source, result)]
        assert dark[1] > 0.6 * dark[0]


def test_no_change_means_not_one_bit(smile):
    source, _, before, _ = smile
    window = opaque(source)
    for after in (before, (before.astype(int) + 1).clip(0, 255).astype(np.uint8)):
        edited, changed = composite(window, (0, 0), WHOLE, before, after)
        assert np.array_equal(edited, window)
        assert not changed.any()


def test_what_appears_is_shown_in_the_pictures_colours():
    source, truth = draw(SIZE), draw(SIZE, teeth=0.06)
    before, after = (extract(opaque(rgb), (0, 0), WHOLE, 128) for rgb in (source, truth))
    tinted = (source * 0.8).astype(np.uint8)  # the model's colours are brighter than the artist's
    result = composite(opaque(tinted), (0, 0), WHOLE, before, after)[0][..., :3]
    spot = (int(0.73 * SIZE), SIZE // 2)
    assert truth[spot].min() > 230
    np.testing.assert_allclose(result[spot], truth[spot] * 0.8, atol=25)
    assert result[spot].astype(int).min() > tinted[spot].astype(int).min() + 25


def smeared(picture: np.ndarray, radius: float) -> np.ndarray:
    return np.array(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def test_a_models_blur_is_not_drawn_over_the_artists_lines():
    source = draw(SIZE, teeth=0.05)
    before, after = (extract(opaque(rgb), (0, 0), WHOLE, 128) for rgb in (source, draw(SIZE)))
    edited, _ = composite(opaque(source), (0, 0), WHOLE, before, smeared(after, 4.0))
    mouth = (slice(int(0.6 * SIZE), int(0.82 * SIZE)), slice(int(0.34 * SIZE), int(0.66 * SIZE)))

    def sharpness(picture: np.ndarray) -> float:
        grey = picture[mouth][..., :3].astype(float).mean(axis=-1)
        return float((np.diff(grey, axis=0) ** 2).mean())

    assert sharpness(edited) > 0.35 * sharpness(source)  # 0.54; it was 0.001


def test_a_model_that_never_drew_the_lines_is_not_trusted_to_draw_new_ones():
    seen, after = (extract(opaque(draw(SIZE, teeth=teeth)), (0, 0), WHOLE, 128) for teeth in (0.0, 0.05))
    mouth = (slice(82, 92), slice(50, 78))
    sharp = planes.trust(Change.between(seen, after), seen)
    blurred = planes.trust(Change.between(smeared(seen, 3.0), after), seen)
    assert sharp[mouth].min() > 0.9
    assert blurred[mouth].max() < 0.1


@pytest.mark.parametrize("offset", [(0, 0), (37, -12)])
def test_a_crop_over_the_border_and_windows_at_any_place(smile, offset):
    source, truth, _, _ = smile
    crop = Crop(offset[0] - 60, offset[1] + 120, 330)
    before, after = (extract(opaque(rgb), offset, crop, 128) for rgb in (source, truth))
    layer = opaque(source)
    edited, changed = composite(layer, offset, crop, before, after)
    assert edited.shape == layer.shape
    assert changed.any()
    outside = np.ones((SIZE, SIZE), bool)
    outside[120:, :270] = False
    assert np.array_equal(edited[outside], layer[outside])
    # A window that holds only the crop's part of the layer gives the same pixels.
    part = np.ascontiguousarray(layer[120:, :270])
    of_part, _ = composite(part, (offset[0], offset[1] + 120), crop, before, after)
    difference = np.abs(of_part.astype(int) - edited[120:, :270])
    assert difference.max() <= 2
    where = np.abs(source.astype(int) - truth).max(axis=-1) > 8
    where[:, 250:] = False
    assert psnr(edited[where][:, :3], truth[where]) > psnr(source[where], truth[where]) + 5


def tilted(rgb: np.ndarray, angle: float, side: int = 520) -> np.ndarray:
    """`rgb` in the middle of a larger picture, turned by `angle` degrees clockwise about its middle."""
    ground = Image.new("RGB", (side, side), (208, 190, 220))
    ground.paste(Image.fromarray(rgb), ((side - len(rgb)) // 2,) * 2)
    return np.asarray(ground.rotate(-angle, Image.Resampling.BICUBIC, fillcolor=(208, 190, 220)))


@pytest.mark.parametrize("angle", [14.0, -52.0])
def test_a_tilted_face(smile, angle):
    source, truth = (tilted(rgb, angle) for rgb in smile[:2])
    offset = (40, -9)
    crop = Crop(offset[0] + 60, offset[1] + 60, SIZE, angle)
    layer = opaque(source)
    before, after = (extract(opaque(rgb), offset, crop, 128) for rgb in (source, truth))
    assert psnr(before, smile[2]) > 35  # upright again
    edited, changed = composite(layer, offset, crop, before, after)
    where = np.abs(source.astype(int) - truth).max(axis=-1) > 8
    assert psnr(edited[where][:, :3], truth[where]) > psnr(source[where], truth[where]) + 6
    y, x = np.mgrid[: len(layer), : len(layer)] + 0.5
    places = crop.to_crop(np.dstack([x, y]) + offset, 1)
    outside = ((places < 0) | (places >= 1)).any(axis=-1)
    assert np.array_equal(edited[outside], layer[outside])
    upper = places[..., 1] < 0.5
    assert not changed[upper].any()
    mask = np.where(places[..., 0] < 0.5, 255, 0).astype(np.uint8)
    masked, _ = composite(layer, offset, crop, before, after, mask)
    assert np.array_equal(masked[mask == 0], layer[mask == 0])
    assert (masked != layer).any()
    # Everything moves: the edit dies away at the turned square's own border.
    rolled = np.roll(after, 5, axis=1)
    edited, changed = composite(layer, offset, crop, before, rolled)
    assert np.array_equal(edited[outside], layer[outside])
    assert changed.any()


@pytest.mark.parametrize("radius", [130, 80])
def test_nothing_of_what_transparency_hides_is_drawn(smile, radius):
    source, _, before, after = smile
    window = opaque(source)
    y, x = np.mgrid[:SIZE, :SIZE]
    window[..., 3] = np.where((x - 200) ** 2 + (y - 200) ** 2 < radius**2, 255, np.where(x > 200, 90, 0))
    window[window[..., 3] == 0, :3] = (255, 0, 255)
    edited, changed = composite(window, (0, 0), WHOLE, before, after)
    empty = edited[..., 3] == 0
    assert np.array_equal(edited[empty & (window[..., 3] == 0)], window[empty & (window[..., 3] == 0)])
    assert changed[~empty].any()
    assert not ((edited[..., 0] > 200) & (edited[..., 1] < 60) & (edited[..., 2] > 200) & ~empty).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_line_on_a_transparent_layer_takes_its_alpha_along(dtype):
    """Lines on a layer of their own: what was empty is drawn on, and where the line was is empty."""
    ink = np.zeros((SIZE, SIZE, 4), np.uint8)
    y, x = np.mgrid[:SIZE, :SIZE]
    ink[(abs(x - 200) < 90) & (abs(y - 240) < 5)] = (20, 0, 40, 255)
    seen = extract(ink, (0, 0), WHOLE, 256)
    down = np.roll(seen, 12, axis=0)
    white = {"uint8": 255, "uint16": 65535, "float32": 1.0}[dtype]
    window = (ink / 255 * white).astype(dtype)
    moved = 12 * SIZE / 256
    edit = edit_of(window, (0, 0), WHOLE, seen, down)
    result = window.copy()
    left, top, width, height = edit.rect
    result[top : top + height, left : left + width] = edit.pixels
    assert not edit.opaque
    assert result[round(240 + moved), 200, 3] > 0.95 * white
    assert result[240, 200, 3] < 0.05 * white
    assert result[round(240 + moved), 200, :3].max() < 0.25 * white
    rows = (window[..., 3] / white).sum(axis=0)[200], (result[..., 3] / white).sum(axis=0)[200]
    assert rows[1] == pytest.approx(rows[0], abs=1.5)  # as wide as it was


def test_what_appears_on_half_transparent_pixels_stands_on_paper():
    source, truth = opaque(draw(SIZE)), opaque(draw(SIZE, teeth=0.06))
    alpha = 200
    source[..., 3] = truth[..., 3] = alpha
    before, after = (extract(rgba, (0, 0), WHOLE, 128) for rgba in (source, truth))
    result, _ = composite(source, (0, 0), WHOLE, before, after)
    spot = (int(0.7 * SIZE), SIZE // 2)
    skin, teeth, blue = (int(rgba[spot][2]) for rgba in (source, truth, result))
    assert teeth - skin > 50
    # The model saw a part of each colour on white paper: no more than that part can come, and none of the paper.
    assert skin + 8 < blue < skin + (teeth - skin) * alpha / 255 + 6


def test_the_edit_is_as_small_as_what_changed(smile):
    source, _, before, after = smile
    window = opaque(source)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[:, : SIZE // 2] = 255
    crop = Crop(100, 50, SIZE)
    edit = edit_of(window, (100, 50), crop, before, after, mask)
    x, y, width, height = edit.rect
    assert edit.pixels.shape == (height, width, 4)
    assert edit.changed.shape == (height, width)
    for border in (edit.changed[0], edit.changed[-1], edit.changed[:, 0], edit.changed[:, -1]):
        assert border.any()
    source_there = window[y - 50 : y - 50 + height, x - 100 : x - 100 + width]
    assert np.array_equal(edit.changed > 0, (edit.pixels != source_there).any(axis=-1))
    assert set(np.unique(edit.changed)) <= {0, 255}
    assert width < SIZE / 2
    assert height < SIZE / 3
    alone = edit.alone()
    assert not alone[edit.changed == 0].any()
    assert np.array_equal(alone[edit.changed > 0], edit.pixels[edit.changed > 0])


def test_no_change_is_one_pixel_of_the_source(smile):
    source, _, before, after = smile
    window = opaque(source)
    elsewhere = np.zeros((SIZE, SIZE), np.uint8)
    elsewhere[:40] = 255
    everything_but_rounding = (before.astype(int) + 1).clip(0, 255).astype(np.uint8)
    for pictures in ((before, before), (before, everything_but_rounding), (before, after, elsewhere)):
        edit = edit_of(window, (-7, 9), Crop(-7, 9, SIZE), *pictures)
        x, y, width, height = edit.rect
        assert (width, height) == (1, 1)
        assert np.array_equal(edit.pixels[0, 0], window[y - 9, x + 7])
        assert not edit.changed.any()
        assert not edit.alone().any()
        assert edit.opaque


def test_an_edit_is_opaque_when_the_source_is_where_it_changes(smile):
    source, _, before, after = smile
    window = opaque(source)
    edit = edit_of(window, (0, 0), WHOLE, before, after)
    assert edit.opaque
    x, y, _, _ = edit.rect
    window[: y - 20, :, 3] = 0
    assert edit_of(window, (0, 0), WHOLE, before, after).opaque
    row, column = np.argwhere(edit.changed)[len(edit.changed) // 2]
    window[y + row, x + column, 3] = 254
    assert not edit_of(window, (0, 0), WHOLE, before, after).opaque


@pytest.mark.parametrize("alpha", [255, 120])
def test_a_large_picture_in_tiles_is_the_same_as_in_one_piece(smile, monkeypatch, alpha):
    _, _, before, after = smile
    size = 1300
    window = opaque(draw(size))
    window[: int(0.7 * size), : int(0.4 * size), 3] = alpha
    window.setflags(write=False)
    mask = np.zeros((size, size), np.uint8)
    mask[700:1100, 300:] = np.linspace(0, 255, size - 300, dtype=np.uint8)
    after = np.roll(after, (3, -4), (0, 1))  # everything moves, and from tile to tile
    for movable in (None, mask):
        monkeypatch.undo()
        tiled = edit_of(window, (0, 0), Crop(0, 0, size), before, after, movable)
        monkeypatch.setattr(compositing, "TILE_WIDTH", 10 * size)
        monkeypatch.setattr(compositing, "TILE_HEIGHT", 10 * size)
        whole = edit_of(window, (0, 0), Crop(0, 0, size), before, after, movable)
        assert tiled.rect == whole.rect
        assert tiled.opaque == whole.opaque == (alpha == 255)
        difference = np.abs(tiled.pixels.astype(int) - whole.pixels)
        # Where a value lies between two whole ones, the last bit of a float decides.
        assert difference.max() <= 1
        assert np.count_nonzero(difference) < 2e-3 * np.count_nonzero(whole.changed)


def test_what_may_move_far_from_the_motion_does_not_matter(smile):
    source, _, before, after = smile
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[240:300, 130:270] = 255
    alone = edit_of(opaque(source), (0, 0), WHOLE, before, after, mask)
    mask[:150] = 255
    mask[200:, :60] = 90
    again = edit_of(opaque(source), (0, 0), WHOLE, before, after, mask)
    assert alone.rect == again.rect
    assert np.array_equal(alone.pixels, again.pixels)


@pytest.mark.parametrize("angle", [0.0, 20.0])
def test_deep_pictures_keep_their_depth(smile, angle):
    source, _, before, after = smile
    crop = Crop(0, 0, SIZE, angle)
    eight = opaque(source)
    eight[..., 3] = np.where(np.arange(SIZE) < 180, 255, 180)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[150:330, 80:320] = 255
    plain, _ = composite(eight, (0, 0), crop, before, after, mask)
    fine = np.random.default_rng(0).integers(-100, 100, eight.shape[:2] + (1,))
    deep = eight.astype(np.uint16) * 257
    deep[..., :3] = (deep[..., :3].astype(int) + fine).clip(0, 65535)
    floats = deep.astype(np.float32) / np.float32(65535)
    for window, full in ((deep, 65535), (floats, 1.0)):
        edited, changed = composite(window, (0, 0), crop, before, after, mask)
        assert edited.dtype == window.dtype
        assert np.abs(edited.astype(float) / full * 255 - plain).max() < 2.5
        assert np.array_equal(edited[mask == 0], window[mask == 0])
        assert np.array_equal(edited[changed == 0], window[changed == 0])
        # What has changed has all its bits, too, and not 256 steps.
        assert len(np.unique(edited[changed > 0][:, 0])) > 400


def test_colours_beyond_black_and_white_survive(smile):
    source, truth, before, after = smile
    floats = opaque(source).astype(np.float32) / 255
    bright = floats.copy()
    skin = (floats[..., 0] > 0.9) & (floats[..., 2] < 0.8)
    bright[skin, 0] = 4.0
    bright[skin, 2] = -0.25
    bright[5, 5, 0] = np.nan
    edited, changed = composite(bright, (0, 0), WHOLE, before, after)
    assert np.isnan(edited[5, 5, 0])
    inside = changed > 0
    assert np.isfinite(edited[inside]).all()
    assert edited[inside].max() <= 4.02
    assert edited[inside].min() >= -0.27
    # Where the line was there is skin now, as bright as the artist's.
    freed = (source.max(axis=-1) < 70) & (truth.min(axis=-1) > 170) & inside
    assert freed.sum() > 100
    assert (edited[freed][:, 0] > 3.5).mean() > 0.5


def test_progress_and_cancelling(smile, monkeypatch):
    source, _, before, after = smile
    monkeypatch.setattr(compositing, "TILE_HEIGHT", 16)
    monkeypatch.setattr(compositing, "PREPARATION", 1000)
    told: list[float] = []
    whole = edit_of(opaque(source), (0, 0), WHOLE, before, after, on_progress=told.append)
    assert whole.changed.any()
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert told == sorted(told)
    assert len(told) >= 6

    def stop_halfway(fraction: float) -> None:
        told.append(fraction)
        if fraction > 0.5:
            raise Cancelled

    told.clear()
    with pytest.raises(Cancelled):
        edit_of(opaque(source), (0, 0), WHOLE, before, after, on_progress=stop_halfway)
    assert 0.5 < told[-1] < 0.8


def test_pictures_that_do_not_fit(smile):
    source, _, before, after = smile
    for arguments in (
        (opaque(source), (0, 0), WHOLE, before, after[:64, :64]),
        (source, (0, 0), WHOLE, before, after),
        (opaque(source), (0, 0), WHOLE, before[:64], after[:64]),
        (opaque(source), (0, 0), WHOLE, before, after, np.zeros((3, 3), np.uint8)),
    ):
        with pytest.raises(PullfaceError) as caught:
            composite(*arguments)
        assert caught.value.code == "wrong_picture_size"
    with pytest.raises(PullfaceError) as caught:
        edit_of(opaque(source), (0, 0), WHOLE, before, after, seen=source)
    assert caught.value.code == "wrong_picture_size"
