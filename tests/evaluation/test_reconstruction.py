"""Paired image reconstruction on a model with random weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from backend.evaluation import optical_flow, reconstruction
from backend.evaluation.__main__ import main
from backend.evaluation.bench import Bench, Setting
from backend.evaluation.reconstruction import squared_error

with_opencv = pytest.mark.skipif(not optical_flow.is_there(), reason="needs opencv-python-headless")


def test_the_error_counts_from_minus_one_to_one() -> None:
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert squared_error(black, white) == pytest.approx(4.0)
    assert squared_error(white, white) == 0
    half = black.copy()
    half[:2] = 51
    assert squared_error(black, half) == pytest.approx(0.4**2 / 2)


@with_opencv
def test_points_move_as_the_flow_between_both_pictures(model: Path, tmp_path: Path) -> None:
    bench = Bench(Setting(tmp_path, str(model), detector="toon", device="cpu"))
    case, again = (reconstruction.case(bench, 0) for _ in range(2))
    assert np.array_equal(case.pairs, again.pairs)
    assert case.pairs.shape[1:] == (2, 2)
    assert 1 <= len(case.pairs) <= reconstruction.POINTS
    assert len({tuple(pair[0]) for pair in case.pairs}) == len(case.pairs)
    ways = np.linalg.norm(case.pairs[:, 1] - case.pairs[:, 0], axis=1)
    assert ways.min() > 0.9  # less only where a target was brought back into the picture
    flow = optical_flow.dense_flow(case.source.picture, case.wanted)
    handle, target = case.pairs[0]
    expected = handle + flow[int(handle[1]), int(handle[0])]
    assert np.allclose(target, expected.clip(0, bench.side - 1e-3))
    assert case.walk > 0


@with_opencv
def test_the_command_compares_every_engine(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "reconstruction",
        "--pairs",
        "2",
        "--steps",
        "2",
        "--detector",
        "toon",
        "--device",
        "cpu",
        "--json",
    ]
    words += ["--engines", "reference", "reference-flow", "--model", str(model), "--run", str(tmp_path)]
    assert main(words) == 0
    table = json.loads(capsys.readouterr().out)
    assert [row["row"] for row in table["rows"]] == ["no-edit", "reference", "reference-flow"]
    nothing = table["rows"][0]
    assert nothing["mse"] > 0
    assert nothing["walked"] == 0
    assert [one["row"] for one in table["compared"]] == ["reference-flow"]
    assert "MSE × 100" in (tmp_path / "reconstruction.md").read_text(encoding="utf-8")
    assert (tmp_path / "reconstruction.webp").stat().st_size > 1000
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == table


def test_without_opencv_it_says_so(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert main(["reconstruction", "--model", str(model), "--run", str(tmp_path)]) == 2
    assert "OpenCV is missing" in capsys.readouterr().err
