"""Which device computes, and what happens when its memory is not enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from backend.errors import PullfaceError

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate")


def choose_device(wanted: str | torch.device | None = None) -> torch.device:
    """The wanted device, or the best one here: CUDA, then XPU, then MPS, then the CPU.

    Raises PullfaceError "no_device" when the wanted device is not on this machine.
    """
    if wanted is not None:
        try:
            device = torch.device(wanted)
        except RuntimeError as error:
            raise _no_device(str(wanted)) from error
        if device.type != "cpu" and not _available(device.type):
            raise _no_device(str(wanted))
        return device
    for kind in ("cuda", "xpu", "mps"):
        if _available(kind):
            return torch.device(kind)
    return torch.device("cpu")


def _available(kind: str) -> bool:
    if kind == "mps":
        return torch.backends.mps.is_available()
    module = getattr(torch, kind, None)
    return module is not None and hasattr(module, "is_available") and bool(module.is_available())


def _no_device(name: str) -> PullfaceError:
    return PullfaceError(
        "no_device",
        f"This machine has no device called “{name}” that Pullface can compute on.",
        "Leave the device setting empty to let Pullface choose, or run `pullface doctor` to see what there is.",
    )


@contextmanager
def memory_guard(task: str) -> Iterator[None]:
    """Turns a failed allocation inside the block into PullfaceError "out_of_memory" and frees the caches.

    `task` completes the sentence "There was not enough memory to …".
    """
    try:
        yield
    except MemoryError as error:
        raise _out_of_memory(task) from error
    except RuntimeError as error:  # torch.OutOfMemoryError is one; the CPU allocator raises the plain class
        if not any(word in str(error).lower() for word in _MEMORY_WORDS):
            raise
        for kind in ("cuda", "xpu", "mps"):
            if _available(kind):
                getattr(torch, kind).empty_cache()
        raise _out_of_memory(task) from error


def _out_of_memory(task: str) -> PullfaceError:
    return PullfaceError(
        "out_of_memory",
        f"There was not enough memory to {task}.",
        "Close other programs, choose a smaller model or a smaller crop, or let Pullface compute on the CPU.",
    )
