"""``pullface models``: the whole way of a model into the library, out of it, and what may go wrong on it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from backend import cli, models
from backend.library import published as catalogue
from backend.library.folder import INCOMING
from stylegan_ops import stylegan2
from stylegan_ops.discriminator import Discriminator
from tests.server.support import write_model

from . import formats
from .http_server import Site, serving
from .test_hostile import CANARY, Evil
from .test_readers import picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PULLFACE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "data" / "models"


@pytest.fixture
def pickle(generator: stylegan2.Generator, discriminator: Discriminator) -> bytes:
    return formats.pickled(formats.nvidia(generator, discriminator))


@pytest.fixture
def site(pickle: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site that publishes the model “noise”."""
    with serving(Site(pickle)) as made:
        offer(made, tmp_path, monkeypatch)
        yield made


def offer(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    licence = {"name": "Test licence", "address": "https://example.org/licence", "terms": "For tests only."}
    model = {"name": "noise", "domain": "random pictures", "resolution": 16, "licence": "l", "url": site.url}
    file = folder / "published.json"
    file.write_text(json.dumps({"licences": {"l": licence}, "models": [{**model, **facts}]}))
    monkeypatch.setattr(catalogue, "_LIST", file)


def run(*words: str | Path) -> int:
    return cli.main(["models", *map(str, words)])


def in_library(home: Path) -> list[str]:
    left = [one.name for one in (home / INCOMING).iterdir()] if (home / INCOMING).exists() else []
    return sorted(
        [one.name for one in home.glob("*") if one.is_file()] + [f"{INCOMING}/{one}" for one in left]
    )


def test_a_file_goes_in_and_out(
    home: Path,
    pickle: bytes,
    tmp_path: Path,
    generator: stylegan2.Generator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "network-snapshot-000100.pkl"
    source.write_bytes(pickle)
    words = ("--name", "portraits", "--domain", "oil portraits", "--licence", "CC-BY-4.0")
    assert run("add", source, *words) == 0
    assert in_library(home) == ["portraits.json", "portraits.safetensors"]
    assert source.read_bytes() == pickle

    found = next(model for model in models.available() if model.name == "portraits")
    assert (found.domain, found.licence, found.resolution) == ("oil portraits", "CC-BY-4.0", 16)
    model = models.load("portraits")
    assert torch.equal(picture(model.generator), picture(models.load(source).generator))
    torch.testing.assert_close(picture(model.generator), picture(generator), rtol=1e-5, atol=1e-5)
    assert model.discriminator is not None

    capsys.readouterr()
    assert run("list") == 0
    assert "portraits: oil portraits, 16 px, " in capsys.readouterr().out
    assert run("info", "portraits") == 0
    told = capsys.readouterr().out
    assert re.search(r"came from +.*network-snapshot-000100\.pkl", told)
    assert re.search(r"licence +CC-BY-4\.0", told)

    exported = tmp_path / "out.safetensors"
    assert run("export", "portraits", exported) == 0
    assert exported.read_bytes() == (home / "portraits.safetensors").read_bytes()
    assert run("export", "portraits", exported) == 2
    assert run("remove", "portraits") == 0
    assert in_library(home) == []
    assert not any(one.name == "portraits" for one in models.available())

    assert run("add", exported, "--name", "again") == 0  # one of ours is added as it is
    assert [one.name for one in models.available()] == [
        "toon",
        "again",
    ]  # editors take the first if none is chosen
    assert torch.equal(picture(models.load("again").generator), picture(model.generator))
    assert next(one for one in models.available() if one.name == "again").domain == "oil portraits"


def test_labels_get_names_and_pictures_need_not_be_square(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_model(tmp_path / "tall.safetensors", labels=["0", "1"], base_size=[4, 2])
    assert run("add", source, "--labels", "cat, dog,bird") == 2
    assert "The model has 2 labels, not 3." in capsys.readouterr().err
    assert in_library(home) == []
    assert run("add", source, "--name", "pets", "--labels", "cat, dog") == 0
    (found,) = (model for model in models.available() if model.name == "pets")
    assert (found.height, found.width, found.resolution) == (32, 16, 32)
    assert (found.labels, found.label_names) == (2, ("cat", "dog"))
    assert models.load("pets").shape == (32, 16)
    capsys.readouterr()
    assert run("info", "pets") == 0
    told = capsys.readouterr().out
    assert re.search(r"resolution +16 × 32 px", told)
    assert re.search(r"labels +cat, dog", told)


def test_a_file_is_exported_without_being_added(
    home: Path, pickle: bytes, tmp_path: Path, generator: stylegan2.Generator
) -> None:
    source, target = tmp_path / "x.pkl", tmp_path / "y.safetensors"
    source.write_bytes(pickle)
    assert run("export", source, target) == 0
    torch.testing.assert_close(
        picture(models.load(target).generator), picture(generator), rtol=1e-5, atol=1e-5
    )
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_file()) == ["x.pkl", "y.safetensors"]


def test_verify_sees_a_changed_file(home: Path, pickle: bytes, tmp_path: Path, capsys: Any) -> None:
    source = tmp_path / "x.pkl"
    source.write_bytes(pickle)
    assert run("add", source) == 0
    assert run("verify", "x") == 0
    assert "x: unchanged" in capsys.readouterr().out
    file = home / "x.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert run("verify", "x") == 1
    assert "x: its file was changed" in capsys.readouterr().out


def test_a_damaged_file_in_the_library_does_not_hide_the_others(home: Path, capsys: Any) -> None:
    home.mkdir(parents=True)
    (home / "broken.safetensors").write_bytes(b"nonsense")
    assert [model.name for model in models.available()] == ["toon"]
    assert run("list") == 0
    assert "broken: its file is damaged" in capsys.readouterr().err
    assert run("remove", "broken") == 0
    assert in_library(home) == []


def test_nothing_is_downloaded_before_the_licence_is_accepted(home: Path, site: Site, capsys: Any) -> None:
    assert run("download", "noise") == 2
    told = capsys.readouterr().err
    assert "Test licence (https://example.org/licence)" in told
    assert "For tests only." in told
    assert "random pictures, 16 px, " in told
    assert site.asked == []
    assert not home.exists()


def test_a_published_model_is_downloaded_and_converted(
    home: Path, site: Site, generator: stylegan2.Generator, capsys: Any
) -> None:
    assert run("list", "--all") == 0
    assert "noise: random pictures, 16 px, licence Test licence" in capsys.readouterr().out
    assert run("info", "noise") == 0
    assert "not installed" in capsys.readouterr().out
    assert run("download", "noise", "--accept-licence") == 0
    assert in_library(home) == ["noise.json", "noise.safetensors"]
    model = models.load("noise")
    assert (model.domain, model.licence) == ("random pictures", "Test licence")
    torch.testing.assert_close(picture(model.generator), picture(generator), rtol=1e-5, atol=1e-5)
    assert run("download", "noise", "--accept-licence") == 2  # the name is taken
    assert len(site.asked) == 1


def test_a_broken_download_goes_on(home: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.library.downloading._AGAIN_AFTER", 0.01)
    site.breaks = [20_000] + [0] * 20
    assert run("download", "noise", "--accept-licence") == 2
    assert in_library(home) == [f"{INCOMING}/noise.pkl.part", f"{INCOMING}/noise.pkl.part.json"]
    site.breaks, site.asked = [], []
    assert run("download", "noise", "--accept-licence") == 0
    assert site.asked == ["bytes=20000-"]
    assert in_library(home) == ["noise.json", "noise.safetensors"]


def test_a_file_that_was_exchanged_is_refused(
    home: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    offer(site, tmp_path, monkeypatch, sha256="0" * 64)
    assert run("download", "noise", "--accept-licence") == 2
    assert "checksum" in capsys.readouterr().err
    assert in_library(home) == []


def test_a_hostile_download_leaves_nothing(
    home: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    site.content = formats.pickled({"G_ema": Evil()})
    assert run("add", site.url, "--name", "evil", "--accept-licence") == 2
    told = capsys.readouterr().err
    assert "which no model needs" in told
    assert "Do not trust this file" in told
    assert in_library(home) == []
    assert not (tmp_path / CANARY).exists()


@pytest.mark.parametrize("name", ["toon", "../x", "a/b", ".hidden", "", "x" * 81])
def test_names_that_cannot_be(home: Path, pickle: bytes, tmp_path: Path, name: str) -> None:
    source = tmp_path / "x.pkl"
    source.write_bytes(pickle)
    assert run("add", source, f"--name={name}") == (2 if name else 0)  # an empty one is the file's
    assert not (tmp_path / "x.safetensors").exists()


def test_what_is_not_there(home: Path, tmp_path: Path, capsys: Any) -> None:
    for words in (("add", tmp_path / "none.pkl"), ("download", "none"), ("remove", "none"), ("info", "none")):
        assert run(*words) == 2
    assert run("remove", "toon") == 2
    assert "part of Pullface itself" in capsys.readouterr().err
    assert run("export", "toon", tmp_path / "x.pkl") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals need Unix")
def test_ctrl_c_stops_a_download_and_keeps_what_came(home: Path, site: Site, tmp_path: Path) -> None:
    site.stalls_after = 30_000
    words = [
        sys.executable,
        "-m",
        "backend.cli",
        "models",
        "add",
        site.url,
        "--name",
        "x",
        "--accept-licence",
    ]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ.copy())
    part = home / INCOMING / "x.pkl.part"
    try:
        deadline = time.monotonic() + 60
        while not part.exists() or part.stat().st_size < 30_000:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # nothing comes any more: the second one ends at once
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == cli.STOPPED
    finally:
        process.kill()
        process.communicate()
    assert in_library(home) == [f"{INCOMING}/x.pkl.part", f"{INCOMING}/x.pkl.part.json"]


def test_the_catalogue_is_sound() -> None:
    offered = catalogue.published()
    assert len(offered) > 20
    assert len({one.name for one in offered}) == len(offered)
    for one in offered:
        assert one.url.startswith("https://")
        assert str(one.resolution) in one.url
        assert re.fullmatch(r"[a-z0-9-]+", one.name)
        assert one.licence.name
        assert one.licence.terms.endswith(".")
        assert one.sha256 is None or len(one.sha256) == 64
