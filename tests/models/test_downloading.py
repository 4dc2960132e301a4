"""Downloads against a real web server on this machine: whole, broken off, changed, refused, stopped."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import PullfaceError
from backend.library import downloading
from backend.library.downloading import download, size_of

from .http_server import Site, serving

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "_AGAIN_AFTER", 0.01)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site(CONTENT)) as made:
        yield made


def get(
    site: Site, target: Path, stop: bool = False, sha256: str | None = None
) -> list[tuple[int, int | None]]:
    told: list[tuple[int, int | None]] = []
    found = download(site.url, target, lambda have, total: told.append((have, total)), lambda: stop, sha256)
    assert found == hashlib.sha256(target.read_bytes()).hexdigest()
    return told


def test_a_file_comes_whole_and_alone(site: Site, tmp_path: Path) -> None:
    told = get(site, tmp_path / "x.pkl", sha256=DIGEST)
    assert (tmp_path / "x.pkl").read_bytes() == CONTENT
    assert [one.name for one in tmp_path.iterdir()] == ["x.pkl"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)
    assert size_of(site.url) == len(CONTENT)


def test_a_broken_connection_is_taken_up_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.breaks = [100_000, 200_000, 0, 50_000]
    get(site, tmp_path / "x.pkl", sha256=DIGEST)
    assert (tmp_path / "x.pkl").read_bytes() == CONTENT
    assert site.asked == ["", *(f"bytes={start}-" for start in (100_000, 300_000, 300_000, 350_000))]


def test_a_server_that_is_busy_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 429]
    get(site, tmp_path / "x.pkl", sha256=DIGEST)
    assert len(site.asked) == 3


def test_what_came_is_kept_when_the_connection_breaks_for_good(site: Site, tmp_path: Path) -> None:
    site.breaks = [300_000] + [0] * 20
    with pytest.raises(PullfaceError) as caught:
        get(site, tmp_path / "x.pkl")
    assert caught.value.code == "download_failed"
    assert "goes on" in caught.value.hint
    assert not (tmp_path / "x.pkl").exists()
    site.breaks, site.asked = [], []
    get(site, tmp_path / "x.pkl", sha256=DIGEST)
    assert site.asked == ["bytes=300000-"]


def test_a_stopped_download_goes_on_later(site: Site, tmp_path: Path) -> None:
    site.breaks = [400_000] + [0] * 20
    with pytest.raises(PullfaceError):
        get(site, tmp_path / "x.pkl")
    site.breaks = []
    with pytest.raises(PullfaceError) as caught:
        get(site, tmp_path / "x.pkl", stop=True)
    assert caught.value.code == "cancelled"
    assert not (tmp_path / "x.pkl").exists()
    assert (tmp_path / "x.pkl.part").stat().st_size >= 400_000
    get(site, tmp_path / "x.pkl", sha256=DIGEST)


def test_another_version_of_the_file_is_not_mixed_in(site: Site, tmp_path: Path) -> None:
    site.breaks = [300_000] + [0] * 20
    with pytest.raises(PullfaceError):
        get(site, tmp_path / "x.pkl")
    site.breaks, site.content, site.tag = [], CONTENT[::-1], '"2"'
    get(site, tmp_path / "x.pkl")
    assert (tmp_path / "x.pkl").read_bytes() == CONTENT[::-1]


def test_a_part_of_another_address_is_not_used(site: Site, tmp_path: Path) -> None:
    site.breaks = [300_000] + [0] * 20
    with pytest.raises(PullfaceError):
        get(site, tmp_path / "x.pkl")
    with serving(Site(CONTENT[::-1])) as other:
        get(other, tmp_path / "x.pkl")
        assert other.asked == [""]
    assert (tmp_path / "x.pkl").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("fault", ["no ranges", "no tag", "no length"])
def test_a_plain_server_serves_too(site: Site, tmp_path: Path, fault: str) -> None:
    site.ranges, site.tag, site.tells_length = fault != "no ranges", "" if fault == "no tag" else '"1"', True
    if fault == "no length":
        site.tells_length = False
    else:
        site.breaks = [100_000]
    get(site, tmp_path / "x.pkl", sha256=DIGEST)
    assert (tmp_path / "x.pkl").read_bytes() == CONTENT


def test_a_shorter_file_is_begun_again(site: Site, tmp_path: Path) -> None:
    site.breaks = [300_000] + [0] * 20
    with pytest.raises(PullfaceError):
        get(site, tmp_path / "x.pkl")
    site.breaks, site.content = [], CONTENT[:1000]
    get(site, tmp_path / "x.pkl")
    assert (tmp_path / "x.pkl").read_bytes() == CONTENT[:1000]


def test_a_wrong_checksum_leaves_nothing(site: Site, tmp_path: Path) -> None:
    with pytest.raises(PullfaceError) as caught:
        get(site, tmp_path / "x.pkl", sha256="0" * 64)
    assert caught.value.code == "bad_download"
    assert list(tmp_path.iterdir()) == []


def test_a_web_page_is_no_model(site: Site, tmp_path: Path) -> None:
    site.kind = "text/html; charset=utf-8"
    with pytest.raises(PullfaceError, match="web page"):
        get(site, tmp_path / "x.pkl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_told_at_once(site: Site, tmp_path: Path, status: int) -> None:
    site.statuses = [status] * 9
    with pytest.raises(PullfaceError, match=str(status)):
        get(site, tmp_path / "x.pkl")
    assert len(site.asked) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x.pkl", "http:///x", "x.pkl"])
def test_only_web_addresses_are_opened(url: str, tmp_path: Path) -> None:
    with pytest.raises(PullfaceError, match="no web address"):
        download(url, tmp_path / "x", lambda have, total: None, lambda: False)
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path: Path) -> None:
    with serving(Site(b"")) as gone:
        url = gone.url
    with pytest.raises(PullfaceError) as caught:
        download(url, tmp_path / "x", lambda have, total: None, lambda: False)
    assert caught.value.code == "download_failed"


def test_a_full_disk_is_told_before_anything_is_written(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda path: free)
    with pytest.raises(PullfaceError) as caught:
        get(site, tmp_path / "x.pkl")
    assert caught.value.code == "disk_full"
    assert list(tmp_path.iterdir()) == []
