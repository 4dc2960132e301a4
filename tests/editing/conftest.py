from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editing.support import Bench
from tests.server.support import Server, write_model


@pytest.fixture(scope="package")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("editing") / "home") as running:
        yield running


@pytest.fixture
def bench(server: Server, model: Path) -> Iterator[Bench]:
    bench = Bench(server, model)
    yield bench
    bench.close()
