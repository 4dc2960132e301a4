"""TensorFlow pickles of StyleGAN2 and StyleGAN2-ADA, without TensorFlow.

They hold three networks (G, D, Gs) as names and NumPy arrays, and source text that is never looked at. A convolution is
[k, k, in, out] there and [out, in, k, k] here; one that enlarges is turned by 180°; a style's bias lacks its 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from . import shapes
from .contents import Array, Contents, Network, UnreadableError, damaged
from .machine import Thing
from .plain import array

_OLDEST = 4
_NOT_USED = ("lod",)
_MOST_COMPONENTS = 16


def read(value: Any) -> Contents | None:
    """The networks in a pickle's value; ``None`` when it is no TensorFlow pickle.

    Raises:
        UnreadableError: they are of another program than StyleGAN2, or their parts contradict each other.
    """
    if not isinstance(value, tuple) or len(value) != 3 or not all(_is_network(one) for one in value):
        return None
    _, critic, averaged = value
    generator, arguments = _variables(averaged)
    if (
        not any(name.startswith("synthesis/") for name in generator)
        or "synthesis/4x4/Const/const" not in generator
    ):
        raise UnreadableError(
            "holds TensorFlow networks that are no StyleGAN2",
            "Choose a StyleGAN2 or StyleGAN2-ADA; older ones cannot be opened.",
        )
    network = shapes.generator(dict(_generator(generator)), _known(arguments))
    variables, arguments = _variables(critic)
    known = _known(arguments)
    group = arguments.get("mbstd_group_size", 4)
    known["mbstd_group_size"] = group if isinstance(group, int) else None
    weights = dict(_translated(variables.items(), _DISCRIMINATOR))
    return Contents("TensorFlow pickle", network, _discriminator(weights, known))


def _discriminator(weights: dict[str, Array], known: dict[str, Any]) -> Network | None:
    return shapes.discriminator(weights, known) if weights else None


def _is_network(value: Any) -> bool:
    return isinstance(value, Thing) and value.kind == "tensorflow network"


def _variables(network: Thing, depth: int = 0) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays by name, those of components behind the component's name, and the arguments."""
    state = network.state
    if not isinstance(state, dict) or not isinstance(state.get("variables"), list):
        raise damaged("a network without variables")
    if not isinstance(state.get("version"), int) or state["version"] < _OLDEST:
        raise UnreadableError(
            "is a TensorFlow pickle of an old form, from before StyleGAN2",
            "Choose a StyleGAN2 or StyleGAN2-ADA.",
        )
    found: dict[str, Array] = {}
    for entry in state["variables"]:
        if not isinstance(entry, tuple | list) or len(entry) != 2 or not isinstance(entry[0], str):
            raise damaged("a variable without a name")
        if entry[0] not in _NOT_USED:
            found[entry[0]] = array(entry[1])
    arguments = _texts(state.get("static_kwargs"))
    components = _texts(state.get("components"))
    if depth > 1 or len(components) > _MOST_COMPONENTS:
        raise damaged("its networks are nested without end")
    for name, component in components.items():
        if _is_network(component):
            variables, its_arguments = _variables(component, depth + 1)
            found.update({f"{name}/{key}": held for key, held in variables.items()})
            arguments = {**its_arguments, **arguments}
    return found, arguments


def _texts(value: Any) -> dict[str, Any]:
    return (
        {name: one for name, one in value.items() if isinstance(name, str)} if isinstance(value, dict) else {}
    )


