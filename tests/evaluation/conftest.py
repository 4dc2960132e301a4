from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a model with random weights: everything runs, nothing is good."""
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    write_model(path)
    return path
