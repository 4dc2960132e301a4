"""A run's folder: nothing twice, nothing half."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from backend.errors import PullfaceError
from backend.evaluation.runs import Result, RunFolder, Task, Tell, complete, digest, read_json


def task(name: str, done: list[str], fails: bool = False) -> Task:
    def work(tell: Tell) -> Result:
        tell(0.5)
        if fails:
            raise KeyboardInterrupt
        done.append(name)
        return Result({"number": len(done), "none": None}, {"latent": torch.tensor([1.5, len(done)])})

    return Task(name, name, work)


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    folder, done = RunFolder(tmp_path / "deep" / "run"), []
    with pytest.raises(KeyboardInterrupt):
        complete(folder, [task("a", done), task("b", done), task("c", done, fails=True)], "test")
    assert done == ["a", "b"]
    results = complete(RunFolder(folder.path), [task(name, done) for name in "abcd"], "test")
    assert done == ["a", "b", "c", "d"]
    assert {name: result.figures["number"] for name, result in results.items()} == dict(
        zip("abcd", (1, 2, 3, 4))
    )
    assert results["b"].tensors["latent"].tolist() == [1.5, 2.0]
    assert results["b"].figures["none"] is None


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "another"])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: str) -> None:
    folder, done = RunFolder(tmp_path), []
    complete(folder, [task("a", done), task("b", done)], "test")
    file = tmp_path / "a.safetensors"
    whole = file.read_bytes()
    if damage == "another":
        from safetensors.torch import save_file

        save_file({"x": torch.zeros(1)}, file)
    else:
        file.write_bytes({"cut": whole[:-3], "empty": b"", "noise": os.urandom(len(whole))}[damage])
    assert folder.read("a") is None
    assert complete(folder, [task("a", done), task("b", done)], "test")["a"].figures["number"] == 3
    assert done == ["a", "b", "a"]
    assert folder.read("a") is not None


def test_nothing_half_is_left_behind(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write("a", Result({"x": 1}))
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(PullfaceError) as caught:
        RunFolder(tmp_path / "file" / "run")
    assert caught.value.code == "unwritable_folder"
    assert "--run" in caught.value.hint


def test_a_folder_that_vanishes_meanwhile(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.rmdir()
    with pytest.raises(PullfaceError) as caught:
        folder.write("a", Result({"x": 1}))
    assert caught.value.code == "unwritable_folder"


def test_a_digest_stands_for_every_part() -> None:
    parts = [b"weights", "name", 3, [1, "all"], {"a": 1}]
    assert digest(*parts) == digest(*parts)
    others = [[b"weight", "sname", *parts[2:]], [*parts[:2], 4, *parts[3:]], parts[:-1]]
    assert len({digest(*some) for some in [parts, *others]}) == 4


@pytest.mark.parametrize(
    ("text", "value"), [('{"a": 1}', {"a": 1}), ('{"a":', None), ("[1]", None), ("", None)]
)
def test_only_a_whole_object_is_read(tmp_path: Path, text: str, value: object) -> None:
    (tmp_path / "file.json").write_text(text, encoding="utf-8")
    assert read_json(tmp_path / "file.json") == value
    assert read_json(tmp_path / "missing.json") is None
