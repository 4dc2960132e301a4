"""Downloads that go on where they broke off.

A file comes in as ``NAME.part`` and gets its own name once it is whole; beside it lies what the server said of it, so
that a later download only goes on with the same version of the file (RFC 9110, sections 13.1.5 and 14).
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from backend import __version__
from backend.errors import PullfaceError

Tell = Callable[[int, int | None], None]
"""Takes how many bytes there are, and how many there will be if that is known."""

Stop = Callable[[], bool]
"""Whether to stop."""

ATTEMPTS = 5
"""Without a byte in between."""

LARGEST = 16 << 30
_AT_ONCE = 1 << 16
_SPARE = 64 << 20
_AGAIN_AFTER = 1.0
_MAY_PASS = {408, 425, 429, 500, 502, 503, 504}


@dataclass
class _State:
    """What is known of the file that is being downloaded. ``validator`` is its ETag or its date."""

    url: str
    validator: str = ""
    total: int | None = None


def size_of(url: str, timeout: float = 30.0) -> int | None:
    """How many bytes there are at an address, or ``None`` when the server does not tell; asks for no content."""
    try:
        with urllib.request.urlopen(_request(url, {}, "HEAD"), timeout=timeout) as response:
            length = response.headers.get("Content-Length", "")
    except (OSError, http.client.HTTPException):
        return None
    return int(length) if length.isdigit() else None


def download(
    url: str, target: Path, tell: Tell, stop: Stop, sha256: str | None = None, timeout: float = 30.0
) -> str:
    """Download a file.

    Args:
        url: http or https.
        target: where it goes; does not exist before it is whole.
        tell: is called now and then.
        stop: is asked between pieces; what has come so far is kept.
        sha256: that the file must have.
        timeout: seconds without a byte after which a connection counts as broken.

    Returns:
        The file's SHA-256.

    Raises:
        PullfaceError: ``download_failed``, the server refuses or the connection broke too often; ``bad_download``, the
            file is another one than promised; ``disk_full``; ``cancelled``.
    """
    part, notes = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")
    attempts = 0
    while True:
        before = _size(part)
        try:
            _go_on(url, part, notes, tell, stop, timeout)
            break
        except (http.client.HTTPException, urllib.error.URLError, ConnectionError, TimeoutError) as error:
            attempts = 1 if _size(part) > before else attempts + 1
            if attempts >= ATTEMPTS or not _may_pass(error):
                raise _failed(url, error) from error
            _wait(_AGAIN_AFTER * 2 ** (attempts - 1), stop)
    found = _digest(part, stop)
    if sha256 is not None and found != sha256.lower():
        _forget(part, notes)
        raise PullfaceError(
            "bad_download",
            "The downloaded file is not the one that its publisher describes: its checksum differs.",
            "It was deleted. Try again; if it happens again, the file was changed at its source.",
        )
    os.replace(part, target)
    notes.unlink(missing_ok=True)
    return found


def _go_on(url: str, part: Path, notes: Path, tell: Tell, stop: Stop, timeout: float) -> None:
    state, have = _state(notes, url), _size(part)
    if have and state.total == have:
        tell(have, have)
        return
    headers = {}
    if have and state.validator:
        headers = {"Range": f"bytes={have}-", "If-Range": state.validator}
    try:
        response = urllib.request.urlopen(_request(url, headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the file became shorter: begin again
            _forget(part, notes)
            raise ConnectionError("the file changed") from error
        raise
    with response:
        place = response.headers.get("Content-Range", "")
        if response.status == 206 and not place.startswith(f"bytes {have}-"):
            _forget(part, notes)
            raise ConnectionError("the server sent another part than was asked for")
        if response.status != 206:
            have = 0
        if response.headers.get_content_type() == "text/html":
            raise PullfaceError(
                "bad_download",
                "The address gives a web page, not a model.",
                "Open it in a browser: it may ask for a login, or the file may have moved.",
            )
        length = response.headers.get("Content-Length", "")
        state.total = have + int(length) if length.isdigit() else None
        state.validator = _validator(response.headers)
        _check_room(part, (state.total or 0) - have, state.total)
        _write(notes, json.dumps(asdict(state)).encode())
        try:
            with part.open("ab" if have else "wb") as file:
                have = _copy(response, file, have, state.total, tell, stop)
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError | urllib.error.URLError):
                raise
            raise _disk(part, error) from error
    if state.total is not None and have < state.total:
        raise ConnectionError("the connection broke off")


def _copy(
    response: http.client.HTTPResponse, file: BinaryIO, have: int, total: int | None, tell: Tell, stop: Stop
) -> int:
    while True:
        if stop():
            raise PullfaceError(
                "cancelled", "The download was stopped.", "The same command goes on where it stopped."
            )
        piece = response.read1(_AT_ONCE)
        if not piece:
            return have
        have += len(piece)
        if have > (LARGEST if total is None else total):
            raise ConnectionError("more came than was promised")
        file.write(piece)
        tell(have, total)


def _request(url: str, headers: dict[str, str], method: str = "GET") -> urllib.request.Request:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PullfaceError(
            "download_failed", f"“{url}” is no web address.", "Give one that begins with https:// or http://."
        )
    agent = {"User-Agent": f"pullface/{__version__}", "Accept-Encoding": "identity"}
    return urllib.request.Request(url, headers={**agent, **headers}, method=method)


def _validator(headers: http.client.HTTPMessage) -> str:
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _check_room(part: Path, needed: int, total: int | None) -> None:
    if total is not None and total > LARGEST:
        raise PullfaceError("bad_download", "The file is larger than any model.", "Check the address.")
    try:
        free = shutil.disk_usage(part.parent).free
    except OSError:
        return
    if free < needed + _SPARE:
        raise PullfaceError(
            "disk_full",
            f"There is no room for the model: {needed / 1e6:.0f} MB are missing, {free / 1e6:.0f} MB are free.",
            f"Free some space at {part.parent}.",
        )


def _disk(part: Path, error: OSError) -> PullfaceError:
    return PullfaceError(
        "disk_full",
        f"The download cannot be written: {error.strerror}.",
        f"Free some space at {part.parent}; the same command goes on then.",
    )


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, urllib.error.HTTPError) or error.code in _MAY_PASS


def _failed(url: str, error: Exception) -> PullfaceError:
    host = urlsplit(url).hostname
    if isinstance(error, urllib.error.HTTPError) and not _may_pass(error):
        return PullfaceError(
            "download_failed",
            f"{host} refuses the download ({error.code} {error.reason}).",
            "The file may have moved, or need a login: get it in a browser and use `pullface models add FILE`.",
        )
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return PullfaceError(
        "download_failed",
        f"The download from {host} broke off ({reason}).",
        "Check the connection and run the same command again: it goes on where it stopped.",
    )


def _wait(seconds: float, stop: Stop) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not stop():
        time.sleep(0.05)


def _digest(path: Path, stop: Stop) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            if stop():
                raise PullfaceError(
                    "cancelled", "The download was stopped.", "The same command goes on where it stopped."
                )
            digest.update(piece)
    return digest.hexdigest()


def _state(notes: Path, url: str) -> _State:
    try:
        state = _State(**json.loads(notes.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return _State(url)
    return state if state.url == url else _State(url)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise _disk(path, error) from error


def _forget(part: Path, notes: Path) -> None:
    part.unlink(missing_ok=True)
    notes.unlink(missing_ok=True)
