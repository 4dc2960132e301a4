"""The gallery is whole: every picture is there, before and after, credited, and small."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

GALLERY = Path(__file__).resolve().parents[1] / "docs" / "gallery"
ENTRIES = json.loads((GALLERY / "pulls.json").read_text(encoding="utf-8"))
SHOWN = sorted(file.name.removesuffix("-before.webp") for file in GALLERY.glob("*-before.webp"))
LIMIT = 6_000_000
LICENCES = ("CC BY", "CC0", "GPL", "MIT", "public domain")


def test_at_least_twenty_are_shown() -> None:
    assert len(SHOWN) >= 20
    assert set(SHOWN) <= set(ENTRIES)


@pytest.mark.parametrize("name", SHOWN)
def test_before_and_after(name: str) -> None:
    before = np.asarray(Image.open(GALLERY / f"{name}-before.webp"))
    for pull in ENTRIES[name]["pulls"]:
        after = np.asarray(Image.open(GALLERY / f"{name}-{pull['name']}.webp"))
        assert after.shape == before.shape
        changed = np.abs(after.astype(int) - before).max(axis=2) > 24
        assert changed.mean() < 0.25, "a pull changes its own place only"


@pytest.mark.parametrize("name", SHOWN)
def test_credits(name: str) -> None:
    rows = [line for line in (GALLERY / "README.md").read_text(encoding="utf-8").splitlines() if name in line]
    assert len(rows) == 1
    assert any(licence in rows[0] for licence in LICENCES)


def test_it_is_small() -> None:
    assert sum(file.stat().st_size for file in GALLERY.iterdir()) < LIMIT
