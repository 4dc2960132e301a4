"""NVIDIA's pickles of stylegan2-ada-pytorch and stylegan3, and what other programs make of these networks.

A network is a tree of modules, each of them its class's source text and its attributes. The text is never looked at;
parameters, buffers, sub-modules and plain attributes are taken from the tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from . import shapes
from .contents import Array, Contents, Network, UnreadableError, damaged
from .machine import Thing
from .plain import array

_GENERATORS = ("G_ema", "generator", "G")
"""Where a file holds its generator: NVIDIA's name for the averaged one, STIT's, NVIDIA's plain one."""

_DECISIVE = {
    "up": "up",
    "down": "down",
    "up_factor": "up",
    "down_factor": "down",
    "padding": "padding",
    "conv_clamp": "conv_clamp",
    "weight_gain": "weight_gain",
    "bias_gain": "bias_gain",
    "output_scale": "output_scale",
    "out_sampling_rate": "sampling_rate",
}
"""Attributes that decide on a layer's result, by NVIDIA's names → ours."""

_DEEPEST = 16
_MOST_MODULES = 4096

_STYLEGAN3_DEFAULTS = {"conv_clamp": 256, "mapping_kwargs": {}}
_STYLEGAN3_POSITIONS = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")
_OF_NO_EFFECT = {"class_name", "num_fp16_res", "channels_last", "fp16_channels_last", "magnitude_ema_beta"}
"""Arguments of training and of mixed precision, which ours have not."""


def is_network(value: Any) -> bool:
    """Whether this is a module of NVIDIA's programs, or its weights by name."""
    if isinstance(value, Thing):
        return value.kind == "persistent"
    return isinstance(value, dict) and "synthesis.b4.const" in value


def read(value: Any) -> Contents | None:
    """The networks in a pickle's value: NVIDIA's dict of networks, or a generator alone (PTI writes such).

    Returns:
        ``None`` when it is something else.

    Raises:
        UnreadableError: a network's parts contradict each other.
    """
    critic = None
    if isinstance(value, dict) and not is_network(value):
        critic = value.get("D")
        value = next((value[name] for name in _GENERATORS if is_network(value.get(name))), None)
    if not is_network(value):
        return None
    tree = _tree(value)
    if any(name.startswith("synthesis.input.") for name in tree.weights):
        generator = _stylegan3(tree)
    elif "synthesis.b4.const" in tree.weights:
        generator = replace(
            shapes.generator(tree.weights, _known(tree, "synthesis.b4.conv1")), expected=_expected(tree)
        )
    else:
        raise UnreadableError(
            "holds networks of a kind that Pullface does not know", "Choose a StyleGAN2 or StyleGAN3."
        )
    return Contents("NVIDIA pickle", generator, _discriminator(critic, generator.arguments))


@dataclass
class _Tree:
    """A network's weights and plain attributes by name, and what its root was built with."""

    weights: dict[str, Array] = field(default_factory=dict)
    plain: dict[tuple[str, str], Any] = field(default_factory=dict)
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    modules: int = 0


def _tree(value: Any) -> _Tree:
    tree = _Tree()
    if isinstance(value, dict):
        tree.weights = {name: array(held) for name, held in value.items() if isinstance(held, Array | Thing)}
        return tree
    state = _state(value)
    if isinstance(state.get("_init_args"), tuple):
        tree.arguments = state["_init_args"]
    if isinstance(state.get("_init_kwargs"), dict):
        tree.keywords = {str(name): held for name, held in state["_init_kwargs"].items()}
    _walk(tree, "", value, 0)
    return tree


def _state(value: Any) -> dict[str, Any]:
    description = value.arguments[0] if isinstance(value, Thing) and value.arguments else None
    if not isinstance(description, dict) or not isinstance(description.get("state"), dict):
        raise damaged("a network without content")
    state = description["state"]
    if not all(isinstance(name, str) for name in state):
        raise damaged("a network without content")
    return dict(state)


