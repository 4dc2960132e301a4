"""How alike two pictures are."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from backend.evaluation.similarity import lpips, ms_ssim, psnr


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rough = np.random.default_rng(1).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(rough).resize((256, 256), Image.Resampling.BICUBIC))


def test_psnr_is_the_known_number(picture: np.ndarray) -> None:
    shifted = np.where(picture < 128, picture + 10, picture - 10).astype(np.uint8)
    assert psnr(picture, shifted) == pytest.approx(20 * np.log10(255 / 10))
    assert psnr(picture, picture) == 100


def test_the_same_is_1_and_worse_is_less(picture: np.ndarray) -> None:
    random = np.random.default_rng(2)
    values = [1.0]
    for deviation in (3, 12, 40):
        noisy = (picture + random.normal(0, deviation, picture.shape)).clip(0, 255).astype(np.uint8)
        values.append(ms_ssim(picture, noisy))
    assert ms_ssim(picture, picture) == pytest.approx(1.0, abs=1e-5)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.8


def test_structure_counts_more_than_light(picture: np.ndarray) -> None:
    """A picture a little darker is nearly the same; one of the same error whose lines are elsewhere is not."""
    darker = (picture * 0.9).astype(np.uint8)
    moved = np.roll(picture, 12, axis=1)
    assert ms_ssim(picture, darker) > 0.97 > ms_ssim(picture, moved) + 0.2


def test_small_pictures_have_fewer_scales(picture: np.ndarray) -> None:
    small = np.ascontiguousarray(picture[::8, ::8])
    assert ms_ssim(small, small) == pytest.approx(1.0, abs=1e-5)
    noisy = (small + np.random.default_rng(3).normal(0, 25, small.shape)).clip(0, 255).astype(np.uint8)
    assert 0.3 < ms_ssim(small, noisy) < 0.99


def test_lpips_is_a_number_or_missing(picture: np.ndarray) -> None:
    assert (value := lpips(picture, picture)) is None or value == pytest.approx(0, abs=1e-3)
