"""The independent landmark detector."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.evaluation.landmarks import detect, heatmap_positions
from backend.training.toon.factors import Z_DIM, factors_from_latent
from backend.training.toon.renderer import LANDMARKS, Face, render


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    rng = np.random.default_rng(987_654)  # a seed the training does not use
    return [render(factors_from_latent(rng.standard_normal(Z_DIM)), 128) for _ in range(64)]


def test_it_finds_the_renderers_landmarks(faces: list[Face]) -> None:
    found = [detect(face.picture) for face in faces]
    errors = np.array(
        [
            [np.hypot(*np.subtract(f[n], face.landmarks[n])) for n in LANDMARKS]
            for f, face in zip(found, faces)
        ]
    )
    assert errors.mean() < 1.4  # 1.1 on average; ends of brows and jaws under hair are guesses
    corners = errors[:, [LANDMARKS.index("mouth_left"), LANDMARKS.index("mouth_right")]]
    assert corners.mean() < 1.0


def test_it_follows_the_picture_size(faces: list[Face]) -> None:
    large = np.kron(faces[0].picture, np.ones((3, 3, 1), np.uint8))
    small = detect(faces[0].picture)
    for name, (x, y) in detect(large).items():
        assert (x / 3, y / 3) == pytest.approx(small[name], abs=1e-3)


def test_heatmap_expectation_is_subpixel() -> None:
    logits = torch.full((1, 1, 4, 8), -100.0)
    logits[0, 0, 1, 2] = logits[0, 0, 1, 3] = 0.0
    assert heatmap_positions(logits)[0, 0].tolist() == pytest.approx([3 / 8, 1.5 / 4])


@pytest.mark.parametrize("shape", [(128, 128), (128, 64, 3), (128, 128, 4)])
def test_not_a_square_rgb_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="square RGB"):
        detect(np.zeros(shape, np.uint8))
