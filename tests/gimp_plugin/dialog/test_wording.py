"""The sentences that only GIMP's dialog has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gimp_plugin.pullface.dialog.wording import connection_text, progress_text


def test_what_is_reached_is_told_with_device_and_models() -> None:
    models: list[dict[str, Any]] = [{"name": "toon"}, {"name": "faces"}]
    assert connection_text("1.2.3", "cuda:0", models) == (
        "The Pullface backend 1.2.3 answers on the graphics card.",
        "Models: toon, faces.",
    )
    assert connection_text("1.2.3", "", []) == (
        "The Pullface backend 1.2.3 answers.",
        "It has no model yet.",
    )


def test_who_has_no_points_is_told_how_to_place_them() -> None:
    pull = SimpleNamespace(busy=False, pairs=[], last_step=0, step=0)
    assert "Drag on the picture" in progress_text(pull, framing=False)
    assert "Enter ends it" in progress_text(pull, framing=True)
