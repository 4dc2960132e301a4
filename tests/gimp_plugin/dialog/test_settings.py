"""What the dialog remembers from one time to the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gimp_plugin.pullface.backend.editing.host import AreaOptions
from gimp_plugin.pullface.dialog.settings import NAME, Settings


def test_settings_come_back(tmp_path: Path) -> None:
    kept = Settings("toon", AreaOptions("selection", -3, 12), 0.75, (900, 640))
    kept.save(tmp_path)
    assert Settings.load(tmp_path) == kept
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"model": 1}',
        "{" * 100_000,
        json.dumps(
            {
                "model": "",
                "area": {"movable": "all", "grow": 0, "feather": 0},
                "strength": 0.4,
                "size": [900, 600],
            }
        ),
        json.dumps(
            {
                "model": "",
                "area": {"movable": "crop", "grow": 1e400, "feather": 0},
                "strength": 0.4,
                "size": [1, 2],
            }
        ),
    ],
)
def test_what_cannot_be_read_is_the_default(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert Settings.load(tmp_path) == Settings()


def test_nothing_is_lost_where_nothing_can_be_kept(tmp_path: Path) -> None:
    Settings().save(tmp_path / "not there")
    assert Settings.load(tmp_path / "not there") == Settings()


def test_sizes_and_strengths_beyond_reason_are_held(tmp_path: Path) -> None:
    Settings("", AreaOptions(), 7.0, (5, 10**9)).save(tmp_path)
    assert Settings.load(tmp_path) == Settings("", AreaOptions(), 1.0, (600, 10_000))
