"""Building networks without memory for their weights: a file that lies about its shapes must not make us take any.

PyTorch's own way, ``with torch.device("meta")``, makes random weights through decompositions that import SymPy, which
takes longer than all the rest. Here only large tensors have no memory, and small ones are what they always are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from stylegan_ops import stylegan2, stylegan3
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.encoder import Encoder

from .readers.contents import UnreadableError, damaged

CLASSES: dict[str, type[nn.Module]] = {
    "stylegan2": stylegan2.Generator,
    "stylegan3": stylegan3.Generator,
    "discriminator": Discriminator,
    "encoder": Encoder,
}
"""The networks, by what files call them."""

_SMALL = 4096
_MAKERS = {torch.randn, torch.rand, torch.zeros, torch.ones, torch.full}
_SCALINGS = {Tensor.div_, Tensor.__truediv__, Tensor.__mul__}

_LARGEST_ARGUMENT = 1 << 20
_MOST_LAYERS = 64
_LIMITS = {
    **dict.fromkeys(("num_layers", "filter_size", "conv_kernel", "blocks"), _MOST_LAYERS),
    **dict.fromkeys(("z_dim", "c_dim", "w_dim"), 1 << 14),
}
"""Of what takes time or memory beyond the weights, which a file must really hold."""


class _Weightless(TorchFunctionMode):
    """Large new tensors have a shape and no memory; multiplying them by a number leaves them as they are."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func in _MAKERS and "device" not in given:
            shape = args[:1] if func is torch.full else args
            shell = torch.empty(*shape, device="meta")
            return shell if shell.numel() > _SMALL else func(*args, **given)
        if (
            func in _SCALINGS
            and isinstance(args[0], Tensor)
            and args[0].is_meta
            and isinstance(args[1], int | float)
        ):
            return args[0]
        return func(*args, **given)


def build(family: str, arguments: Mapping[str, Any]) -> nn.Module:
    """A network whose larger weights are on the meta device; all weights are to be replaced.

    Args:
        family: a key of `CLASSES`.
        arguments: of that class.

    Raises:
        UnreadableError: there can be no such network.
    """
    _check(arguments)
    try:
        with torch.random.fork_rng(devices=[]), _Weightless():
            return CLASSES[family](**arguments)
    except (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError, AttributeError) as error:
        raise UnreadableError(
            f"describes a network that Pullface cannot build ({type(error).__name__})"
        ) from error


def _check(value: Any, name: str = "arguments", depth: int = 0) -> None:
    """Raise `UnreadableError` unless all arguments are of a size that some StyleGAN has: building takes time, too."""
    if isinstance(value, Mapping | list | tuple) and depth < 4 and len(value) <= _MOST_LAYERS:
        pairs = value.items() if isinstance(value, Mapping) else ((name, one) for one in value)
        for key, one in pairs:
            _check(one, str(key), depth + 1)
        return
    if isinstance(value, int | float):
        if not abs(value) <= _LIMITS.get(name, _LARGEST_ARGUMENT):
            raise damaged(f"{name} is {value}")
    elif value is not None and not isinstance(value, str):
        raise damaged(f"{name} is of an unknown form")
