"""Checkpoints of rosinality's StyleGAN2 in PyTorch: weights by that program's own names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import shapes
from .contents import Array, Contents, damaged
from .machine import Thing
from .plain import array

_Change = Callable[[Array], Array]


def is_generator(value: Any) -> bool:
    """Whether these are the weights of a generator of this program."""
    return isinstance(value, dict) and "input.input" in value and "conv1.conv.weight" in value


def read(value: Any) -> Contents | None:
    """The networks in a checkpoint, or in a generator's weights alone; ``None`` when it is something else.

    Raises:
        UnreadableError: the weights contradict each other.
    """
    if is_generator(value):
        value = {"g_ema": value}
    if not isinstance(value, dict):
        return None
    generator = next((value[name] for name in ("g_ema", "g") if is_generator(value.get(name))), None)
    if generator is None:
        return None
    weights = dict(_generator(_arrays(generator)))
    average = value.get("latent_avg")
    if isinstance(average, Array | Thing):
        weights["mapping.w_avg"] = array(average).without_ones(1)
    critic = value.get("d")
    discriminator = None
    if isinstance(critic, dict) and "final_conv.0.weight" in critic:
        discriminator = shapes.discriminator(dict(_discriminator(_arrays(critic))))
    return Contents("rosinality checkpoint", shapes.generator(weights), discriminator)


def _arrays(weights: Mapping[Any, Any]) -> dict[str, Array]:
    return {name: array(held) for name, held in weights.items() if isinstance(name, str)}


def _axes(count: int) -> _Change:
    return lambda held: held.without_ones(count)


_LAYER: list[tuple[str, str, _Change]] = [
    (r"conv\.weight", "weight", lambda held: _convolution(held)),
    (r"conv\.modulation\.weight", "affine.weight", _axes(2)),
    (r"conv\.modulation\.bias", "affine.bias", _axes(1)),
    (r"noise\.weight", "noise_strength", _axes(0)),
    (r"activate\.bias", "bias", _axes(1)),
]


def _convolution(held: Array) -> Array:
    """[1, out, in, k, k] without its first axis."""
    if len(held.shape) != 5 or held.shape[0] != 1:
        raise damaged("a convolution of another shape")
    return Array(held.storage, held.offset, held.shape[1:], held.strides[1:])


def _generator(weights: Mapping[str, Array]) -> Iterable[tuple[str, Array]]:
    for name, held in weights.items():
        if name == "input.input":
            if len(held.shape) != 4 or held.shape[0] != 1:
                raise damaged("its constant has another shape")
            yield "synthesis.b4.const", Array(held.storage, held.offset, held.shape[1:], held.strides[1:])
        elif match := re.fullmatch(r"style\.([0-9]{1,2})\.(weight|bias)", name):
            # Layer 0 normalises z and has no weights.
            yield f"mapping.fc{int(match[1]) - 1}.{match[2]}", held
        elif match := re.fullmatch(r"noises\.noise_([0-9]{1,2})", name):
            layer, resolution = _place(int(match[1]) - 1)
            yield f"synthesis.b{resolution}.{layer}.noise_const", held.without_ones(2)
        else:
            yield from _layer(name, held)


def _place(index: int) -> tuple[str, int]:
    """Layer and resolution of ``convs.{index}``; -1 is the one at 4×4."""
    return ("conv1" if index % 2 else "conv0"), 4 << (index + 2) // 2


def _layer(name: str, held: Array) -> Iterable[tuple[str, Array]]:
    match = re.fullmatch(r"(conv1|convs\.([0-9]{1,2})|to_rgb1|to_rgbs\.([0-9]{1,2}))\.(.*)", name)
    if match is None:
        return
    if match[1].startswith("conv"):
        layer, resolution = _place(-1 if match[2] is None else int(match[2]))
    else:
        layer, resolution = "torgb", 4 if match[3] is None else 8 << int(match[3])
        if match[4] == "bias":
            yield f"synthesis.b{resolution}.torgb.bias", held.without_ones(1)
    for pattern, renamed, change in _LAYER:
        if re.fullmatch(pattern, match[4]):
            yield f"synthesis.b{resolution}.{layer}.{renamed}", change(held)


_CRITIC_BLOCK = {
    "conv1.0.weight": "conv0.weight",
    "conv1.1.bias": "conv0.bias",
    "conv2.1.weight": "conv1.weight",
    "conv2.2.bias": "conv1.bias",
    "skip.1.weight": "skip.weight",
}
_CRITIC_END = {
    "final_conv.0.weight": "conv.weight",
    "final_conv.1.bias": "conv.bias",
    "final_linear.0.weight": "fc.weight",
    "final_linear.0.bias": "fc.bias",
    "final_linear.1.weight": "out.weight",
    "final_linear.1.bias": "out.bias",
}


def _discriminator(weights: Mapping[str, Array]) -> Iterable[tuple[str, Array]]:
    blocks = sum(1 for name in weights if re.fullmatch(r"convs\.[1-9][0-9]?\.conv1\.0\.weight", name))
    finest = 4 << min(blocks, 16)
    for name, held in weights.items():
        if name in _CRITIC_END:
            yield f"b4.{_CRITIC_END[name]}", held
        elif match := re.fullmatch(r"convs\.0\.([01])\.(weight|bias)", name):
            yield f"b{finest}.fromrgb.{match[2]}", held
        elif (match := re.fullmatch(r"convs\.([1-9][0-9]?)\.(.*)", name)) and match[2] in _CRITIC_BLOCK:
            yield f"b{(2 * finest) >> int(match[1])}.{_CRITIC_BLOCK[match[2]]}", held