def _known(arguments: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for ours, theirs in (("lr_multiplier", "mapping_lrmul"), ("conv_clamp", "conv_clamp")):
        if isinstance(arguments.get(theirs), int | float):
            known[ours] = arguments[theirs]
    kernel = arguments.get("resample_kernel")
    if (
        isinstance(kernel, list)
        and 0 < len(kernel) <= 64
        and all(isinstance(one, int | float) for one in kernel)
    ):
        known["resample_filter"] = kernel
    for name in ("nonlinearity", "act"):
        if isinstance(arguments.get(name), str):
            known["activation"] = arguments[name]
    return known


_Change = Callable[[Array], Array]


def _convolution(held: Array) -> Array:
    return held.reordered(3, 2, 0, 1)


def _enlarging(held: Array) -> Array:
    return held.flipped(0, 1).reordered(3, 2, 0, 1)


def _dense(held: Array) -> Array:
    return held.reordered(1, 0)


def _style_bias(held: Array) -> Array:
    return replace(held, plus=1.0)


def _as_it_is(held: Array) -> Array:
    return held


_LAYER: list[tuple[str, str, _Change]] = [
    ("bias", "bias", _as_it_is),
    ("noise_strength", "noise_strength", lambda held: held.without_ones(0)),
    ("mod_weight", "affine.weight", _dense),
    ("mod_bias", "affine.bias", _style_bias),
]

_Rule = tuple[re.Pattern[str], str, _Change]


def _rules() -> list[_Rule]:
    rules: list[tuple[str, str, _Change]] = [
        (r"dlatent_avg", "mapping.w_avg", _as_it_is),
        (r"mapping/LabelEmbed/weight", "mapping.embed.weight", _dense),
        (r"mapping/LabelEmbed/bias", "mapping.embed.bias", _as_it_is),
        (r"mapping/Dense(\d)/weight", r"mapping.fc\1.weight", _dense),
        (r"mapping/Dense(\d)/bias", r"mapping.fc\1.bias", _as_it_is),
        (r"synthesis/4x4/Const/const", "synthesis.b4.const", lambda held: held.without_ones(3)),
        (r"synthesis/(\d+)x\1/Skip/weight", r"synthesis.b\1.skip.weight", _enlarging),
        (r"synthesis/4x4/Conv/weight", "synthesis.b4.conv1.weight", _convolution),
        (r"synthesis/(\d+)x\1/Conv0_up/weight", r"synthesis.b\1.conv0.weight", _enlarging),
        (r"synthesis/(\d+)x\1/Conv1/weight", r"synthesis.b\1.conv1.weight", _convolution),
        (r"synthesis/(\d+)x\1/ToRGB/weight", r"synthesis.b\1.torgb.weight", _convolution),
    ]
    for theirs, ours in (("Conv0_up", "conv0"), ("Conv1", "conv1"), ("ToRGB", "torgb"), ("Conv", "conv1")):
        for name, renamed, change in _LAYER:
            rules.append((rf"synthesis/(\d+)x\1/{theirs}/{name}", rf"synthesis.b\1.{ours}.{renamed}", change))
    return [(re.compile(pattern), name, change) for pattern, name, change in rules]


_GENERATOR = _rules()

_DISCRIMINATOR: list[_Rule] = [
    (re.compile(pattern), name, change)
    for pattern, name, change in (
        (r"(\d+)x\1/FromRGB/weight", r"b\1.fromrgb.weight", _convolution),
        (r"(\d+)x\1/FromRGB/bias", r"b\1.fromrgb.bias", _as_it_is),
        (r"(\d+)x\1/Conv0/weight", r"b\1.conv0.weight", _convolution),
        (r"(\d+)x\1/Conv0/bias", r"b\1.conv0.bias", _as_it_is),
        (r"(\d+)x\1/Conv1_down/weight", r"b\1.conv1.weight", _convolution),
        (r"(\d+)x\1/Conv1_down/bias", r"b\1.conv1.bias", _as_it_is),
        (r"(\d+)x\1/Skip/weight", r"b\1.skip.weight", _convolution),
        (r"LabelEmbed/weight", "mapping.embed.weight", _dense),
        (r"LabelEmbed/bias", "mapping.embed.bias", _as_it_is),
        (r"Mapping(\d)/weight", r"mapping.fc\1.weight", _dense),
        (r"Mapping(\d)/bias", r"mapping.fc\1.bias", _as_it_is),
        (r"4x4/Conv/weight", "b4.conv.weight", _convolution),
        (r"4x4/Conv/bias", "b4.conv.bias", _as_it_is),
        (r"4x4/Dense0/weight", "b4.fc.weight", _dense),
        (r"4x4/Dense0/bias", "b4.fc.bias", _as_it_is),
        (r"Output/weight", "b4.out.weight", _dense),
        (r"Output/bias", "b4.out.bias", _as_it_is),
    )
]


def _generator(variables: dict[str, Array]) -> Iterable[tuple[str, Array]]:
    yield from _translated(variables.items(), _GENERATOR)
    for name, held in variables.items():
        match = re.fullmatch(r"synthesis/noise(\d{1,2})", name)
        if match:
            # The layers from 4×4 upwards: conv1, then conv0 and conv1 of each block.
            number = int(match[1])
            layer = "conv0" if number % 2 else "conv1"
            yield f"synthesis.b{4 << (number + 1) // 2}.{layer}.noise_const", held.without_ones(2)


def _translated(variables: Iterable[tuple[str, Array]], rules: list[_Rule]) -> Iterable[tuple[str, Array]]:
    for name, held in variables:
        for pattern, renamed, change in rules:
            match = pattern.fullmatch(name)
            if match:
                yield match.expand(renamed), change(held)
                break
