"""The example that the demo and the README use."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_example_is_what_its_program_paints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_portrait", EXAMPLES / "make_portrait.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "HERE", tmp_path)
    program.main()
    assert json.loads((tmp_path / "portrait.json").read_text()) == json.loads(
        (EXAMPLES / "portrait.json").read_text()
    )
    for name in ("portrait.png", "portrait-mask.png"):
        made, shipped = (np.asarray(Image.open(f / name)).astype(int) for f in (tmp_path, EXAMPLES))
        assert np.abs(made - shipped).max() <= 2  # processors round a little differently


def test_pairs_lie_where_the_picture_may_move() -> None:
    told = json.loads((EXAMPLES / "portrait.json").read_text())
    mask = np.asarray(Image.open(EXAMPLES / told["mask"]))
    x, y, size = told["crop"]
    for point in (p for pair in told["pairs"] for p in pair):
        assert x < point[0] < x + size
        assert y < point[1] < y + size
        assert mask[int(point[1]), int(point[0])] > 250
    assert mask[0].max() == mask[-1].max() == 0
    distance = np.linalg.norm(np.diff(np.array(told["pairs"]), axis=1), axis=-1) * 128 / size
    assert distance.min() > 4  # a pull that one sees
