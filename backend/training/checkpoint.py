"""Training state on disk: safetensors and JSON, written atomically, nothing pickled."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_RANDOM_CPU, _RANDOM_CUDA = "random/state/cpu", "random/state/cuda"


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": value.contiguous() for index, entry in state.items() for key, value in entry.items()
    }


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def save(
    path: Path,
    modules: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    progress: dict[str, Any],
    random_state: bool = False,
) -> None:
    """Write modules, Adam moments and progress (JSON values) to one file; the old one stays until it is whole.

    With ``random_state`` the state of torch's global random numbers goes along, for `restore_random_state`.
    """
    tensors = {
        f"module/{name}/{key}": value.detach().contiguous()
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }
    for name, optimizer in optimizers.items():
        tensors |= {f"optimizer/{name}/{key}": value for key, value in _optimizer_tensors(optimizer).items()}
    if random_state:
        tensors[_RANDOM_CPU] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors[_RANDOM_CUDA] = torch.cuda.get_rng_state()
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"progress": json.dumps(progress)})
    os.replace(partial, path)


def read_progress(path: Path) -> dict[str, Any]:
    """The JSON progress of a checkpoint."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        progress: dict[str, Any] = json.loads(file.metadata()["progress"])
    return progress


def restore(path: Path, modules: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer]) -> None:
    """Load what `save` wrote into modules and optimizers of the same shape."""
    groups: dict[str, dict[str, Tensor]] = {}
    for name, value in load_file(path).items():
        kind, owner, key = name.split("/", 2)
        groups.setdefault(f"{kind}/{owner}", {})[key] = value
    for name, module in modules.items():
        module.load_state_dict(groups[f"module/{name}"])
    for name, optimizer in optimizers.items():
        if f"optimizer/{name}" in groups:
            _load_optimizer(optimizer, groups[f"optimizer/{name}"])


def restore_random_state(path: Path) -> None:
    """Set torch's global random numbers as they were when the checkpoint was written."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = set(file.keys())
        if _RANDOM_CPU in names:
            torch.set_rng_state(file.get_tensor(_RANDOM_CPU))
        if _RANDOM_CUDA in names and torch.cuda.is_available():
            torch.cuda.set_rng_state(file.get_tensor(_RANDOM_CUDA))
