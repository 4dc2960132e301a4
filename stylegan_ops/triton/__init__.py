"""Fused CUDA kernels of `bias_act`, `upfirdn2d` and `filtered_lrelu`, written in Triton.

The operations ask `fused` at every call. They are used on NVIDIA GPUs for float32, float16 and bfloat16 where Triton is
installed (CUDA builds of PyTorch for Linux bring it) and where they prove themselves: at its first use on a GPU each
kernel is run on a small example, forward and backward, and compared with plain PyTorch. One that fails to compile or
gives other numbers is not used again. The environment variable ``STYLEGAN_OPS_TRITON=0`` turns all of them off.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from functools import cache
from types import ModuleType
from typing import Literal

import torch
from torch import Tensor

from .gradients import many_at_once

Operation = Literal["bias_act", "upfirdn2d", "filtered_lrelu"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)

_log = logging.getLogger(__name__)


def fused(operation: Operation, x: Tensor, *constants: Tensor | None) -> ModuleType | None:
    """The module of this package with the kernels of an operation; ``None`` where plain PyTorch is to be used.

    Args:
        operation: which one.
        x: the tensor that it works on.
        constants: tensors that the kernels have no gradient for.
    """
    if x.device.type != "cuda" or x.dtype not in _DTYPES or x.numel() == 0:
        return None
    if any(constant is not None and constant.requires_grad for constant in constants):
        return None
    # Whatever looks into operations (torch.compile, torch.func, forward gradients) sees only PyTorch's.
    if torch.compiler.is_compiling() or many_at_once(x):
        return None
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return None
    if torch.autograd.forward_ad._current_level >= 0 or not proven(operation, x.device.index):
        return None
    return importlib.import_module(f"{__name__}.{operation}")


@cache
def proven(operation: Operation, index: int) -> bool:
    """Whether an operation's kernels run on the GPU of this index and agree with plain PyTorch there."""
    if os.environ.get("STYLEGAN_OPS_TRITON") == "0" or torch.version.hip is not None:
        return False
    if importlib.util.find_spec("triton") is None:
        return False
    try:
        module = importlib.import_module(f"{__name__}.{operation}")
        if torch.cuda.get_device_capability(index) < module.CAPABILITY:
            return False
        with torch.enable_grad(), torch.autocast("cuda", enabled=False):
            error: float = module.example_error(torch.device("cuda", index))
    except Exception as problem:
        # Anything: no C compiler, a driver that is too old, a GPU that Triton does not know.
        _log.warning("%s runs in plain PyTorch, Triton cannot run here: %s", operation, problem)
        return False
    if not error < 1e-3:  # also when it is not a number
        _log.warning("%s runs in plain PyTorch, Triton is off by %g here", operation, error)
        return False
    return True
