from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

from installer.lock import exclusive
from installer.stages import Stages, key_of
from installer.texts import InstallError


def test_a_stage_is_finished_only_when_its_block_ended_well(tmp_path: Path) -> None:
    stages = Stages(tmp_path / "stages")
    assert not stages.finished("libraries", "a")
    with stages.running("libraries", "a") as broke_off:
        assert not broke_off
        assert not stages.finished("libraries", "a")
    assert stages.finished("libraries", "a")
    assert not stages.finished("libraries", "b")


def test_a_broken_stage_runs_again_and_knows_that_it_broke(tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    with stages.running("torch", "a"):
        pass
    with pytest.raises(RuntimeError), stages.running("torch", "b"):
        raise RuntimeError("the download broke off")
    # The stamp of the first run must not vouch for what the second one left half-done.
    assert not stages.finished("torch", "a")
    assert not stages.finished("torch", "b")
    with Stages(tmp_path).running("torch", "b") as broke_off:
        assert broke_off
    assert Stages(tmp_path).finished("torch", "b")
    with Stages(tmp_path).running("torch", "c") as broke_off:
        assert not broke_off


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 5}', "\x00"])
def test_a_damaged_stamp_counts_for_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "torch.json").write_text(content)
    assert not Stages(tmp_path).finished("torch", "a")


def test_keys_depend_on_every_part_and_their_borders() -> None:
    assert len({key_of("a", "bc"), key_of("ab", "c"), key_of("abc"), key_of("a", "b", "c")}) == 4
    assert key_of("a", "b") == key_of("a", "b")


def hold(path: Path, entered: multiprocessing.synchronize.Event, seconds: float) -> None:
    with exclusive(path):
        entered.set()
        time.sleep(seconds)


def test_a_second_installer_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = multiprocessing.get_context("spawn")
    entered = context.Event()
    first = context.Process(target=hold, args=(tmp_path / "lock", entered, 0.6))
    first.start()
    assert entered.wait(20)
    with exclusive(tmp_path / "lock", poll=0.05):
        first.join(5)
        assert first.exitcode == 0
    assert "waiting for it" in capsys.readouterr().out


def test_a_killed_installer_leaves_no_lock_and_a_patient_one_gives_up(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    entered = context.Event()
    first = context.Process(target=hold, args=(tmp_path / "lock", entered, 60))
    first.start()
    assert entered.wait(20)
    with (
        pytest.raises(InstallError, match="still at work"),
        exclusive(tmp_path / "lock", patience=0.2, poll=0.05),
    ):
        pytest.fail("entered beside the holder")
    first.kill()
    first.join()
    with exclusive(tmp_path / "lock", patience=5, poll=0.05):
        pass
