from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from installer.pip import Outcome, clean_environment, package_name, run_pip
from installer.progress import Progress
from installer.texts import duration, megabytes


def outcome(output: str, ok: bool = False) -> Outcome:
    script = f"import sys; sys.stdout.write({output!r}); raise SystemExit({0 if ok else 1})"
    return run_pip([sys.executable, "-c", script], [], Progress("Test", io.StringIO()), Path(os.devnull))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            "WARNING: Retrying: NewConnectionError('...')\nERROR: No matching distribution found for x",
            "broke off",
        ),
        ("ERROR: IncompleteRead(7 bytes read)\n", "broke off"),
        ("ERROR: Could not install: [Errno 28] No space left on device\n", "disk is full"),
        ("noise\nERROR: Wheel 'x' is invalid.\n", "Wheel 'x' is invalid"),
        ("", "no reason"),
    ],
)
def test_failures_in_words(output: str, words: str) -> None:
    failed = outcome(output)
    assert not failed.ok
    error = failed.error(Path("/log"))
    assert words in error.message
    assert error.hint


def test_a_version_that_is_not_offered_is_told_from_a_broken_download() -> None:
    assert outcome(
        "ERROR: Could not find a version that satisfies the requirement torch==2.13.0+cpu"
    ).not_found
    assert not outcome("ERROR: ReadTimeout").not_found


def test_the_log_keeps_the_words_but_not_the_byte_counts(tmp_path: Path) -> None:
    lines = (
        "Collecting numpy==2\\n  Downloading numpy-2-cp311.whl (16.8 MB)\\nProgress 5000000 of 16000000\\n"
    )
    stream = io.StringIO()
    run = [sys.executable, "-c", f"print('{lines}', end='')"]
    told = run_pip(run, ["install"], Progress("Libraries", stream, interval=0), tmp_path / "log")
    assert told.ok
    log = (tmp_path / "log").read_text()
    assert "Downloading numpy-2" in log
    assert "Progress" not in log
    assert "looking for numpy" in stream.getvalue()


def test_nothing_of_the_caller_leads_out_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    cleaned = clean_environment()
    assert "/elsewhere" not in cleaned.values()
    assert cleaned["PIP_USER"] == "0"
    assert cleaned["PIP_FIND_LINKS"] == "/wheels"  # the user's own package sources stay


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("torch==2.13.0+cpu", "torch"),
        ("https://host/a/numpy-2.4.6-cp311-cp311-linux.whl", "numpy"),
        ("typing_extensions>=4", "typing_extensions"),
        ("/wheels/skia_python-144.1-cp311.whl", "skia_python"),
        ("jinja2", "jinja2"),
        ("numpy==2.4.6 (from -r /a/requirements/runtime.lock (line 4))", "numpy"),
        ("/a folder/stone-1.0-py3-none-any.whl (from somewhere)", "stone"),
    ],
)
def test_package_names(text: str, name: str) -> None:
    assert package_name(text) == name


def test_words_for_sizes_and_durations() -> None:
    assert (megabytes(180), megabytes(2600)) == ("180 MB", "2.6 GB")
    assert (duration(8.4), duration(125)) == ("8 s", "2 min 5 s")
