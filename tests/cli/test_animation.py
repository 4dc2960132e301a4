from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend import animation


def frames_of(count: int, height: int = 40, width: int = 64) -> list[np.ndarray]:
    """A white square that moves to the right over blue."""
    frames = []
    for index in range(count):
        frame = np.zeros((height, width, 4), np.uint8)
        frame[...] = (20, 40, 160, 255)
        frame[10:30, 4 * index : 4 * index + 12] = (255, 255, 255, 255)
        frames.append(frame)
    return frames


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"pull{suffix}"
    frames = frames_of(6)
    animation.write(path, frames, frame_ms=70, hold_ms=900)
    durations = []
    with Image.open(path) as stored:
        assert (stored.n_frames, stored.size, stored.info["loop"]) == (6, (64, 40), 0)
        for index, frame in enumerate(frames):
            stored.seek(index)
            stored.load()  # the WebP reader knows a frame's duration only then
            durations.append(stored.info["duration"])
            difference = np.asarray(stored.convert("RGB")).astype(int) - frame[..., :3]
            assert np.abs(difference).mean() < 6
    assert durations == [900, 70, 70, 70, 70, 900]


def test_large_frames_are_scaled_down(tmp_path: Path) -> None:
    animation.write(tmp_path / "pull.webp", frames_of(2, 200, 400), max_side=100)
    with Image.open(tmp_path / "pull.webp") as stored:
        assert stored.size == (100, 50)


def test_names_and_frames_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must end in"):
        animation.write(tmp_path / "pull.mp4", frames_of(1))
    with pytest.raises(ValueError, match="at least one frame"):
        animation.write(tmp_path / "pull.gif", [])
    assert list(tmp_path.iterdir()) == []


def test_chosen_steps_are_few_even_and_hold_both_ends() -> None:
    assert animation.chosen_steps(0) == [0]
    assert animation.chosen_steps(5) == [0, 1, 2, 3, 4, 5]
    for last in (23, 24, 25, 60, 199, 300):
        steps = animation.chosen_steps(last)
        assert (steps[0], steps[-1]) == (0, last)
        assert len(steps) == min(last + 1, animation.MAX_FRAMES)
        gaps = np.diff(steps)
        assert gaps.min() >= 1
        assert gaps.max() - gaps.min() <= 1
