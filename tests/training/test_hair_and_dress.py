"""Hair, clothes, glasses, hats, backgrounds and finishes: every factor shows, none jumps, absence is absence."""

from __future__ import annotations

import numpy as np
import pytest

from backend.training.toon import background, clothes, finish, glasses, hair, hats
from backend.training.toon.factors import FACTORS, Factors, factors_from_latent
from backend.training.toon.renderer import render

OWN = {
    name: f
    for module in (hair, clothes, glasses, hats, background, finish)
    for name, f in module.FACTORS.items()
}
MIDDLE: Factors = {name: f.at(0.5) for name, f in FACTORS.items()}
# A face that wears everything, so that each factor has something to act on.
DRESSED: Factors = {
    **MIDDLE,
    "hair_short": -1.0,
    "hair_wave": 0.6,
    "fringe": 0.10,
    "fringe_open": 0.5,
    "side_locks": 0.25,
    "tails": 0.7,
    "ponytail": 0.9,
    "bun": 0.8,
    "ahoge": 0.9,
    "collar": 0.7,
    "hood": 0.2,
    "glasses": 0.8,
    "hat": 0.9,
    "hat_brim": 0.12,
    "hat_puff": 0.5,
    "background2_light": 0.2,
    "background2_a": 0.06,
    "background_mix": 0.6,
    "background_discs": 0.5,
    "background_hills": 0.4,
    "painterly": 0.4,
    "paper": 0.4,
    "vignette": 0.4,
}
# What hides others is taken off where it hides them.
BARE = {"hat": -1.0, "hood": -1.0}


def _base(name: str) -> Factors:
    return DRESSED if name.startswith("hat") or name == "hood" else {**DRESSED, **BARE}


@pytest.mark.parametrize("name", OWN)
def test_every_factor_shows_and_is_continuous(name: str) -> None:
    """Over its range a factor changes the picture; over a thousandth of it hardly: nothing jumps."""
    f, base = OWN[name], _base(name)
    low, high = (render({**base, name: v}, 64, 1.4).picture.astype(int) for v in (f.low, f.high))
    assert np.abs(low - high).max() > 8
    little = max(0.6, 0.03 * np.abs(low - high).mean())
    for u in np.linspace(0.05, 0.95, 5):
        value, step = f.low + (f.high - f.low) * u, (f.high - f.low) * 1e-3
        here, close = (render({**base, name: v}, 64).picture.astype(int) for v in (value, value + step))
        assert np.abs(here - close).mean() < little


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("glasses", [n for n in glasses.FACTORS if n != "glasses"]),
        ("hat", [n for n in hats.FACTORS if n != "hat"]),
        ("tails", ["tails_height"]),
        ("bun", ["bun_spread"]),
    ],
)
def test_what_is_absent_leaves_no_trace(name: str, others: list[str]) -> None:
    base = {**MIDDLE, name: 0.0}
    plain = render(base, 64).picture
    for other in others:
        assert np.array_equal(plain, render({**base, other: FACTORS[other].high}, 64).picture)
    slight = render({**base, name: 3e-4}, 64).picture
    assert np.abs(plain.astype(int) - slight).mean() < 0.3


@pytest.mark.parametrize(
    ("name", "low", "high"), [("glasses", 0.10, 0.22), ("hat", 0.06, 0.14), ("hair_short", 0.12, 0.28)]
)
def test_how_many_faces_have_it(name: str, low: float, high: float) -> None:
    faces = [factors_from_latent(z) for z in np.random.default_rng(1).standard_normal((1500, len(FACTORS)))]
    assert low < np.mean([p[name] > 0 for p in faces]) < high


@pytest.mark.parametrize("yaw", [-0.8, -0.4, 0.0, 0.4, 0.8])
def test_hair_covers_the_skull_on_every_turn(yaw: float) -> None:
    """No skin shows above the fringe, and the hair's outer edge stays around the head."""
    base = {
        **DRESSED,
        **BARE,
        "yaw": yaw,
        "roll": 0.0,
        "pitch": 0.0,
        "bun": -1.0,
        "ahoge": 0.0,
        "painterly": -1.0,
    }
    base |= {
        "paper": -1.0,
        "fringe_open": -1.0,
        "fringe": 0.15,
        "background_mix": -1.0,
        "background_hills": -1.0,
    }
    one, other = (render({**base, "hair_light": v}, 128).picture.astype(int) for v in (0.3, 0.8))
    hair_mask = np.abs(one - other).sum(axis=2) > 30
    one, other = (render({**base, "background_light": v}, 128).picture.astype(int) for v in (0.5, 0.9))
    background_mask = np.abs(one - other).sum(axis=2) > 30
    # Between background and brows there is hair in the columns of the middle of the head.
    middle = int(128 * (0.5 + base["x"] + 0.06 * np.sin(yaw)))
    for column in range(middle - 16, middle + 17):
        top = np.nonzero(~background_mask[:, column])[0][0]
        assert hair_mask[top + 2 : top + 20, column].all()


def test_nothing_of_the_finish_moves_or_is_random() -> None:
    p = {**DRESSED, "painterly": 1.0, "paper": 1.0, "vignette": -1.0, "warmth": 0.0}
    plain = {**p, "painterly": -1.0, "paper": -1.0}
    finished, again, flat = (render(q, 128).picture for q in (p, p, plain))
    assert np.array_equal(finished, again)
    # The finished picture correlates best with the plain one where it is, and stays close to it.
    a, b = finished.mean(axis=2), flat.mean(axis=2)
    error = {
        (dx, dy): np.abs(np.roll(a, (dy, dx), (0, 1)) - b)[4:-4, 4:-4].mean()
        for dx in (-1, 0, 1)
        for dy in (-1, 0, 1)
    }
    assert min(error, key=lambda shift: error[shift]) == (0, 0)
    assert error[0, 0] < 8


def test_grain_is_on_demand() -> None:
    picture = np.full((64, 64, 3), 128, np.uint8)
    first, second = (finish.grain(picture, 4.0, np.random.default_rng(seed)) for seed in (1, 1))
    assert np.array_equal(first, second)
    assert 3 < first.astype(float).std() < 5