def _walk(tree: _Tree, path: str, value: Any, depth: int) -> None:
    tree.modules += 1
    if depth > _DEEPEST or tree.modules > _MOST_MODULES:
        raise damaged("its networks are nested without end")
    state = _state(value)
    prefix = f"{path}." if path else ""
    for group in ("_parameters", "_buffers"):
        for name, held in _entries(state, group):
            if held is not None:
                tree.weights[prefix + name] = array(held)
    for name, held in _entries(state, "_modules"):
        if held is not None:
            _walk(tree, prefix + name, held, depth + 1)
    for name, held in state.items():
        if not name.startswith("_") and isinstance(held, int | float | str | list):
            tree.plain[path, name] = held


def _entries(state: Mapping[str, Any], group: str) -> list[tuple[str, Any]]:
    entries = state.get(group, {})
    if not isinstance(entries, dict) or not all(isinstance(name, str) for name in entries):
        raise damaged("a network without content")
    return list(entries.items())


def _known(tree: _Tree, layer: str) -> dict[str, Any]:
    """What shapes cannot tell, from the attributes of layers."""
    known: dict[str, Any] = {"conv_clamp": _number(tree, layer, "conv_clamp")}
    activation = tree.plain.get((layer, "activation"))
    if isinstance(activation, str):
        known["activation"] = activation
    multiplier = _number(tree, "mapping.fc0", "bias_gain")
    if multiplier is not None:
        known["lr_multiplier"] = multiplier
    beta = _number(tree, "mapping", "w_avg_beta")
    if beta is not None:
        known["w_avg_beta"] = beta
    group = _number(tree, "b4.mbstd", "group_size")
    if group is not None:
        known["mbstd_group_size"] = int(group)
    elif ("b4.mbstd", "num_channels") in tree.plain:
        known["mbstd_group_size"] = None
    return known


def _number(tree: _Tree, path: str, name: str) -> float | None:
    value = tree.plain.get((path, name))
    return value if isinstance(value, int | float) else None


def _discriminator(value: Any, generator: Mapping[str, Any]) -> Network | None:
    if not is_network(value) and not isinstance(value, dict):
        return None
    tree = _tree(value)
    known = _known(tree, f"b{generator['img_resolution']}.conv0")
    if "base_size" in generator:
        known["base_size"] = generator["base_size"]
    network = shapes.discriminator(tree.weights, known)
    return None if network is None else replace(network, expected=_expected(tree))


def _stylegan3(tree: _Tree) -> Network:
    keywords = {**_STYLEGAN3_DEFAULTS, **dict(zip(_STYLEGAN3_POSITIONS, tree.arguments)), **tree.keywords}
    nested = keywords.pop("synthesis_kwargs", {})
    if isinstance(nested, dict):
        keywords.update({str(name): held for name, held in nested.items()})
    arguments = {name: _json(value) for name, value in keywords.items() if name not in _OF_NO_EFFECT}
    if arguments.get("img_channels", 3) != 3 or not isinstance(arguments.get("img_resolution"), int):
        raise damaged("its pictures are of no known form")
    return Network("stylegan3", arguments, tree.weights, expected=_expected(tree))


def _expected(tree: _Tree) -> dict[tuple[str, str], float | tuple[float, ...]]:
    """The attributes of layers that decide on their results, by our names."""
    return {
        (path, _DECISIVE[name]): tuple(value) if isinstance(value, list) else value
        for (path, name), value in tree.plain.items()
        if name in _DECISIVE and (isinstance(value, int | float) or _numbers(value))
    }


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 8 and all(isinstance(one, int | float) for one in value)


def _json(value: Any, depth: int = 0) -> Any:
    """Arguments are numbers, texts, and lists and dicts of these."""
    if value is None or isinstance(value, str | int | float):
        return value
    if depth < 4 and isinstance(value, list | tuple) and len(value) <= 64:
        return [_json(one, depth + 1) for one in value]
    if depth < 4 and isinstance(value, dict) and len(value) <= 64:
        return {str(name): _json(one, depth + 1) for name, one in value.items()}
    raise damaged("an argument of an unknown form")
