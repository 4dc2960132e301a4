"""Opens mutated model files and watches: ``python -m tests.models.fuzz 10000`` (some hundred run with the tests).

For each file: no code may run (an audit hook sees every import, command, process and file that is opened for writing),
only `PullfaceError` may be raised, and time and memory are bounded. Memory is what Python and NumPy take at their peak
(`tracemalloc`), and how much the process grew. What is opened is the file with its networks; the statistics of w, which
take a fixed amount of time and memory, are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pickletools
import random
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from backend.errors import PullfaceError
from backend.models import assembling, catalogue, readers, storage
from backend.models.model import Model, w_statistics
from backend.models.readers.contents import UnreadableError
from stylegan_ops import stylegan2, stylegan3
from stylegan_ops.discriminator import Discriminator

from . import formats
from .conftest import DISCRIMINATOR, GENERATOR, STYLEGAN3, randomised

DATA = Path(__file__).parent.parent / "data"
MOST_SECONDS = 5.0
MOST_MEMORY = 4
"""As a multiple of the file's size, or of `LARGE` where that is more: a reader's own objects need some room."""

LARGE = 256 * 1024
RECORDED_SHARE = 0.15
"""Of mutations of the large recorded files; they take longer."""

_WATCHED = {
    "import",
    "exec",
    "compile",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "os.fork",
}
_WATCHED |= {
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "socket.connect",
    "pickle.find_class",
    "ctypes.dlopen",
}
_NUMBERS = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1)
_FRAGMENTS = (
    b"cposix\nsystem\n(X\x0e\x00\x00\x00touch canary.1tR",
    b"cbuiltins\neval\n(X\x16\x00\x00\x00open('canary.2', 'w')  tR",
    b"\x8c\x08builtins\x8c\x04exec\x93",
    b"cnumpy._core.multiarray\n_reconstruct\n",
    b"ctorch.storage\n_load_from_bytes\n(B\x10\x00\x00\x00\x80\x02cposix\nsystem\ntR",
    b"}]\x8f)NK\x01",
    b"2" * 1000,
    b"\x8e" + (1 << 40).to_bytes(8, "little"),
    b"(" * 50,
    b"h\x00h\x00\x86",
    b"t",
    b"R",
    b"b",
    b"0",
)


class Watch:
    """Sees what is done while it is open; an audit hook cannot be taken out again, so one serves the whole process."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._open = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._open:
            return
        if event in _WATCHED or (
            event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        ):
            self.seen.append(f"{event} {str(arguments)[:200]}")

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        self._open = True
        try:
            yield
        finally:
            self._open = False


def corpus() -> dict[str, bytes]:
    """Small files of every form, and the recorded ones."""
    torch.manual_seed(0)
    g, d = randomised(stylegan2.Generator(**GENERATOR)), randomised(Discriminator(**DISCRIMINATOR))
    alias_free = formats.persistent(randomised(stylegan3.Generator(**STYLEGAN3)))
    alias_free.description["state"]["_init_kwargs"] = STYLEGAN3
    files = {f"nvidia-{p}": formats.pickled(formats.nvidia(g, d), p) for p in (2, 3, 4, 5)}
    files["stylegan3"] = formats.pickled({"G_ema": alias_free})
    files["tensorflow"] = formats.pickled(formats.tensorflow(g, d, {}), 2)
    files["tensorflow-5"] = formats.pickled(formats.tensorflow(g, d, {}), 5)
    for archive in (True, False):
        form = "archive" if archive else "stream"
        files[f"rosinality-{form}"] = formats.torch_file({"g_ema": formats.rosinality(g)}, archive)
        files[f"pti-{form}"] = formats.torch_file(formats.persistent(g), archive)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ours.safetensors"
        mean, covariance = w_statistics(g, 100)  # type: ignore[arg-type]
        model = Model("ours", "noise", "MIT", g, d, mean, covariance)  # type: ignore[arg-type]
        storage.write(path, model, "Random.", GENERATOR, DISCRIMINATOR)
        files["safetensors"] = path.read_bytes()
    for path in sorted(DATA.glob("stylegan*.p*t*")) + sorted(DATA.glob("stylegan*.pkl")):
        files[path.name] = path.read_bytes()
    return files


