"""Optical flow, and what is made of it: motions that are known."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image

from backend.engine import engines
from backend.engine.engines import DragProblem
from backend.errors import PullfaceError
from backend.evaluation import optical_flow, rows, tracking
from backend.evaluation.optical_flow import carried

with_opencv = pytest.mark.skipif(not optical_flow.is_there(), reason="needs opencv-python-headless")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rough = np.random.default_rng(1).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(rough).resize((96, 96), Image.Resampling.BICUBIC))


def test_points_read_the_flow_between_pixel_centres() -> None:
    flow = np.zeros((4, 6, 2), np.float32)
    flow[1, 2], flow[1, 3], flow[2, 2] = (2, 0), (4, 0), (0, 8)
    points = np.array([[2.5, 1.5], [3.0, 1.5], [2.5, 2.0], [-5.0, 99.0]])
    assert carried(flow, points).tolist() == [[4.5, 1.5], [6.0, 1.5], [3.5, 6.0], [-5.0, 99.0]]


@with_opencv
def test_a_shift_is_found_and_trusted_but_not_where_it_leaves_the_picture(picture: np.ndarray) -> None:
    shifted = np.roll(picture, (2, -3), (0, 1))
    flow, sure = optical_flow.consistent_flow(picture, shifted)
    inner = flow[16:-16, 16:-16].reshape(-1, 2)
    assert np.abs(np.median(inner, axis=0) - (-3, 2)).max() < 0.2
    assert sure[16:-16, 16:-16].mean() > 0.9
    assert not sure[:, 0].any()  # three pixels to the left of it there is nothing


@with_opencv
def test_flat_parts_have_no_structure(picture: np.ndarray) -> None:
    half = picture.copy()
    half[:, 48:] = 90
    seen = optical_flow.structured(half)
    assert seen[:, :40].mean() > 0.9
    assert not seen[:, 56:].any()


class Shifting:
    """A generator that shifts its picture by the latent's first number, and whose features say nothing."""

    img_resolution = 96
    img_shape = (96, 96)

    def __init__(self, picture: np.ndarray) -> None:
        self.picture = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        self.synthesis = self

    def parameters(self) -> Iterator[torch.Tensor]:
        return iter([self.picture])

    def features(self, ws: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        return torch.zeros(1, 4, 96, 96) + 0 * ws.sum()

    def __call__(self, ws: torch.Tensor, **_: object) -> torch.Tensor:
        return self.picture.roll(round(float(ws[0, 0, 0])), 3)


@with_opencv
def test_the_engine_follows_the_picture_and_not_the_features(picture: np.ndarray) -> None:
    handles = np.array([[40.3, 50.7], [60.0, 30.0]])
    problem = DragProblem(Shifting(picture), torch.zeros(1, 2, 4), handles, None, 0.1, 1.0, 2)
    engine = engines.create(optical_flow.ENGINE, problem)
    assert np.allclose(engine.locate(), handles)
    for shift in (2.0, 4.0):
        engine._free.data[0, 0, 0] = shift  # type: ignore[attr-defined]
        assert np.abs(engine.locate() - handles - (shift, 0)).max() < 0.5


def test_without_opencv_the_rest_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert not optical_flow.is_there()
    for ask in (
        optical_flow.require,
        lambda: rows.choose([optical_flow.ENGINE], masked=False),
        lambda: tracking.choose(["flow-by-steps"]),
    ):
        with pytest.raises(PullfaceError) as caught:
            ask()
        assert caught.value.code == "no_flow"
        assert "pip install opencv-python-headless" in caught.value.hint
    assert tracking.choose(None)[:2] == ["still", "reference"]
    assert not any("flow" in name for name in tracking.choose(None))
