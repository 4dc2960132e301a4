"""The inversion table: tiny, but all of it, in its own processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import PullfaceError
from backend.evaluation import pictures, report, table
from backend.evaluation.__main__ import main
from backend.evaluation.drags import PULLS, round_mask
from backend.evaluation.methods import settings_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("outside")
    rough = np.random.default_rng(0).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    Image.fromarray(rough).resize((48, 48), Image.Resampling.BICUBIC).save(place / "square.png")
    (place / "notes.txt").write_text("not a picture", encoding="utf-8")
    return place


def words(model: Path, folder: Path, run: Path) -> list[str]:
    return [
        *(
            "evaluate",
            "inversion",
            "--json",
            "--model",
            str(model),
            "--folder",
            str(folder),
            "--run",
            str(run),
        ),
        *(
            "--groups",
            "outside",
            "--pictures",
            "1",
            "--pti-pictures",
            "1",
            "--samples",
            "1",
            "--threads",
            "1",
        ),
        *("--pti-steps", "2,2", "--drag-steps", "1"),
        *("--inversion-option", "pivot_steps=2", "--inversion-option", "tuning_steps=1"),
    ]


def test_the_command_measures_and_goes_on_where_it_was(
    model: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "backend.cli", *words(model, folder, run)]
    environment = {**os.environ, "PULLFACE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}

    answer = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300, check=False
    )
    assert answer.returncode == 0, answer.stderr
    first = json.loads(answer.stdout)
    assert [(row["method"], row["group"], row["pictures"]) for row in first["rows"]] == [
        ("pti", "outside", 1),
        ("ours", "outside", 1),
    ]
    for job in first["jobs"]:
        if job["method"] == "samples":
            assert len(job["pulls"]) == len(PULLS)
            continue
        assert 0 < job["psnr"] < 60
        assert 0 <= job["ms_ssim"] <= 1
        assert job["distance"] > 0
        assert job["seconds"]["total"] > 0
        assert 0 < job["seconds"]["processor"] < 1.5 * job["seconds"]["total"]
        assert 0 < job["seconds"]["first_preview"] <= job["seconds"]["total"] + 1
        assert [work for *_, work in job["way"]] == sorted(work for *_, work in job["way"])
        assert job["way"][-1][3] <= job["seconds"]["processor"]
        assert job["delta_bytes"] > 100
        assert job["megabytes"]["all"] >= job["megabytes"]["inversion"] > 50
        assert job["pulls"][0]["steps"] == 1
    assert not first["published"]
    assert first["ratios"]["outside"]["times_faster"] > 0
    assert "NOT as published" in (run / "table.md").read_text(encoding="utf-8")
    with Image.open(run / "sheet.webp") as page:
        assert page.width > page.height
    # Resumed: the same figures to the last digit, which no second measuring of seconds would give.
    assert main(words(model, folder, run)[1:]) == 0
    assert json.loads(capsys.readouterr().out) == first


def test_other_settings_are_other_jobs(model: Path, folder: Path, tmp_path: Path) -> None:
    def names(**changes: object) -> set[str]:
        plan = table.Plan(run=tmp_path, model=str(model), folder=folder, groups=("outside",), **changes)
        return {job.name for job in table.plan_jobs(plan) if job.method != "samples"}

    assert names() == names()
    assert len(names() & names(options={"tuning_steps": 3})) == 1  # pti's
    assert len(names() & names(pti_steps=(1, 1))) == 1  # ours
    assert not names() & names(drag_steps=3)


def test_pti_has_its_published_steps() -> None:
    settings = settings_of("pti")
    assert (settings.pivot_steps, settings.tuning_steps) == (450, 350)


@pytest.mark.parametrize(("method", "options"), [("best", {}), ("ours", {"speed": 3})])
def test_unknown_methods_and_settings(method: str, options: dict) -> None:
    with pytest.raises(PullfaceError) as caught:
        settings_of(method, options=options)
    assert caught.value.code == "bad_options"


def test_the_held_out_faces_are_always_the_same_and_never_each_other() -> None:
    first, second = pictures.renders(2, 64)
    again = pictures.renders(1, 64, first=1)[0]
    assert np.array_equal(second.rgb, again.rgb)
    assert not np.array_equal(first.rgb, second.rgb)


def test_paint_keeps_the_picture_and_its_colours() -> None:
    flat = np.full((128, 128, 3), (180, 120, 90), np.uint8)
    painted = pictures.as_if_painted(flat, 3)
    assert np.array_equal(painted, pictures.as_if_painted(flat, 3))
    assert not np.array_equal(painted, pictures.as_if_painted(flat, 4))
    assert np.abs(painted.mean((0, 1)) - flat.mean((0, 1))).max() < 3
    grey = painted.mean(axis=2)
    assert 8 < grey.std() < 25

    # Strokes are longer than they are wide: neighbours along some direction agree, far ones do not.
    def alike(x: int, y: int) -> float:
        return float(np.corrcoef(grey.ravel(), np.roll(grey, (y, x), (0, 1)).ravel())[0, 1])

    assert max(alike(3, 0), alike(2, 1), alike(2, 4), alike(-3, 3)) > 0.1
    assert abs(alike(40, 30)) < 0.05


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(PullfaceError) as caught:
        pictures.outside(tmp_path, 3, 64)
    assert caught.value.code == "unreadable"


def test_the_mask_is_round_and_soft() -> None:
    mask = round_mask((40.0, 60.0), 128)
    assert mask[60, 40] == 1
    assert mask[60, 40 + 30] == 0
    assert ((mask > 0) & (mask < 1)).any()


def test_ratios_compare_the_same_pictures() -> None:
    def result(seconds: float, quality: float, left: float) -> dict:
        times = dict.fromkeys(("total", "processor", "first_preview", "recognisable", "usable"), seconds)
        pull = {"feature": "nose", "asked": 6.0, "before": 6.0, "after": left, "steps": 3, "seconds": 1.0}
        return {
            "psnr": quality,
            "ms_ssim": 0.9,
            "distance": 0.1,
            "perceptual": "discriminator",
            "lpips": None,
            "seconds": times,
            "megabytes": {"all": 500.0},
            "delta_bytes": 2_000_000,
            "pulls": [pull],
        }

    def job(name: str, method: str, picture: str) -> table.Job:
        return table.Job(name, method, "render", picture, "", "", [450, 350], {}, 60, 1, 0)

    jobs = [job("s", "samples", ""), job("p", "pti", "a"), job("o", "ours", "a"), job("q", "ours", "b")]
    results = {
        "s": result(0, 0, 2.0),
        "p": result(100, 30.0, 3.0),
        "o": result(8, 31.0, 2.2),
        "q": result(2, 10.0, 9.0),
    }
    results["o"]["way"] = [
        (1, 30.5, 0.95, 1.0),
        (2, 31.0, 0.6, 2.0),
        (4, 30.2, 0.9, 4.0),
        (6, 31.0, 0.9, 6.0),
    ]
    plan = table.Plan(run=Path(), groups=("render",))
    found = table.summary(plan, jobs, results)
    assert [row["pictures"] for row in found["rows"]] == [1, 1, 2]
    assert found["ratios"]["render"]["times_faster"] == pytest.approx(12.5)
    assert found["ratios"]["render"]["psnr_more"] == pytest.approx(1.0)
    assert found["rows"][1]["drag_ratio"] == pytest.approx(1.1)
    assert found["rows"][2]["drag"] == pytest.approx(5.6)
    assert found["ratios"]["render"]["as_near"] == [
        pytest.approx(25)
    ]  # after 4 s: what comes before did not last
    assert "12.5 times as fast" in report.markdown(found)
    assert "on 1 of 1 pictures it was as near" in report.markdown(found)
    results["o"] |= result(8, 29.0, 2.2)
    assert table.summary(plan, jobs, results)["ratios"]["render"]["as_near"] == [None]
