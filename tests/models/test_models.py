"""Model files: what there is, loading, and every way a file can be wrong."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend import models
from backend.errors import PullfaceError
from backend.models import storage
from backend.models.catalogue import METADATA_KEY
from backend.models.model import Model, w_statistics
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.encoder import Encoder
from stylegan_ops.stylegan2 import Generator

from .conftest import DISCRIMINATOR, GENERATOR


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small random model, written in float32."""
    torch.manual_seed(0)
    generator = Generator(**GENERATOR)
    mean, covariance = w_statistics(generator, samples=500)
    model = Model("tiny", "noise", "MIT", generator, Discriminator(**DISCRIMINATOR), mean, covariance)
    path = tmp_path / "tiny.safetensors"
    storage.write(path, model, "Random weights.", GENERATOR, DISCRIMINATOR, dtype=torch.float32)
    return path


def metadata(path: Path) -> dict[str, Any]:
    with path.open("rb") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        return json.loads(json.loads(f.read(length))["__metadata__"][METADATA_KEY])


def test_a_written_model_reads_back_exactly(file: Path) -> None:
    torch.manual_seed(0)
    original = Generator(**GENERATOR)
    model = models.load(file)
    z = torch.randn(2, 8)
    assert torch.equal(model.generator(z, noise_mode="const"), original(z, noise_mode="const"))
    assert (model.name, model.resolution, model.licence) == ("tiny", 16, "MIT")
    assert not any(p.requires_grad for p in model.generator.parameters())
    assert model.w_std.shape == model.w_mean.shape == (16,)


ENCODER: dict[str, Any] = {
    "img_resolution": 16,
    "num_ws": 6,
    "w_dim": 16,
    "channels": [8, 16],
    "blocks": [0, 1],
    "hidden": 16,
}


def test_an_encoder_travels_with_its_model(file: Path, tmp_path: Path) -> None:
    plain = models.load(file)
    assert plain.encoder is None
    encoder = Encoder(**ENCODER)
    torch.nn.init.normal_(encoder.shared.weight)
    encoder.w_mean.normal_()
    path = tmp_path / "with.safetensors"
    storage.write(
        path,
        replace(plain, encoder=encoder),
        "Random.",
        GENERATOR,
        DISCRIMINATOR,
        torch.float32,
        encoder=ENCODER,
    )
    model = models.load(path)
    assert model.encoder is not None
    picture = torch.rand(2, 3, 16, 16) * 2 - 1
    assert torch.equal(model.encoder(picture), encoder(picture))
    assert not any(p.requires_grad for p in model.encoder.parameters())
    assert model.generator.synthesis(model.encoder(picture)).shape == picture.shape


def test_files_from_before_there_were_encoders_load(file: Path) -> None:
    old = {key: value for key, value in metadata(file).items() if key != "encoder"}
    save_file(load_file(file), file, metadata={METADATA_KEY: json.dumps(old)})
    assert models.load(file).encoder is None


def test_a_network_is_not_written_without_its_arguments(file: Path, tmp_path: Path) -> None:
    model = replace(models.load(file), encoder=Encoder(**ENCODER))
    with pytest.raises(ValueError, match="encoder"):
        storage.write(tmp_path / "x.safetensors", model, "Random.", GENERATOR, DISCRIMINATOR)


def test_listing_models_does_not_load_torch() -> None:
    code = "import sys; from backend import models; models.available(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_model_names_the_choices() -> None:
    with pytest.raises(PullfaceError) as caught:
        models.load("no-such-model")
    assert caught.value.code == "unknown_model"
    assert "toon" in caught.value.hint


def rewrite(path: Path, change: dict[str, Any]) -> None:
    """Save the file again with another description; the weights stay."""
    save_file(load_file(path), path, metadata={METADATA_KEY: json.dumps({**metadata(path), **change})})


def damage_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def damage_html(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html><body>404</body></html>")


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_foreign(path: Path) -> None:
    save_file({"a": torch.zeros(2)}, path)


def damage_nan(path: Path) -> None:
    tensors = load_file(path)
    tensors["generator.synthesis.b4.const"][0, 0, 0] = float("nan")
    save_file(tensors, path, metadata={METADATA_KEY: json.dumps(metadata(path))})


def damage_missing_weight(path: Path) -> None:
    tensors = load_file(path)
    del tensors["generator.synthesis.b4.const"]
    save_file(tensors, path, metadata={METADATA_KEY: json.dumps(metadata(path))})


def damage_other_statistics(path: Path) -> None:
    save_file(
        {**load_file(path), "w.covariance": torch.eye(8)},
        path,
        metadata={METADATA_KEY: json.dumps(metadata(path))},
    )


def damage_wrong_shape(path: Path) -> None:
    rewrite(path, {"generator": {**GENERATOR, "w_dim": 32}})


def damage_huge_claim(path: Path) -> None:
    rewrite(path, {"generator": {**GENERATOR, "img_resolution": 65536, "channel_max": 65536}})


def damage_unknown_argument(path: Path) -> None:
    rewrite(path, {"generator": {**GENERATOR, "surprise": 1}})


def damage_missing_encoder(path: Path) -> None:
    rewrite(path, {"encoder": ENCODER})


def damage_header_length(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 1 << 60) + path.read_bytes()[8:])


def damage_deep_header(path: Path) -> None:
    nest = b"[" * 100_000
    path.write_bytes(struct.pack("<Q", len(nest)) + nest)


DAMAGES = [value for name, value in sorted(globals().items()) if name.startswith("damage_")]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__.removeprefix("damage_"))
def test_a_damaged_file_gets_a_sentence(file: Path, damage: Any) -> None:
    damage(file)
    content = file.read_bytes()
    with pytest.raises(PullfaceError) as caught:
        models.load(file)
    assert caught.value.code == "bad_model"
    assert "tiny.safetensors" in caught.value.message
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "claim",
    [
        {"generator": {**GENERATOR, "base_size": [0, 4]}},
        {"generator": {**GENERATOR, "base_size": [10**40, 4]}},
        {"generator": {**GENERATOR, "base_size": 4}},
        {"generator": {**GENERATOR, "c_dim": 2}, "label_names": ["one"]},
        {"generator": {**GENERATOR, "c_dim": 2}, "label_names": [1, 2]},
    ],
)
def test_a_size_or_names_that_cannot_be_are_not_listed(file: Path, claim: dict[str, Any]) -> None:
    rewrite(file, claim)
    with pytest.raises(PullfaceError) as caught:
        models.find(file)
    assert caught.value.code == "bad_model"
