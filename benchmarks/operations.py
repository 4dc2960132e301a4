"""The fused CUDA kernels against plain PyTorch: ``python -m benchmarks.operations [--half] [--json]``.

Every operation runs forward and backward on what a layer of a 1024-px model hands it. A line gives the median of plain
PyTorch's milliseconds, and the fused kernel's as a multiple of it in the same run; compiling is not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from stylegan_ops.bias_act import plain_bias_act
from stylegan_ops.filtered_lrelu import plain_filtered_lrelu
from stylegan_ops.lowpass import design_lowpass
from stylegan_ops.triton import Operation, proven
from stylegan_ops.upfirdn2d import plain_upfirdn2d, setup_filter

REPEATS = 20

Case = tuple[Operation, Callable[..., Tensor], list[int], list[Tensor | None], dict[str, Any]]


def cases() -> dict[str, Case]:
    """Name → operation, its plain implementation, the shape of x, filters, further arguments."""
    low = design_lowpass(12, 64, 64, 512)
    disc = design_lowpass(12, 64, 64, 512, radial=True)
    tent = setup_filter([1, 3, 3, 1])
    alias_free = {"up": 2, "down": 2, "padding": [9, 8, 9, 8], "clamp": 256}
    return {
        "bias_act, StyleGAN2's b256": ("bias_act", plain_bias_act, [1, 128, 256, 256], [], {"act": "lrelu"}),
        "upfirdn2d, StyleGAN2's b256": (
            "upfirdn2d",
            plain_upfirdn2d,
            [1, 128, 257, 257],
            [tent],
            {"padding": 1, "gain": 4},
        ),
        "filtered_lrelu, StyleGAN3-T's L8": (
            "filtered_lrelu",
            plain_filtered_lrelu,
            [1, 203, 278, 278],
            [low, low],
            alias_free,
        ),
        "filtered_lrelu, StyleGAN3-R's L8": (
            "filtered_lrelu",
            plain_filtered_lrelu,
            [1, 406, 276, 276],
            [low, disc],
            {**alias_free, "padding": [11, 10, 11, 10]},
        ),
    }


def applied(
    operation: Callable[..., Tensor], filters: list[Tensor | None], further: dict[str, Any]
) -> Callable[[Tensor], Tensor]:
    """The operation as a function of x alone."""
    return lambda x: operation(x, *filters, **further)


def milliseconds(operation: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Median of forward and backward on the GPU."""
    took = []
    for step in range(REPEATS + 3):  # the first ones compile and fill caches
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        y = operation(x)
        torch.autograd.grad(y, x, y)
        end.record()
        torch.cuda.synchronize()
        if step >= 3:
            took.append(start.elapsed_time(end))
    return statistics.median(took)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it measured, 1 without a GPU on which the kernels run."""
    parser = argparse.ArgumentParser(prog="benchmarks.operations", description=__doc__)
    parser.add_argument("--half", action="store_true", help="float16 instead of float32")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("There is no NVIDIA GPU here: nothing to measure.", file=sys.stderr)
        return 1
    device = torch.device("cuda", torch.cuda.current_device())
    dtype = torch.float16 if options.half else torch.float32
    found: dict[str, dict[str, float]] = {}
    for name, (operation, plain, shape, filters, further) in cases().items():
        if not proven(operation, device.index):
            print(f"{operation} does not run in Triton here; the log says why.", file=sys.stderr)
            return 1
        fused = getattr(import_module(f"stylegan_ops.triton.{operation}"), operation)
        x = torch.randn(shape, device=device).to(dtype).requires_grad_(True)
        own = [None if f is None else f.to(device) for f in filters]
        baseline, ours = (milliseconds(applied(run, own, further), x) for run in (plain, fused))
        found[name] = {"plain_ms": round(baseline, 3), "fused_of_plain": round(ours / baseline, 3)}
    if options.json:
        print(
            json.dumps({"gpu": torch.cuda.get_device_name(device), "dtype": str(dtype), "operations": found})
        )
        return 0
    print(f"{torch.cuda.get_device_name(device)}, {dtype}")
    for name, figures in found.items():
        print(f"{name:36} plain {figures['plain_ms']:8.3f} ms   fused {figures['fused_of_plain']:.2f} ×")
    return 0


if __name__ == "__main__":
    sys.exit(main())
