"""Figures about an edit that do not come from the loop itself: landmarks, memory, untouched pixels."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from backend.errors import PullfaceError

from .deep import Pixels
from .pictures import Mask

ROOT = Path(__file__).resolve().parents[2]

Landmarks = dict[str, tuple[float, float]]


def detect_landmarks(pictures: Sequence[Path], crop: tuple[int, int, int]) -> list[Landmarks]:
    """Landmarks of the face in a square of each picture, found by the independent detector.

    The detector runs in a process of its own, since it needs torch.

    Args:
        pictures: files of one size.
        crop: (x, y, size) of the square, image space, within the pictures.

    Returns:
        For each picture name → (x, y), image space.

    Raises:
        PullfaceError: ``no_landmarks``, the detector failed.
    """
    command = [
        sys.executable,
        "-m",
        "backend.commands.measure",
        json.dumps(crop),
        *(str(path) for path in pictures),
    ]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, cwd=ROOT)
        found: list[dict[str, list[float]]] = json.loads(answer.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
        raise PullfaceError(
            "no_landmarks",
            "The landmarks of the result could not be measured.",
            f"The pictures are there all the same. Reason: {' '.join(reason)}",
        ) from error
    return [{name: (point[0], point[1]) for name, point in landmarks.items()} for landmarks in found]


def peak_memory(server: int) -> dict[str, float]:
    """Peak memory of the server and of the processes below it.

    Args:
        server: the server's process id.

    Returns:
        Process title (``server``, ``worker``, ``worker 2`` …) → megabytes (10^6 bytes) of resident memory at its
        peak, where the system keeps count of it (Linux, Windows), else now; ``total`` is their sum.
    """
    figures: dict[str, float] = {}
    try:
        top = psutil.Process(server)
        family = [("server", top)]
        children = top.children(recursive=True)
        family += [
            ("worker" if not index else f"worker {index + 1}", it) for index, it in enumerate(children)
        ]
        for title, process in family:
            figures[title] = round(_peak_bytes(process) / 1e6, 1)
    except psutil.Error:
        pass  # it has just ended: what was read so far stands
    figures["total"] = round(sum(figures.values()), 1)
    return figures


def _peak_bytes(process: psutil.Process) -> float:
    try:
        for line in Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    except OSError:
        pass
    memory = process.memory_info()
    return float(getattr(memory, "peak_wset", memory.rss))


def changed_outside(before: Pixels, after: Pixels, mask: Mask) -> int:
    """How many pixels differ where the mask lets nothing move.

    Args:
        before: [H, W, 4] of any depth.
        after: the same.
        mask: uint8 [H, W]; 0 = may not move.
    """
    return int(np.count_nonzero((before != after).any(axis=2) & (mask == 0)))


def _main(arguments: Sequence[str]) -> int:
    from backend.evaluation.landmarks import detect

    x, y, side = json.loads(arguments[0])
    answer = []
    for path in arguments[1:]:
        with Image.open(path) as image:
            square = np.array(image.convert("RGB"))[y : y + side, x : x + side]
        answer.append({name: (float(px) + x, float(py) + y) for name, (px, py) in detect(square).items()})
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
