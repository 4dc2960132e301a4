"""Which programs a figure depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.evaluation import sources


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    engine = tmp_path / "backend" / "engine"
    engine.mkdir(parents=True)
    (engine / "__init__.py").write_text("from backend.engine.other import x\n", encoding="utf-8")
    (engine / "fast.py").write_text("import numpy\nfrom . import steps\n", encoding="utf-8")
    (engine / "steps.py").write_text("def late():\n    import stylegan_ops.conv\n", encoding="utf-8")
    (engine / "other.py").write_text("from backend.engine import fast\nx = 1\n", encoding="utf-8")
    (tmp_path / "stylegan_ops").mkdir()
    (tmp_path / "stylegan_ops" / "conv.py").write_text("y = 1\n", encoding="utf-8")
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    return tmp_path


def version() -> str:
    sources.version_of.cache_clear()
    return sources.version_of("backend.engine.fast")


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("backend/engine/fast.py", True),
        ("backend/engine/steps.py", True),
        ("stylegan_ops/conv.py", True),
        ("backend/engine/other.py", False),
        ("backend/engine/__init__.py", False),
    ],
)
def test_what_an_engine_imports_counts_and_nothing_else(tree: Path, file: str, counts: bool) -> None:
    before = version()
    assert version() == before
    with (tree / file).open("a", encoding="utf-8") as text:
        text.write("z = 2\n")
    assert (version() != before) is counts


def test_the_engines_that_there_are_have_a_version() -> None:
    sources.version_of.cache_clear()
    assert sources.version_of("backend.engine.reference") != sources.version_of("backend.engine.motion")
