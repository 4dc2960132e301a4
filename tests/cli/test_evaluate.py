"""``pullface evaluate`` as a person runs it; its measures on a model with random weights."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

from PIL import Image

from tests.cli.conftest import House

LANDMARKS = (
    *("evaluate", "landmarks", "--pairs", "2", "--points", "1", "all", "--steps", "2"),
    *("--detector", "toon", "--device", "cpu", "--threads", "1"),
)


def test_landmarks_are_measured_once(house: House, tmp_path: Path) -> None:
    words = (*LANDMARKS, "--mask", "around", "--json", "--model", house.model, "--run", tmp_path)
    engines = ("--engines", "reference", "reference-lambda20")
    answer = house.run(*words, *engines)
    assert answer.returncode == 0, answer.stderr
    table = json.loads(answer.stdout)
    assert [(row["points"], row["row"], row["pairs"]) for row in table["rows"]] == [
        (points, row, 2) for points in ("1", "all") for row in ("no-edit", "reference", "reference-lambda20")
    ]
    assert all(row["left"] > 0 for row in table["rows"])
    dragged = [row for row in table["rows"] if row["row"] != "no-edit"]
    assert all(sum(row["outcomes"].values()) == 2 for row in dragged)
    assert all(row["frechet"] >= 0 and row["walked"] > 0 for row in dragged)
    assert table["about"]["published_features"] is False
    words_of_table = (tmp_path / "landmarks.md").read_text(encoding="utf-8")
    assert "no FID" in words_of_table
    assert json.loads((tmp_path / "landmarks.json").read_text(encoding="utf-8")) == table
    with Image.open(tmp_path / "landmarks.webp") as page:
        assert page.width > 4 * 192

    # What is there is not done again: the very seconds are the same. What is damaged is.
    (damaged,) = tmp_path.glob("landmarks-reference-all-0001-*")
    damaged.write_bytes(damaged.read_bytes()[:-10])
    again = json.loads(house.run(*words, *engines).stdout)
    seconds = [
        {(r["row"], r["points"], r["pair"]): r.get("seconds") for r in t["results"]} for t in (table, again)
    ]
    changed = [key for key in seconds[0] if seconds[0][key] != seconds[1][key]]
    assert changed == [("reference", "all", 1)]
    assert [row["left"] for row in again["rows"]] == [row["left"] for row in table["rows"]]


def test_ctrl_c_keeps_what_is_measured(house: House, tmp_path: Path) -> None:
    words = (
        "evaluate",
        "landmarks",
        "--pairs",
        "400",
        "--points",
        "1",
        "--steps",
        "40",
        "--engines",
        "reference",
    )
    words += ("--detector", "toon", "--threads", "1", "--model", house.model, "--run", tmp_path)
    process = subprocess.Popen(
        house.command(*words),
        env=house.environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background job ignores it, and hands that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("*.safetensors"))) < 4:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    subprocess.run(
        ["kill", "-INT", "--", f"-{process.pid}"], check=True
    )  # as the terminal does it: to all of them
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again" in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("*.part"))


def test_what_cannot_be_measured_is_said_in_a_sentence(house: House, tmp_path: Path) -> None:
    answer = house.run(*LANDMARKS, "--model", house.model, "--run", tmp_path, "--engines", "best")
    assert answer.returncode == 2
    assert answer.stderr.startswith("There is no drag engine called “best” to measure.\n")
    assert len(answer.stderr.strip().splitlines()) == 2