class Mutator:
    """Makes broken files of good ones, the same ones for the same seed."""

    def __init__(self, files: dict[str, bytes], seed: int) -> None:
        self._files = files
        self._small = [name for name in files if not (DATA / name).exists()]
        self._large = [name for name in files if name not in self._small]
        self._places = {name: _opcode_places(data) for name, data in files.items()}
        self._random = random.Random(seed)

    def next(self) -> tuple[str, bytes]:
        """The name of the file that was mutated, and the mutated content."""
        chance = self._random
        name = chance.choice(self._large if chance.random() < RECORDED_SHARE else self._small)
        data = bytearray(self._files[name])
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            chance.choice(
                (
                    self._flip,
                    self._flip_structure,
                    self._number,
                    self._cut,
                    self._double,
                    self._fragment,
                    self._splice,
                )
            )(name, data)
        return name, bytes(data)

    def _place(self, name: str, data: bytearray) -> int:
        """Anywhere, or where an opcode begins."""
        if self._random.random() < 0.3 or not self._places[name]:
            return self._random.randrange(max(len(data), 1))
        return min(self._random.choice(self._places[name]), max(len(data) - 1, 0))

    def _flip(self, name: str, data: bytearray) -> None:
        for _ in range(self._random.choice((1, 1, 4, 64))):
            if data:
                data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)

    def _flip_structure(self, name: str, data: bytearray) -> None:
        for _ in range(self._random.choice((1, 1, 4))):
            place = min(self._place(name, data) + self._random.randrange(3), len(data) - 1)
            if place >= 0:
                data[place] = self._random.randrange(256)

    def _number(self, name: str, data: bytearray) -> None:
        size = self._random.choice((1, 2, 4, 8))
        number = self._random.choice(_NUMBERS) & ((1 << 8 * size) - 1)
        place = self._place(name, data) + self._random.randrange(2)
        data[place : place + size] = number.to_bytes(size, "little")

    def _cut(self, name: str, data: bytearray) -> None:
        place = self._place(name, data)
        if self._random.random() < 0.5:
            del data[place:]
        else:
            del data[place : place + self._random.choice((1, 2, 8, 100, 10_000))]

    def _double(self, name: str, data: bytearray) -> None:
        place = self._place(name, data)
        part = data[place : place + self._random.choice((1, 8, 100, 3000))]
        data[place:place] = part * self._random.choice((1, 1, 20))

    def _fragment(self, name: str, data: bytearray) -> None:
        place = self._place(name, data)
        data[place:place] = self._random.choice(_FRAGMENTS)

    def _splice(self, name: str, data: bytearray) -> None:
        other = self._random.choice(self._small)
        start = self._place(other, bytearray(self._files[other]))
        place = self._place(name, data)
        part = self._files[other][start : start + self._random.choice((10, 300, 20_000))]
        data[place : place + (len(part) if self._random.random() < 0.5 else 0)] = part


def _opcode_places(data: bytes) -> list[int]:
    """Where the opcodes of the first pickle in a file begin."""
    start = max(data.find(b"\x80\x02"), 0) if data[:2] == b"PK" else 0
    places = []
    try:
        for _, _, position in pickletools.genops(io.BytesIO(data[start:])):
            places.append(start + int(position or 0))
    except Exception:  # not a pickle: anywhere will do
        return places
    return places


def open_networks(path: Path) -> None:
    """Everything that opening a model does, without the statistics of w."""
    if catalogue.is_ours(path):
        storage.read(path)
        return
    contents = readers.read(path)
    try:
        assembling.networks(contents, 2 * path.stat().st_size)
    except UnreadableError as error:
        raise readers.refusal(path, error) from error


def _grown() -> int:
    """By how many bytes the process was at most larger than when this was called before; 0 where it cannot be told."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        peak, now = (int(lines[key].split()[0]) * 1024 for key in ("VmHWM", "VmRSS"))
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, KeyError):
        return 0
    before, _grown.before = getattr(_grown, "before", now), now  # type: ignore[attr-defined]
    return max(peak - before, 0)


def run(count: int, seed: int, show: bool = False) -> dict[str, Any]:
    """Open ``count`` mutated files.

    Returns:
        Figures: how many were refused and how many could be opened all the same; seconds of processor time of the
        slowest; the largest memory as a multiple of the file's size, of files of at least `LARGE` bytes, and in bytes,
        of smaller ones; by how much the process grew at most, as a multiple; and what went wrong.
    """
    files = corpus()
    mutator, watch = Mutator(files, seed), Watch()
    outcome: Counter[str] = Counter()
    failures: list[str] = []
    slowest, largest, growth, small = (0.0, ""), (0.0, ""), (0.0, ""), (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        for data in files.values():  # so that what is imported late is there
            path.write_bytes(data)
            open_networks(path)
        tracemalloc.start()
        for index in range(count):
            name, data = mutator.next()
            path.write_bytes(data)
            label = f"{index} {name}"
            _grown()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            begun = time.process_time()
            with watch.watching():
                try:
                    open_networks(path)
                    outcome["opened"] += 1
                except PullfaceError as error:
                    outcome["refused"] += 1
                    if error.code != "bad_model" or not error.hint or "\n" in error.message:
                        failures.append(f"{label}: {error.code} {error.message}")
                except BaseException as error:
                    failures.append(f"{label}: {type(error).__name__}: {error}")
            seconds = time.process_time() - begun
            peak = tracemalloc.get_traced_memory()[1] - before
            slowest = max(slowest, (round(seconds, 2), label))
            if len(data) >= LARGE:
                largest = max(largest, (round(peak / len(data), 2), label))
                growth = max(growth, (round(_grown() / len(data), 2), label))
            else:
                small = max(small, (peak, label))
            if seconds > MOST_SECONDS:
                failures.append(f"{label}: took {seconds:.1f} s")
            if peak > max(MOST_MEMORY * len(data), MOST_MEMORY * LARGE):
                failures.append(f"{label}: took {peak} bytes for {len(data)}")
            failures += [f"{label}: {what}" for what in watch.seen]
            watch.seen.clear()
            left = [one.name for one in Path(folder).iterdir() if one != path]
            left += [one.name for one in Path().glob("canary.*")]
            failures += [f"{label}: left {one}" for one in left]
            if show and index % 500 == 499:
                print(f"{index + 1}: {dict(outcome)}, {len(failures)} failures", file=sys.stderr, flush=True)
    return {
        "files": count,
        "seed": seed,
        **outcome,
        "slowest_seconds": slowest,
        "memory_by_size": largest,
        "memory_of_small_files": small,
        "growth_by_size": growth,
        "failures": failures,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = run(options.files, options.seed, show=True)
    print(json.dumps(report, indent=1))
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
