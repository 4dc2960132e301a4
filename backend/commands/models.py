"""``pullface models``: list, download, add, look at, check, remove and export models.

What needs torch runs in a process of its own (``python -m backend.models``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from backend.errors import PullfaceError
from backend.library import folder as library
from backend.library.downloading import download, size_of
from backend.library.published import Licence, Published, find_published, published
from backend.models.catalogue import (
    DEFAULT_MODEL,
    EMBEDDED,
    SUFFIX,
    ModelInfo,
    available,
    damaged,
    find,
    is_ours,
)

from .display import Bar, say
from .stopping import Stopping

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1e6

_Result = TypeVar("_Result")


def models(options: argparse.Namespace) -> int:
    """Run one of the actions.

    Returns:
        0; 1 when ``verify`` found damage.

    Raises:
        PullfaceError: what went wrong, and what to do.
    """
    if options.action == "list":
        return list_all() if options.all else list_models()
    if options.action == "download":
        return _download(options)
    if options.action == "add":
        return _add(options)
    if options.action == "info":
        return _info(options.model)
    if options.action == "verify":
        return _verify(options.names)
    if options.action == "remove":
        print(f"Removed {library.remove(options.name)}")
        return 0
    return _export(options)


def list_models() -> int:
    """Print the installed models, one a line; needs neither torch nor the server.

    Raises:
        PullfaceError: ``bad_model``, an embedded model's file is damaged; ``unknown_model``, there is none.
    """
    installed = available()
    if not any(model.path.parent == EMBEDDED for model in installed):
        raise PullfaceError(
            "unknown_model",
            "No model is installed.",
            "Get Pullface again: its folder backend/models/embedded is not complete.",
        )
    for model in installed:
        default = " (default)" if model.name == DEFAULT_MODEL else ""
        print(
            f"{model.name}{default}: {model.domain}, {_size(model)}, {_megabytes(model.size_bytes)}, "
            f"{model.licence}"
        )
        print(f"    {model.description}")
    for path in damaged():
        say(f"{path.stem}: its file is damaged. Remove it with `pullface models remove {path.stem}`.")
    return 0


def list_all() -> int:
    """Print the installed models and those that can be downloaded."""
    list_models()
    installed = {model.name for model in available()}
    print("\nTo download, with `pullface models download NAME`:")
    for model in published():
        if model.name not in installed:
            print(f"{model.name}: {model.domain}, {model.resolution} px, licence {model.licence.name}")
    return 0


def _download(options: argparse.Namespace) -> int:
    model = find_published(options.name)
    library.check_name(model.name)
    size = model.size_bytes if model.size_bytes is not None else size_of(model.url)
    _agree(_told(model, size), model.licence, options.accept_licence)
    return _fetch_and_install(model.url, model.name, model.domain, model.licence.name, None, model.sha256)


def _told(model: Published, size: int | None) -> str:
    how_large = "size unknown" if size is None else _megabytes(size)
    return f"{model.name}: {model.domain}, {model.resolution} px, {how_large}\nfrom {model.url}"


def _agree(what: str, licence: Licence, accepted: bool) -> None:
    """Show a licence, and go on only when it is accepted."""
    say(f"{what}\nLicence: {licence.name} ({licence.address})\n{licence.terms}")
    if accepted:
        return
    if not sys.stdin.isatty():
        raise PullfaceError(
            "licence",
            "The model's licence was not accepted.",
            "Read it, and add --accept-licence to accept it.",
        )
    say("Do you accept it? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise PullfaceError("licence", "Nothing was downloaded.", "The licence has to be accepted for that.")


def _add(options: argparse.Namespace) -> int:
    source: str = options.source
    address = urlsplit(source)
    if address.scheme in ("http", "https"):
        name = library.check_name(options.name or Path(address.path).stem)
        terms = Licence(
            options.licence or "unknown",
            source,
            "Use it only if its publisher allows what you want to do with it.",
        )
        _agree(f"{name}: {_size_at(source)}\nfrom {source}", terms, options.accept_licence)
        return _fetch_and_install(
            source, name, options.domain, options.licence, options.description, None, options.labels
        )
    path = Path(source)
    if not path.is_file():
        raise PullfaceError(
            "unknown_model",
            f"There is no file “{source}”.",
            "Give a model's file, or an address with https://.",
        )
    name = library.check_name(options.name or path.stem)
    digest = _with_bar("Reading the file", lambda bar, stop: library.sha256_of(path, bar, stop))
    _convert_and_install(
        path,
        name,
        options.domain,
        options.licence,
        options.description,
        str(path.absolute()),
        digest,
        options.labels,
    )
    return 0


def _size_at(url: str) -> str:
    size = size_of(url)
    return "size unknown" if size is None else _megabytes(size)


def _fetch_and_install(
    url: str,
    name: str,
    domain: str | None,
    licence: str | None,
    description: str | None,
    sha256: str | None,
    labels: Sequence[str] = (),
) -> int:
    ending = Path(urlsplit(url).path).suffix
    downloaded = library.incoming() / f"{name}{ending if ending in ('.pkl', '.pt', '.pth', SUFFIX) else ''}"
    if downloaded.exists():  # whole, but it was not converted then
        digest = _with_bar("Reading the file", lambda bar, stop: library.sha256_of(downloaded, bar, stop))
    else:
        digest = _with_bar(
            "Downloading",
            lambda bar, stop: download(
                url, downloaded, lambda have, total: bar(have / total if total else 0.0), stop, sha256
            ),
        )
    try:
        _convert_and_install(downloaded, name, domain, licence, description, url, digest, labels)
    except PullfaceError as error:
        if error.code == "bad_model":  # it will not be better the next time
            downloaded.unlink(missing_ok=True)
        raise
    downloaded.unlink(missing_ok=True)
    return 0


def _convert_and_install(
    source: Path,
    name: str,
    domain: str | None,
    licence: str | None,
    description: str | None,
    origin: str,
    digest: str,
    labels: Sequence[str] = (),
) -> None:
    whole = library.incoming() / f"{name}.new{SUFFIX}"
    try:
        _convert(source, whole, name, domain, licence, description, labels)
        target = library.install(whole, name, origin, digest)
    finally:
        whole.unlink(missing_ok=True)
        whole.with_suffix(".partial").unlink(missing_ok=True)
    model = find(name)
    print(f"Added {name}: {model.domain}, {_size(model)}, {_megabytes(model.size_bytes)}, at {target}")


def _convert(
    source: Path,
    target: Path,
    name: str,
    domain: str | None,
    licence: str | None,
    description: str | None,
    labels: Sequence[str] = (),
) -> None:
    words = ["convert", str(source.absolute()), str(target.absolute()), "--name", name]
    for option, value in (("domain", domain), ("licence", licence), ("description", description)):
        if value is not None:
            words += [f"--{option}={value}"]
    words += [f"--label-name={label}" for label in labels]
    _in_a_process(words, "Converting")


def _in_a_process(words: list[str], title: str) -> None:
    """Run ``python -m backend.models`` and show its progress."""
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-m", "backend.models", *words]
    failure: dict[str, str] | None = None
    bar = Bar(title)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                told = json.loads(line)
                if "code" in told:
                    failure = told
                else:
                    bar.show(title, float(told["done"]), str(told["words"]))
            status = process.wait()
        except BaseException:  # Ctrl+C, mostly: what it wrote is deleted by the caller
            process.terminate()
            bar.leave()
            raise
    if status == 0:
        bar.close()
        return
    bar.leave()
    if failure is not None:
        # The file may have another name here than the one the user knows.
        raise PullfaceError(failure["code"], failure["message"], failure["hint"])
    if status == 130:
        raise PullfaceError("cancelled", "It was stopped.", "Run the same command again.")
    raise RuntimeError(f"{' '.join(words[:1])} ended with {status}")


def _info(name_or_file: str) -> int:
    try:
        model = find(name_or_file)
    except PullfaceError as error:
        if error.code != "unknown_model":
            raise
        offered = next((one for one in published() if one.name == name_or_file), None)
        if offered is None:
            raise
        return _print_facts(
            {
                "name": offered.name,
                "shows": offered.domain,
                "resolution": f"{offered.resolution} px",
                "licence": f"{offered.licence.name}, {offered.licence.address}",
                "terms": offered.licence.terms,
                "address": offered.url,
                "state": f"not installed; `pullface models download {offered.name}`",
            }
        )
    record = library.record_of(model)
    facts = {
        "name": model.name,
        "shows": model.domain,
        "resolution": _size(model),
        "labels": ", ".join(model.label_names) or (str(model.labels) if model.labels else ""),
        "licence": model.licence,
        "description": model.description,
        "size": _megabytes(model.size_bytes),
        "file": str(model.path),
        "came from": record.source if record is not None else "",
        "its SHA-256": record.source_sha256 if record is not None else "",
    }
    return _print_facts(facts)


def _print_facts(facts: dict[str, str]) -> int:
    for name, value in facts.items():
        if value:
            print(f"{name:<12}{value}")
    return 0


def _verify(names: list[str]) -> int:
    chosen = [find(name) for name in names] if names else available()
    bad = [path.stem for path in damaged()] if not names else []
    for model in chosen:
        same = _with_bar(f"Checking {model.name}", partial(library.verify, model))
        verdict = "unchanged" if same else "whole" if same is None else "its file was changed"
        if same is not False:
            try:
                _in_a_process(["check", str(model.path)], f"Opening {model.name}")
            except PullfaceError as error:
                if error.code == "cancelled":
                    raise
                same, verdict = False, error.message
        print(f"{model.name}: {verdict}")
        if same is False:
            bad.append(model.name)
    if bad:
        say(f"Damaged: {', '.join(bad)}. Remove them with `pullface models remove NAME` and get them again.")
    return 1 if bad else 0


def _export(options: argparse.Namespace) -> int:
    model = find(options.model)
    output: Path = options.output
    if output.suffix != SUFFIX:
        raise PullfaceError(
            "bad_output", f"“{output}” must end in {SUFFIX}.", f"Write {output.stem}{SUFFIX}."
        )
    if output.exists() and not options.force:
        raise PullfaceError(
            "bad_output", f"“{output}” is already there.", "Choose another name, or add --force."
        )
    if is_ours(model.path):
        _with_bar("Writing the model", lambda bar, stop: library.copy(model.path, output, bar, stop))
    else:
        part = output.with_name(f".{output.stem}.incoming{SUFFIX}")
        try:
            _convert(model.path, part, output.stem, None, None, None)
            os.replace(part, output)
        finally:
            part.unlink(missing_ok=True)
            part.with_suffix(".partial").unlink(missing_ok=True)
    print(f"Wrote {output}, {_megabytes(output.stat().st_size)}")
    return 0


def _with_bar(title: str, work: Callable[[Callable[[float], None], Callable[[], bool]], _Result]) -> _Result:
    """Do something long that tells how much is done and asks whether to stop."""
    bar = Bar(title)
    try:
        with Stopping() as stopping:
            result = work(lambda done: bar.show(title, done), lambda: stopping.asked)
    except BaseException:
        bar.leave()
        raise
    bar.close()
    return result


def _size(model: ModelInfo) -> str:
    square = model.height == model.width
    return f"{model.resolution} px" if square else f"{model.width} × {model.height} px"


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.0f} MB" if size >= MEGABYTE else f"{size / 1e3:.0f} kB"
