"""The procedural faces: exact landmarks, continuous factors, one face a latent."""

from __future__ import annotations

import numpy as np
import pytest

from backend.training.faces import draw_batch
from backend.training.toon.factors import FACTORS, NAMES, Z_DIM, Factors, factors_from_latent
from backend.training.toon.renderer import LANDMARKS, render

MIDDLE: Factors = {name: (f.low + f.high) / 2 for name, f in FACTORS.items()}


def latents(count: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, Z_DIM))


def test_factors_stay_in_range_and_cover_it() -> None:
    values = np.array([list(factors_from_latent(z).values()) for z in latents(2000)])
    low, high = (np.array([getattr(f, end) for f in FACTORS.values()]) for end in ("low", "high"))
    relative = (values - low) / (high - low)
    assert relative.min() >= 0
    assert relative.max() <= 1
    # Uniform: each decile holds its tenth, within five standard deviations of a binomial.
    for column in relative.T:
        counts, _ = np.histogram(column, bins=10, range=(0, 1))
        assert np.abs(counts - 200).max() < 5 * np.sqrt(2000 * 0.1 * 0.9)


def test_the_scale_of_a_latent_does_not_matter() -> None:
    z = latents(1)[0]
    assert factors_from_latent(z) == pytest.approx(factors_from_latent(3 * z))


def test_the_same_factors_draw_the_same_picture() -> None:
    p = factors_from_latent(latents(1)[0])
    first, second = render(p), render(p)
    assert np.array_equal(first.picture, second.picture)
    assert first.landmarks == second.landmarks


@pytest.mark.parametrize("name", NAMES)
def test_every_factor_shows_and_is_continuous(name: str) -> None:
    """Over its range a factor changes the picture; over a thousandth of it hardly: nothing jumps."""
    f = FACTORS[name]
    base = {**MIDDLE, "mouth_open": 0.05, "teeth": 0.25}
    low, high = render({**base, name: f.low}, 96).picture, render({**base, name: f.high}, 96).picture
    assert np.abs(low.astype(int) - high).max() > 10
    for u in np.linspace(0.05, 0.95, 10):
        value = f.low + (f.high - f.low) * u
        here = render({**base, name: value}, 96).picture.astype(int)
        close = render({**base, name: value + (f.high - f.low) * 1e-3}, 96).picture
        assert np.abs(here - close).mean() < 0.6


def test_landmarks_scale_with_the_picture() -> None:
    p = factors_from_latent(latents(1, seed=8)[0])
    small, large = render(p, 128).landmarks, render(p, 512).landmarks
    assert set(small) == set(LANDMARKS)
    for name in LANDMARKS:
        assert np.array(large[name]) == pytest.approx(4 * np.array(small[name]), abs=1e-3)


def test_landmarks_sit_on_what_they_name() -> None:
    """Look for the drawn features in the picture itself, with the head turned, tilted and moved."""
    p = {**MIDDLE, "yaw": 0.15, "roll": 0.06, "pitch": -0.1, "x": 0.02, "mouth_open": 0.05, "eye_open": 0.9}
    size = 512
    face = render(p, size)
    line_width = p["line"] * p["scale"] * size * 1.6
    dark = face.picture.astype(int).sum(axis=2) < 300  # lines and the inside of the mouth, not skin
    mouth = {n: face.landmarks[f"mouth_{n}"] for n in ("left", "right", "top", "bottom")}
    for corner, outermost in (("left", np.min), ("right", np.max)):
        x, y = (int(v) for v in mouth[corner])
        columns = np.nonzero(dark[y - 8 : y + 9, x - 20 : x + 21].any(axis=0))[0] + x - 20
        assert outermost(columns) == pytest.approx(mouth[corner][0], abs=line_width)
    x, y = (int(v) for v in mouth["bottom"])
    rows = np.nonzero(dark[y - 20 : y + 8, x - 4 : x + 5].any(axis=1))[0] + y - 20
    assert rows.max() == pytest.approx(mouth["bottom"][1], abs=line_width)

    other = render({**p, "eye_a": 0.15}, size).picture
    iris = np.abs(face.picture.astype(int) - other).sum(axis=2) > 6
    for side in ("left", "right"):
        x, y = face.landmarks[f"iris_{side}"]
        start = max(0, int(x) - 40)
        near = iris[:, start : int(x) + 40]
        columns = np.nonzero(near.any(axis=0))[0] + start
        assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(x, abs=2)
        assert np.nonzero(near.any(axis=1))[0].mean() == pytest.approx(y, abs=0.03 * size)


@pytest.mark.parametrize("resolution", [16, 64, 128])
def test_batches(resolution: int) -> None:
    z, pictures, landmarks = draw_batch(latents(2).astype(np.float32), resolution)
    assert z.shape == (2, Z_DIM)
    assert pictures.shape == (2, 3, resolution, resolution)
    full = render(factors_from_latent(latents(2)[0]), 128).landmarks["nose"]
    nose = landmarks[0, LANDMARKS.index("nose")].numpy() * 128 / resolution
    assert nose == pytest.approx(np.array(full), abs=1e-2)
