"""``pullface train`` as a person runs it: a folder of pictures becomes a model that loads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.cli import main

ROOT = Path(__file__).resolve().parents[2]
TINY = [
    "--framing",
    "centre",
    "--resolution",
    "16",
    "--batch-size",
    "4",
    "--channel-base",
    "64",
    "--channel-max",
    "8",
    "--w-dim",
    "8",
    "--z-dim",
    "4",
    "--mapping-layers",
    "1",
    "--frechet-pictures",
    "8",
    "--snapshot-images",
    "8",
]


def pictures(folder: Path, n: int = 5) -> Path:
    folder.mkdir()
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 255, (20, 24, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "backend.cli", "train", *map(str, words)]


def test_a_folder_becomes_a_model_in_two_starts(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = command(
        "--run", run, "--data", pictures(tmp_path / "mine"), *TINY, "--images", "80000", "--name", "noise"
    )
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 300
        while not (run / "checkpoint.safetensors").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # Ctrl+C goes to both processes
        assert process.wait(120) == 130
        assert process.stdout is not None
        said = process.stdout.read()
    assert "left out broken.png: it cannot be read" in said
    assert "5 pictures are ready" in said
    assert "go on" in said
    assert "Traceback" not in said

    done = subprocess.run(
        command("--run", run, "--images", "16"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "resuming after" in done.stdout
    from backend import models

    model = models.load(run / "noise.safetensors")
    assert (model.name, model.resolution) == ("noise", 16)
    assert list(run.glob("samples-*.png"))


def test_a_run_keeps_its_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.json").write_text(json.dumps({"batch_size": 8, "resolution": 16}))
    assert main(["train", "--run", str(tmp_path), "--batch-size", "4"]) == 2
    assert "batch_size" in capsys.readouterr().err
    assert json.loads((tmp_path / "settings.json").read_text())["batch_size"] == 8


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "no-such-folder"], "There is no folder"),
        (["--preset", "toon", "--images", "5"], "brings its own settings"),
        (["--output", "model.pkl"], "ends in .safetensors"),
    ],
)
def test_what_cannot_be_gets_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main(["train", "--run", str(tmp_path / "run"), *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_mistake_that_only_the_training_sees_gets_a_sentence_too(tmp_path: Path) -> None:
    words = command(
        "--run", tmp_path / "run", "--data", pictures(tmp_path / "mine", 1), *TINY, "--batch-size", "6"
    )
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert answer.returncode == 2
    assert "6 is not possible for batch size" in answer.stderr
    assert "Traceback" not in answer.stderr
