"""Krita 5 brings PyQt5, Krita 6 PyQt6; one process can load only one of them, so the other gets its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent


@pytest.mark.skipif("PULLFACE_TEST_QT" in os.environ, reason="this run is for one Qt only")
@pytest.mark.skipif("PyQt6.QtCore" in sys.modules, reason="the other Qt, PyQt5, does not work here")
def test_all_of_this_with_the_other_qt() -> None:
    variables = {**os.environ, "PULLFACE_TEST_QT": "6"}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(FOLDER)]
    answer = subprocess.run(
        command,
        cwd=FOLDER.parents[1],
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = answer.stdout + answer.stderr
    if "PyQt6 does not work here" in told:
        pytest.skip(told[told.index("PyQt6 does not work here") :].splitlines()[0])
    assert answer.returncode == 0, told[-6000:]
