from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from backend.sessions.step_log import StepLog, StepRecord, count_steps


def record(step: int, size: int = 64) -> StepRecord:
    return StepRecord(step, 0, [[1.5, 2.5]], [[3.0, 4.0]], 2.0, 1.0, bytes([step % 256]) * size)


def filled(path: Path, count: int = 5) -> StepLog:
    log = StepLog(path)
    for step in range(1, count + 1):
        log.append(record(step))
    return log


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "steps.log"
    assert count_steps(path) == 0
    log = filled(path)
    again = StepLog(path)
    assert len(log) == len(again) == count_steps(path) == 5
    assert [again.read(step) for step in range(1, 6)] == [record(step) for step in range(1, 6)]
    for step in (0, 6, -1):
        with pytest.raises(LookupError):
            again.read(step)
    for step in (0, 5, 7):
        with pytest.raises(ValueError, match="cannot follow"):
            again.append(record(step))


def test_a_log_that_was_cut_off_anywhere_loses_only_what_was_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "steps.log"
    filled(path)
    whole = path.read_bytes()
    length = len(whole) // 5
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        kept = cut // length
        assert count_steps(path) == kept
        log = StepLog(path)
        assert len(log) == kept
        log.append(record(kept + 1))
        assert StepLog(path).read(kept + 1) == record(kept + 1)
        assert path.stat().st_size == (kept + 1) * length


def test_bytes_that_changed_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "steps.log"
    filled(path)
    whole = path.read_bytes()
    rng = random.Random(1)
    for _ in range(200):
        data = bytearray(whole)
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        log = StepLog(path)
        assert len(log) == place // (len(whole) // 5)
        for step in range(1, len(log) + 1):
            assert log.read(step) == record(step)


def test_a_record_damaged_after_opening_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "steps.log"
    log = filled(path)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert log.read(4) == record(4)
    with pytest.raises(LookupError):
        log.read(5)


def test_records_of_different_sizes(tmp_path: Path) -> None:
    log = StepLog(tmp_path / "steps.log")
    for step, size in enumerate((0, 100_000, 3, 50_000), start=1):
        log.append(replace(record(step, size), handles=[[0.0, 0.0]] * step))
    assert [len(log.read(step).latent) for step in (1, 2, 3, 4)] == [0, 100_000, 3, 50_000]
    assert len(StepLog(tmp_path / "steps.log").read(4).handles) == 4
