"""The procedural faces: exact landmarks, continuous factors, one face a latent."""

from __future__ import annotations

import numpy as np
import pytest
import skia

from backend.detection.framing import FRAME, frame_centre
from backend.training.faces import draw_batch
from backend.training.toon.factors import FACTORS, NAMES, Z_DIM, Factors, factors_from_latent
from backend.training.toon.head import Head
from backend.training.toon.renderer import LANDMARKS, draw, render

MIDDLE: Factors = {name: f.at(0.5) for name, f in FACTORS.items()}
# Everything that a face may have or not, as it has it.
DECKED: Factors = {name: f.at(0.9) for name, f in FACTORS.items()} | {
    **{name: MIDDLE[name] for name in ("pitch", "roll", "x", "y", "scale", "wink", "smile", "hair_short")},
    **{name: MIDDLE[name] for name in ("mouth_open", "skin", "fringe", "teeth")},
    "hat": FACTORS["hat"].high,
    "yaw": 0.4,
    "realism": 0.6,
}


def latents(count: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, Z_DIM))


def test_factors_stay_in_range_and_cover_it() -> None:
    values = np.array([list(factors_from_latent(z).values()) for z in latents(2000)])
    # Each tenth of a factor's own distribution holds its tenth, within five standard deviations of a binomial.
    for f, column in zip(FACTORS.values(), values.T, strict=True):
        assert f.low <= column.min()
        assert column.max() <= f.high
        edges = [f.at(k / 10) for k in range(11)]
        assert (edges[0], edges[-1]) == pytest.approx((f.low, f.high))
        assert (np.diff(edges) > 0).all()
        counts, _ = np.histogram(column, bins=edges)
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
    bases = ({**MIDDLE, "mouth_open": 0.05, "teeth": 0.25, "tongue": 0.5, "lips": 0.5}, DECKED)
    changes = []
    for base in bases:
        for side in (FRAME, 1.4):  # as framed, and the whole head
            low, high = (render({**base, name: v}, 96, side).picture.astype(int) for v in (f.low, f.high))
            changes.append(np.abs(low - high).max())
        for u in (0.15, 0.6):
            value = f.low + (f.high - f.low) * u
            here = render({**base, name: value}, 96).picture.astype(int)
            close = render({**base, name: value + (f.high - f.low) * 1e-3}, 96).picture
            assert np.abs(here - close).mean() < 0.6
    assert max(changes) > 6


@pytest.mark.parametrize("seed", range(3))
def test_a_face_turns_without_a_jump(seed: int) -> None:
    """From far left to far right, through the front, no step changes the picture or a landmark suddenly."""
    p = factors_from_latent(latents(1, seed)[0])
    last = None
    for yaw in np.linspace(FACTORS["yaw"].low, FACTORS["yaw"].high, 80):
        face = render({**p, "yaw": yaw}, 96)
        if last is not None:
            assert np.abs(face.picture.astype(int) - last.picture).mean() < 8
            moved = np.array(list(face.landmarks.values())) - np.array(list(last.landmarks.values()))
            assert np.abs(moved).max() < 1.5
        last = face


def test_features_stay_on_the_face() -> None:
    """Eyes, mouth and nose lie between the outlines of the face, up to a line's width, however it turns."""
    for z in latents(300, seed=4):
        p = factors_from_latent(z) | {"roll": 0.0}
        marks = draw_marks(p)
        left, right = face_edges(p)
        for name in LANDMARKS:
            if name.startswith(("eye", "iris", "mouth", "nose")):
                assert left - 0.006 < marks[name][0] < right + 0.006, name


def draw_marks(p: Factors) -> dict[str, tuple[float, float]]:
    """Landmarks in picture sides, without drawing."""
    canvas = skia.Surface(4, 4).getCanvas()
    canvas.clipRect(skia.Rect(0, 0, 0, 0))
    return draw(canvas, p)


def face_edges(p: Factors) -> tuple[float, float]:
    """The leftmost and rightmost x of an unrolled face's outline, in picture sides."""
    bounds = Head(p).outline.computeTightBounds()
    return 0.5 + bounds.left(), 0.5 + bounds.right()


def test_landmarks_scale_with_the_picture() -> None:
    p = factors_from_latent(latents(1, seed=8)[0])
    small, large = render(p, 128).landmarks, render(p, 512).landmarks
    assert set(small) == set(LANDMARKS)
    for name in LANDMARKS:
        assert np.array(large[name]) == pytest.approx(4 * np.array(small[name]), abs=1e-3)


def test_landmarks_sit_on_what_they_name() -> None:
    """Look for the drawn features in the picture itself, with the head turned, tilted and moved."""
    p = {**MIDDLE, "yaw": 0.15, "roll": 0.06, "pitch": -0.1, "x": 0.01, "mouth_open": 0.05, "eye_open": 0.9}
    size = 512
    face = render(p, size)
    line_width = p["line"] / FRAME * size * 1.6
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
        iris_x, iris_y = face.landmarks[f"iris_{side}"]
        start = max(0, int(iris_x) - 40)
        near = iris[:, start : int(iris_x) + 40]
        columns = np.nonzero(near.any(axis=0))[0] + start
        assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(iris_x, abs=2)
        assert np.nonzero(near.any(axis=1))[0].mean() == pytest.approx(iris_y, abs=0.03 * size)


def test_faces_are_framed_by_their_features() -> None:
    """Wherever the head looks, eyes and mouth stand around the same place, upright but for a rest of the tilt."""
    for z in latents(100, seed=5):
        p = factors_from_latent(z) | {"x": 0.01, "y": -0.01}
        marks = {name: complex(*place) / 256 for name, place in render(p, 256).landmarks.items()}
        eyes = [(marks[f"eye_{s}_inner"] + marks[f"eye_{s}_outer"]) / 2 for s in ("left", "right")]
        mouth = (marks["mouth_left"] + marks["mouth_right"]) / 2
        middle = frame_centre(sum(eyes) / 2, mouth)
        assert abs(middle - (0.51 + 0.49j)) < 1e-3
        assert abs(np.angle(eyes[1] - eyes[0])) < 0.4


@pytest.mark.parametrize("resolution", [16, 64, 128])
def test_batches(resolution: int) -> None:
    z, pictures, landmarks = draw_batch(latents(2).astype(np.float32), resolution)
    assert z.shape == (2, Z_DIM)
    assert pictures.shape == (2, 3, resolution, resolution)
    full = render(factors_from_latent(latents(2)[0]), 128).landmarks["nose"]
    nose = landmarks[0, LANDMARKS.index("nose")].numpy() * 128 / resolution
    assert nose == pytest.approx(np.array(full), abs=1e-2)
