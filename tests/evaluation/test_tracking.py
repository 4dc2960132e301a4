"""The trackers alone: the arithmetic of their errors, and walks whose motion is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.errors import PullfaceError
from backend.evaluation import optical_flow, walks
from backend.evaluation.__main__ import main
from backend.evaluation.bench import Bench, Setting
from backend.evaluation.trackers import TRACKERS, Frame
from backend.evaluation.tracking import Plan, choose, errors


def test_errors_count_motion_and_not_where_it_began() -> None:
    truth = np.zeros((3, 2, 2))
    truth[:, 0, 0] = (0, 3, 6)  # one point moves 6 px to the right
    tracked = truth + (10.0, -4.0)  # taken elsewhere, moved alike
    assert errors(tracked, truth, 100) == {"moved": 3.0, "end": 0.0, "way": 0.0, "lost": 0.0}
    tracked[2, 1] += (3.0, 4.0)
    assert errors(tracked, truth, 100) == {"moved": 3.0, "end": 2.5, "way": 1.25, "lost": 0.0}
    assert errors(tracked, truth, 99)["lost"] == 0.5


class Sliding:
    """Features of a texture that slides to the right by what the latent says, px."""

    img_resolution = 64
    img_shape = (64, 64)

    def __init__(self) -> None:
        rough = torch.randn(1, 6, 20, 20, generator=torch.Generator().manual_seed(0))
        self.texture = torch.nn.functional.interpolate(rough, 64, mode="bicubic")
        self.synthesis = self

    def features(self, ws: torch.Tensor, resolution: int, **_: object) -> torch.Tensor:
        assert resolution == 64
        return self.texture.roll(round(float(ws[0, 0, 0])), 3)


def frame(shift: float) -> Frame:
    return Frame(Sliding(), torch.full((1, 2, 4), float(shift)))


@pytest.mark.parametrize("name", ["reference", "gauss-newton"])
def test_the_engines_trackers_follow_the_frames(name: str) -> None:
    handles = np.array([[20.3, 30.8], [31.0, 11.5]])
    frames = [frame(shift) for shift in (0, 1, 2)]
    follow = TRACKERS[name](frames[0], handles)
    assert np.allclose(follow(frames[0]), handles, atol=1e-5)
    assert np.allclose(follow(frames[1]), handles + (1, 0), atol=0.1)
    assert np.allclose(follow(frames[2]), handles + (2, 0), atol=0.1)
    assert np.allclose(TRACKERS["still"](frames[0], handles)(frames[2]), handles)


def test_what_the_generator_takes_is_known() -> None:
    first = frame(0)
    first.features(64)
    once = first.making
    assert once > 0
    first.features(64)
    assert first.making > once


def test_a_latent_walk_moves_the_first_entries_only(model: Path, tmp_path: Path) -> None:
    bench = Bench(Setting(tmp_path, str(model), detector="toon", device="cpu"))
    walk = walks.latent_walk(bench, 0, 4)
    change = walk.frames[-1].latent - walk.frames[0].latent
    free = walks.CHANGED_LAYERS
    assert change[:, :free].abs().sum() > 0
    assert change[:, free:].abs().sum() == 0
    assert torch.allclose(walk.frames[2].latent - walk.frames[0].latent, change / 2, atol=1e-5)
    goal = bench.face(0, 1).latent - bench.face(0, 0).latent
    assert torch.allclose(change[:, :free], walks.PART * goal[:, :free], atol=1e-5)
    found = bench.detector.find(walk.frames[-1].picture) or {}
    assert np.allclose(walk.truth[-1], [found[name] for name in walk.names])


def test_a_model_that_draws_by_other_factors(model: Path, tmp_path: Path) -> None:
    bench = Bench(Setting(tmp_path, str(model), detector="toon", device="cpu"))
    with pytest.raises(PullfaceError) as caught:
        walks.check_factors(bench)
    assert caught.value.code == "no_factors"


def test_shapes_change_and_colours_stay() -> None:
    """The renderer's own motion, without any model: faces of a walk keep what moves no landmark."""
    factors = pytest.importorskip("backend.training.toon.factors", reason="needs skia-python")

    class Anything:
        name = "toon"
        setting = Setting(Path())
        seed = 0

    names, start, end = walks._drawn(Anything(), 0)  # type: ignore[arg-type]
    changed = {name for name, a, b in zip(factors.NAMES, start, end) if a != b}
    assert {"yaw", "nose_y", "mouth_width", "eye_y", "brow_tilt"} <= changed
    assert not changed & {"hair_light", "skin", "background_a", "cloth_light", "hat"}
    truth = walks._rendered(np.stack([start, end]).astype(np.float32), names, 128)
    assert np.linalg.norm(truth[1] - truth[0], axis=1).mean() > 1


def test_the_command_measures_every_tracker(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tracking", "--pairs", "2", "--steps", "2", "--detector", "toon", "--device", "cpu", "--json"]
    words += ["--model", str(model), "--run", str(tmp_path)]
    assert main(words) == 0
    captured = capsys.readouterr()
    table = json.loads(captured.out)
    assert "does not draw by the renderer's factors" in captured.err or "skia" in captured.err
    expected = [name for name in TRACKERS if optical_flow.is_there() or "flow" not in name]
    assert [row["row"] for row in table["rows"]] == expected
    nothing = table["rows"][0]
    assert nothing["end"] == pytest.approx(nothing["moved"])
    assert "error at the end" in (tmp_path / "tracking.md").read_text(encoding="utf-8")
    assert (tmp_path / "tracking.webp").stat().st_size > 1000
    assert main(words) == 0
    assert (
        json.loads(capsys.readouterr().out) == table
    )  # to the last digit of the seconds: nothing was done again


@pytest.mark.parametrize("words", [("--walks", "circles"), ("--engines", "best"), ("--walks", "factors")])
def test_what_cannot_be_tracked(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    usual = (
        "tracking",
        "--run",
        str(tmp_path),
        "--model",
        str(model),
        "--detector",
        "toon",
        "--device",
        "cpu",
    )
    assert main([*usual, *words]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


def test_plans_and_trackers_by_name() -> None:
    assert choose(["reference", "still", "reference"]) == ["still", "reference"]
    with pytest.raises(PullfaceError):
        Plan(Path(), walks=("latent", "up"))
