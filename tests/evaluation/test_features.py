"""What a Fréchet distance is measured on, and how it is called."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from backend.evaluation.features import INCEPTION_FILE, features_for
from backend.models import load

RGB = np.full((20, 20, 3), 51, np.uint8)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of torch.hub without anything in it, and pytorch-fid as its documentation has it."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    class InceptionV3(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            return [pictures.mean(dim=(2, 3), keepdim=True).repeat(1, 4, 1, 1)]

    module = ModuleType("pytorch_fid.inception")
    module.InceptionV3 = InceptionV3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pytorch_fid", ModuleType("pytorch_fid"))
    monkeypatch.setitem(sys.modules, "pytorch_fid.inception", module)
    return folder


def test_the_discriminator_stands_in_and_is_not_called_fid(hub: Path, model: Path) -> None:
    features = features_for(load(model))
    assert features is not None
    assert not features.published
    assert "no FID" in features.name
    values = features.of(RGB)
    assert values.ndim == 1
    assert values.isfinite().all()
    assert not torch.equal(values, features.of(255 - RGB))


def test_inception_is_taken_when_its_weights_are_there(hub: Path, model: Path) -> None:
    (hub / INCEPTION_FILE).write_bytes(b"weights")
    features = features_for(load(model))
    assert features is not None
    assert features.published
    assert features.of(RGB).tolist() == pytest.approx([0.2] * 12)  # it is given values from 0 to 1


def test_weights_without_the_package_are_no_use(
    hub: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hub / INCEPTION_FILE).write_bytes(b"weights")
    monkeypatch.setitem(sys.modules, "pytorch_fid.inception", None)
    features = features_for(load(model))
    assert features is not None
    assert not features.published


def test_a_model_without_a_discriminator_has_no_features(hub: Path) -> None:
    assert features_for(SimpleNamespace(discriminator=None)) is None  # type: ignore[arg-type]
