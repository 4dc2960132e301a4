"""What the measures say when they cannot measure: a sentence, what to do, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.evaluation.__main__ import main


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--points", "some"), "--points cannot be 'some'"),
        (("--pairs", "0"), "--pairs cannot be 0"),
        (("--mask", "face"), "--mask cannot be 'face'"),
        (("--engines", "best"), "no drag engine called “best”"),
        (("--detector", "eyes"), "no landmark detector “eyes”"),
        (("--drag-option", "speed=9"), "no drag setting called “speed”"),
        (("--drag-option", "fast"), "'fast' is no option"),
        (("--model", "nobody"), "no model named “nobody”"),
        (("--device", "abacus"), "no device called “abacus”"),
    ],
)
def test_what_cannot_be_measured(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    usual = (
        "landmarks",
        "--run",
        str(tmp_path),
        "--model",
        str(model),
        "--detector",
        "toon",
    )
    assert main([*usual, *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.strip().splitlines()) == 2


def test_a_folder_without_rights(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "file"
    place.write_text("in the way", encoding="utf-8")
    words = ("landmarks", "--run", str(place), "--model", str(model), "--detector", "toon")
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"Nothing can be kept in the folder {place}.\n")


def test_a_model_of_photographs_needs_its_detector(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where dlib is installed, it finds no face in noise."""
    assert main(["landmarks", "--run", str(tmp_path), "--model", str(model)]) == 2
    assert "dlib" in capsys.readouterr().err
