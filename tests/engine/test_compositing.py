from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from backend.engine import Crop
from backend.engine.alignment import extract
from backend.engine.compositing import composite
from backend.errors import PullfaceError

from .scene import draw, opaque, psnr

SIZE = 400
WHOLE = Crop(0, 0, SIZE)


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
    assert ours > psnr(pasted[where], truth[where]) + 0.2
    assert ours > psnr(added[where], truth[where]) + 3
    # Sharp: the darkest of the line stays as dark as the artist drew it.
    line = slice(int(0.66 * SIZE), int(0.72 * SIZE))
    assert (
        result[line, SIZE // 2].min()
        < 0.5 * pasted[line, SIZE // 2].min() + 0.5 * source[line, SIZE // 2].min() + 4
    )
    assert changed[int(0.68 * SIZE), int(0.4 * SIZE)] == 255
    assert not changed[: SIZE // 2].any()


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
    inner = (slice(None), slice(0, SIZE // 2 - 12))
    np.testing.assert_allclose(edited[inner].astype(int), full[inner], atol=2)
    edge = np.abs(edited[:, SIZE // 2 - 1].astype(int) - window[:, SIZE // 2 - 1]).max()
    assert edge <= 0.25 * np.abs(full[:, SIZE // 2 - 1].astype(int) - window[:, SIZE // 2 - 1]).max()


def test_soft_and_thin_masks(smile):
    source, _, before, after = smile
    window = opaque(source)
    half = np.full((SIZE, SIZE), 128, np.uint8)
    soft, full = (
        composite(window, (0, 0), WHOLE, before, after, mask)[0].astype(int) for mask in (half, None)
    )
    np.testing.assert_allclose(soft - window, (full - window) * (128 / 255), atol=1.01)
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


def test_alpha_and_transparent_pixels_stay(smile):
    source, _, before, after = smile
    window = opaque(source)
    y, x = np.mgrid[:SIZE, :SIZE]
    window[..., 3] = np.where((x - 200) ** 2 + (y - 200) ** 2 < 130**2, 255, np.where(x > 200, 90, 0))
    window[window[..., 3] == 0, :3] = (255, 0, 255)
    edited, changed = composite(window, (0, 0), WHOLE, before, after)
    assert np.array_equal(edited[..., 3], window[..., 3])
    empty = window[..., 3] == 0
    assert np.array_equal(edited[empty], window[empty])
    assert changed[~empty].any()
    # Nothing of the magenta that hides under transparency is drawn into the picture.
    assert not ((edited[..., 0] > 200) & (edited[..., 1] < 60) & (edited[..., 2] > 200) & ~empty).any()


def test_bands_join_without_a_trace(smile, monkeypatch):
    source, _, before, after = smile
    window = opaque(source)
    window.setflags(write=False)
    whole, _ = composite(window, (0, 0), WHOLE, before, after)
    monkeypatch.setattr("backend.engine.compositing.BAND_PIXELS", 3000)
    banded, _ = composite(window, (0, 0), WHOLE, before, after)
    assert np.abs(banded.astype(int) - whole).max() <= 1


def test_pictures_that_do_not_fit(smile):
    source, _, before, after = smile
    for arguments in (
        (opaque(source), (0, 0), WHOLE, before, after[:64, :64]),
        (source, (0, 0), WHOLE, before, after),
        (opaque(source), (0, 0), WHOLE, before, after, np.zeros((3, 3), np.uint8)),
    ):
        with pytest.raises(PullfaceError) as caught:
            composite(*arguments)
        assert caught.value.code == "wrong_picture_size"
