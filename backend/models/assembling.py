"""Networks of what a reader found in another program's file.

The networks are first built without memory (`weightless`), each weight's shape is compared, and only then
are the weights copied out of the file: what a file claims can cost no more than it is itself large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stylegan_ops.discriminator import Discriminator
from stylegan_ops.generator import StyleGenerator
from stylegan_ops.upfirdn2d import setup_filter

from . import readers, weightless
from .catalogue import UNKNOWN
from .model import Model, w_statistics
from .readers.contents import ITEM_BYTES, Array, Contents, Network, UnreadableError, damaged

SAMPLES_AT_ONCE = 2048
"""Of w, for the statistics of a model that is opened without being converted."""


def read(
    path: Path,
    device: str = "cpu",
    samples: int = SAMPLES_AT_ONCE,
    tell: Callable[[float], None] = lambda done: None,
) -> Model:
    """A model from another program's file.

    Args:
        path: the file.
        device: where its weights go.
        samples: of w, for its mean and covariance.
        tell: takes how much of that is done, 0 … 1.

    Returns:
        The model in float32, in evaluation mode, its weights frozen.

    Raises:
        PullfaceError: ``bad_model``, the file is damaged, unsafe, or no StyleGAN.
    """
    return model_of(path, readers.read(path), device, samples, tell)


def model_of(
    path: Path,
    contents: Contents,
    device: str = "cpu",
    samples: int = SAMPLES_AT_ONCE,
    tell: Callable[[float], None] = lambda done: None,
) -> Model:
    """`read`, when `contents` of the file at `path` have been read already."""
    try:
        generator, critic = networks(contents, 2 * path.stat().st_size)
        generator.to(device)
        mean, covariance = w_statistics(generator, samples, tell=tell)
        if not bool(mean.isfinite().all() & covariance.isfinite().all()):
            raise damaged("its mapping network gives no finite numbers")
    except UnreadableError as error:
        raise readers.refusal(path, error) from error
    if not bool(generator.mapping.w_avg.isfinite().all()):  # the file had none, see `_substitute`
        generator.mapping.w_avg.copy_(mean)
    critic = None if critic is None else critic.to(device)
    return Model(path.stem, UNKNOWN, UNKNOWN, generator, critic, mean, covariance)


def networks(contents: Contents, most_bytes: int) -> tuple[StyleGenerator, Discriminator | None]:
    """The generator and, where there is one, the discriminator, with their weights, on the CPU.

    Args:
        contents: what a reader found.
        most_bytes: that all weights together may take.

    Raises:
        UnreadableError: shapes contradict each other, or weights are missing, too many, or not finite.
    """
    loader = _Loader(most_bytes)
    generator = loader.build(contents.generator)
    critic = None if contents.discriminator is None else loader.build(contents.discriminator)
    assert isinstance(generator, StyleGenerator)
    assert critic is None or isinstance(critic, Discriminator)
    return generator, critic


class _Loader:
    """Builds networks, whose weights together may not take more than ``most_bytes``."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes

    def build(self, network: Network) -> nn.Module:
        built = weightless.build(network.family, network.arguments)
        wanted = built.state_dict()
        unknown = sorted(set(network.weights) - set(wanted))
        if unknown:
            raise UnreadableError(
                f"holds layers that Pullface does not know ({unknown[0]})", "Choose a StyleGAN2 or StyleGAN3."
            )
        for name, shape in ((name, tuple(value.shape)) for name, value in wanted.items()):
            held = network.weights.get(name)
            if held is not None and held.shape != shape:
                raise damaged(f"{name} is {list(held.shape)} where {list(shape)} belongs")
        _compare_attributes(built, network)
        state = {
            name: self._load(name, network.weights[name])
            if name in network.weights
            else self._substitute(name, value, network.arguments)
            for name, value in wanted.items()
        }
        built.load_state_dict(state, strict=True, assign=True)
        return built.eval().requires_grad_(False)

    def _spend(self, count: int) -> None:
        self._left -= 4 * count
        if self._left < 0:
            raise UnreadableError("claims to hold more weights than fit into it", "Choose another model.")

    def _load(self, name: str, held: Array) -> Tensor:
        self._spend(held.count)
        values = _numbers(held)
        if not _finite(values):
            raise UnreadableError(f"holds weights that are no finite numbers ({name})", "Get the file again.")
        return torch.from_numpy(values)

    def _substitute(self, name: str, value: Tensor, arguments: Mapping[str, Any]) -> Tensor:
        """What some programs do not save."""
        self._spend(value.numel())
        if name.endswith(".resample_filter"):
            return setup_filter(arguments.get("resample_filter", (1, 3, 3, 1)))
        if name.endswith(".noise_const"):
            random = torch.Generator().manual_seed(value.shape[0])
            return torch.randn(value.shape, generator=random)
        if name == "mapping.w_avg":
            return torch.full(value.shape, float("nan"))
        raise damaged(f"{name} is missing")


def _compare_attributes(built: nn.Module, network: Network) -> None:
    modules = dict(built.named_modules())
    for (path, name), value in network.expected.items():
        module = modules.get(path)
        if module is None or not hasattr(module, name):
            continue
        ours = getattr(module, name)
        if not _same(ours, value):
            raise UnreadableError(
                f"has a layer that works otherwise than Pullface's ({path}: {name} is {value}, not {ours})",
                "Pullface cannot open this kind of model.",
            )


def _same(ours: Any, theirs: float | tuple[float, ...]) -> bool:
    if ours is None:
        return False
    first, second = np.atleast_1d(np.asarray(ours, np.float64)), np.atleast_1d(np.asarray(theirs, np.float64))
    return first.shape == second.shape and np.allclose(first, second, rtol=1e-4, atol=0)


def _numbers(held: Array) -> NDArray[np.float32]:
    """The numbers of an array, copied out of the file."""
    kind, order, data = held.storage.numbers()
    count = len(data) // ITEM_BYTES[kind]
    reach = [(size - 1) * step for size, step in zip(held.shape, held.strides)]
    first = held.offset + sum(step for step in reach if step < 0)
    last = held.offset + sum(step for step in reach if step > 0)
    if held.count > count or (held.count and not 0 <= first <= last < count):
        raise damaged("an array reaches beyond its content")
    if kind == "bf16":
        halves = np.frombuffer(data, f"{order}u2", count).astype(np.uint32)
        flat: NDArray[Any] = (halves << 16).view(np.float32)
    else:
        flat = np.frombuffer(data, order + kind, count)
    start = held.offset if held.count else 0
    strides = [step * flat.itemsize for step in held.strides]
    view = np.lib.stride_tricks.as_strided(flat[start:], held.shape, strides, writeable=False)
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.array(view, dtype=np.float32, order="C")
    if held.plus:
        result += np.float32(held.plus)
    return result


def _finite(values: NDArray[np.float32]) -> bool:
    # A sum is finite only if all its terms are, and takes no memory; a large one may overflow all the same.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return True
    return all(bool(np.isfinite(part).all()) for part in np.array_split(values.reshape(-1), 64))
