"""Mutated model files, some hundred of them; `tests.models.fuzz` opens more and explains what is watched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


# In a process of its own: an audit hook stays for good, and a crash must not take the tests along.
def opened(files: int, seed: int) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.models.fuzz", str(files), "--seed", str(seed)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=3600)
    assert answer.stdout.startswith("{"), answer.stderr[-2000:]
    report: dict[str, object] = json.loads(answer.stdout)
    return report


def test_mutated_files_do_nothing_but_fail() -> None:
    report = opened(300, seed=1)
    assert report["failures"] == []
    assert int(str(report["refused"])) > 100
    assert (
        int(str(report["opened"])) > 10
    )  # mutations of weights alone; all the rest of the way was gone, too


@pytest.mark.slow
def test_many_mutated_files_do_nothing_but_fail() -> None:
    report = opened(1000, seed=2)  # `python -m tests.models.fuzz 10000` does the many
    assert report["failures"] == []
