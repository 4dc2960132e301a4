"""The folder of a run: one file a result, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from backend.errors import PullfaceError

Tell = Callable[[float], None]
"""Called with how far a task is, 0 to 1."""

_SUFFIX, _KEY = ".safetensors", "result"


@dataclass(frozen=True)
class Result:
    """What one task left.

    figures: JSON values. tensors: on the CPU, by name.
    """

    figures: dict[str, Any]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """Something to measure.

    name: of its file, without suffix; made of all that decides the result, see `digest`. label: for the progress.
    """

    name: str
    label: str
    work: Callable[[Tell], Result]


class RunFolder:
    """Results by name in a folder.

    Raises PullfaceError "unwritable_folder" when nothing can be written there, at once and at every `write`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            probe = path / ".writable.part"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise _unwritable(path) from error

    def read(self, name: str) -> Result | None:
        """What `write` has written under that name; None when there is nothing or when the file is damaged."""
        try:
            with safe_open(self.path / f"{name}{_SUFFIX}", framework="pt") as file:
                figures = json.loads(file.metadata()[_KEY])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        return Result(figures, tensors) if isinstance(figures, dict) else None

    def write(self, name: str, result: Result) -> None:
        """Keep a result; an interruption leaves the old file, or none."""
        part = self.path / f"{name}.part"
        tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in result.tensors.items()}
        try:
            save_file(tensors, part, metadata={_KEY: json.dumps(result.figures)})
            part.replace(self.path / f"{name}{_SUFFIX}")
        except (OSError, SafetensorError) as error:
            raise _unwritable(self.path) from error

    def keep_table(self, name: str, words: str, table: Mapping[str, Any]) -> None:
        """Write ``NAME.md`` and ``NAME.json``."""
        try:
            (self.path / f"{name}.md").write_text(words, encoding="utf-8")
            (self.path / f"{name}.json").write_text(json.dumps(table, indent=1), encoding="utf-8")
        except OSError as error:
            raise _unwritable(self.path) from error


def _unwritable(path: Path) -> PullfaceError:
    return PullfaceError(
        "unwritable_folder",
        f"Nothing can be kept in the folder {path}.",
        "Give one that may be written to, with enough room, by --run.",
    )


def read_json(file: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when there is no file, or no whole object in it."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def digest(*parts: bytes | str | int | float | Sequence[Any] | Mapping[str, Any]) -> str:
    """16 hexadecimal digits that stand for all of `parts` (bytes, or JSON values)."""
    total = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


def complete(folder: RunFolder, tasks: Sequence[Task], description: str) -> dict[str, Result]:
    """The results of all tasks by their names; those that the folder has already are not done again.

    Shows how far it is and how long it will take. Ctrl+C (KeyboardInterrupt) passes through and loses the task in
    work only.
    """
    found = {task.name: folder.read(task.name) for task in tasks}
    results = {name: result for name, result in found.items() if result is not None}
    missing = [task for task in tasks if task.name not in results]
    begun = time.monotonic()
    with tqdm(
        total=float(len(missing)), desc=description, bar_format=_FORM, disable=not missing, mininterval=1
    ) as bar:
        for number, task in enumerate(missing):

            def tell(fraction: float, task: Task = task, number: int = number) -> None:
                done = number + min(fraction, 1.0)
                bar.set_postfix_str(f"{task.label}{_remaining(done, len(missing), begun)}", refresh=False)
                bar.update(done - bar.n)

            tell(0.0)
            results[task.name] = task.work(tell)
            folder.write(task.name, results[task.name])
            tell(1.0)
    return results


_FORM = "{desc}: {percentage:3.0f}% |{bar}| {elapsed}{postfix}"


def _remaining(done: float, total: int, begun: float) -> str:
    """The bar's own estimate looks at the last steps only, and one drag takes a hundred times as long as another."""
    if done <= 0:
        return ""
    seconds = round((time.monotonic() - begun) / done * (total - done))
    return f", {tqdm.format_interval(seconds)} left"
