"""Crops of models whose pictures are not square: the middle of the crop's square, on the pixel in every function."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.engine import Crop, choose_crop, extract, extract_mask
from backend.engine.change import Change
from backend.engine.compositing import composite
from backend.engine.first_guess import first_guess
from backend.engine.flow import blur
from backend.engine.following import Follower
from backend.engine.points import Taps
from backend.models.model import Model, w_statistics
from stylegan_ops.encoder import Encoder
from stylegan_ops.stylegan2 import Generator

from .scene import draw, opaque, psnr

TALL, WIDE = 0.5, 2.0


def test_positions_go_there_and_back() -> None:
    for crop in (Crop(-30, 14, 200, aspect=TALL), Crop(-30, 14, 201, 33.0, WIDE)):
        height, width = crop.shape(64)
        assert width == height * crop.aspect
        places = np.array([[0, 0], [width, height], [3.25, 7.5]])
        np.testing.assert_allclose(crop.to_crop(crop.to_image(places, 64), 64), places, atol=1e-9)
        np.testing.assert_allclose(crop.to_image([width / 2, height / 2], 64), crop.centre)
    np.testing.assert_allclose(Crop(0, 0, 200, aspect=TALL).to_image([0, 0], 64), [50, 0])
    np.testing.assert_allclose(Crop(0, 0, 200, aspect=WIDE).to_image([0, 0], 64), [0, 50])


@pytest.mark.parametrize("angle", [0.0, 27.0])
@pytest.mark.parametrize(("aspect", "part"), [(TALL, np.s_[:, 16:48]), (WIDE, np.s_[16:48])])
def test_the_model_sees_the_middle_of_the_square(
    angle: float, aspect: float, part: tuple[slice, ...]
) -> None:
    layer = opaque(draw(200))
    square = Crop(20, 30, 150, angle)
    crop = Crop(20, 30, 150, angle, aspect)
    whole = extract(layer, (0, 0), square, 64)[part].astype(int)
    np.testing.assert_allclose(extract(layer, (0, 0), crop, 64), whole, atol=1)
    mask = np.zeros((200, 200), np.uint8)
    mask[90:] = 255
    np.testing.assert_allclose(
        extract_mask(mask, (0, 0), crop, 64), extract_mask(mask, (0, 0), square, 64)[part], atol=1e-5
    )


def test_a_layer_is_filled_or_seen_whole() -> None:
    painting = np.full((300, 200, 4), 255, np.uint8)
    crop = choose_crop(painting, (10, 20), "layer", aspect=TALL)
    assert (crop.size, crop.shape(64)) == (300, (64, 32))
    assert crop.window((10, 20, 210, 320)) == (35, 20, 185, 320)
    assert choose_crop(painting, (0, 0), "layer", aspect=WIDE).size == 200
    shape = np.zeros((300, 200, 4), np.uint8)
    shape[100:180:2, 20:180] = 255
    assert choose_crop(shape, (0, 0), "layer", aspect=TALL).size == 320


def test_a_map_is_read_at_the_place_that_is_named() -> None:
    rows, columns, cell = 16, 8, 8.0
    across, down = (torch.arange(columns) + 0.5) * cell, (torch.arange(rows) + 0.5) * cell
    maps = torch.stack(torch.meshgrid(down, across, indexing="ij"))
    places = torch.tensor([[12.0, 100.0], [50.25, 5.0]])
    taps = Taps.at(places, cell, (rows, columns))
    torch.testing.assert_close(taps.read(maps), places.flip(1))
    values, random = torch.randn(2, 2), torch.randn(2, rows, columns)
    spread = taps.spread(values, torch.tensor([0, 1]), 2)
    torch.testing.assert_close((spread.sum(dim=0) * random).sum(), (values * taps.read(random)).sum())


def test_a_handle_is_followed_in_a_narrow_map() -> None:
    texture = blur(torch.randn(12, 64, 48, generator=torch.Generator().manual_seed(1)), 2.0)
    handles = torch.tensor([[40.0, 90.0], [33.0, 20.0]])
    follower = Follower(texture[:, :, :32], handles, (128, 64))
    moved = texture.roll((2, 1), (1, 2))[:, :, :32]  # down, right; cells of 2 px
    found = follower.find(moved, handles, handles, 20.0)
    torch.testing.assert_close(found.positions, handles + torch.tensor([2.0, 4.0]), atol=0.15, rtol=0)


@pytest.mark.parametrize("angle", [0.0, 20.0])
def test_an_edit_is_carried_as_in_a_square(angle: float) -> None:
    """The mouth lies in the middle: the narrow model's edit of it is that of a square one, and nothing else moves."""
    size, low = 384, 128
    source = draw(size)
    square, crop = Crop(0, 0, size, angle), Crop(0, 0, size, angle, TALL)
    before = extract(opaque(source), (0, 0), square, low)
    moved = extract(opaque(draw(size, mouth=(0.5, 0.72))), (0, 0), square, low)
    middle = np.s_[:, low // 4 : 3 * low // 4]
    results = []
    for one, part in ((square, np.s_[:, :]), (crop, middle)):
        change = Change.between(before[part], moved[part])
        edit = composite(opaque(source), (0, 0), one, change)
        x, y, w, h = edit.rect
        result = opaque(source)
        result[y : y + h, x : x + w] = edit.pixels
        results.append(result[..., :3])
    truth = draw(size, mouth=(0.5, 0.72))
    mouth = np.s_[220:320, 110:274]
    assert psnr(results[1][mouth], truth[mouth]) > psnr(source[mouth], truth[mouth]) + 6
    assert psnr(results[0][mouth], results[1][mouth]) > 30
    differs = (results[1] != source).any(axis=-1)
    places = np.stack(np.nonzero(differs)[::-1], axis=1) + 0.5
    seen = crop.to_crop(places, low)
    slack = 1 if angle else 0  # a pixel of the model
    assert ((seen > -slack) & (seen < np.array([low / 2, low]) + slack)).all()


def test_an_encoder_is_shown_the_picture_squeezed() -> None:
    torch.manual_seed(0)
    generator = Generator(16, 0, 32, 64, base_size=(4, 2), channel_base=512, channel_max=16)
    generator.eval().requires_grad_(False)
    encoder = Encoder(16, generator.num_ws, 32, channels=(8, 8), blocks=(0, 0), hidden=16).eval()
    torch.nn.init.normal_(encoder.shared.weight)
    model = Model("tall", "blobs", "MIT", generator, None, *w_statistics(generator, samples=200), encoder)
    picture = torch.zeros(1, 3, 64, 32)
    picture[:, :, :32, 16:] = 1  # a quarter
    square = torch.zeros(1, 3, 16, 16)
    square[:, :, :8, 8:] = 1
    torch.testing.assert_close(first_guess(model, picture), encoder(square))
    assert not torch.allclose(encoder(square), encoder(square.flip(3)))
