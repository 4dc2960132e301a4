"""Writes models in the forms of other programs, from our networks: what the readers are tested with.

The originals pickle objects of their own classes. Here stand-ins take these classes' names for the time of writing.
"""

from __future__ import annotations

import collections
import contextlib
import io
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SOURCE = "raise RuntimeError('the source text in a model file was run')\n"


class Persistent:
    """An object of NVIDIA's persistent classes; ``torch_utils.persistence`` is not there when it is read."""

    def __init__(self, class_name: str, state: dict[str, Any]) -> None:
        self.description = {
            "type": "class",
            "version": 6,
            "module_src": SOURCE,
            "class_name": class_name,
            "state": state,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _reconstruct_persistent_obj, (self.description,)


def _reconstruct_persistent_obj(description: dict[str, Any]) -> None:
    raise RuntimeError("a model file was unpickled")


class EasyDict(dict):
    """NVIDIA's dict."""


class Network:
    """A network of NVIDIA's TensorFlow programs."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise RuntimeError("a model file was unpickled")


@contextlib.contextmanager
def original_names() -> Iterator[None]:
    """While entered, the stand-ins have the names that the originals have."""
    places: dict[str, Any] = {
        "torch_utils.persistence": _reconstruct_persistent_obj,
        "dnnlib.util": EasyDict,
        "dnnlib.tflib.network": Network,
    }
    before = [(one, one.__module__) for one in places.values()]
    made = []
    for name, one in places.items():
        for part in _packages(name):
            if part not in sys.modules:
                sys.modules[part] = types.ModuleType(part)
                made.append(part)
        setattr(sys.modules[name], one.__name__, one)
        one.__module__ = name
    try:
        yield
    finally:
        for one, module in before:
            one.__module__ = module
        for part in made:
            del sys.modules[part]


def _packages(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def persistent(module: nn.Module) -> Persistent:
    """A network as NVIDIA's programs pickle it; numbers are NumPy's where NumPy made them there."""
    state: dict[str, Any] = {
        "training": False,
        "_parameters": dict(module._parameters),
        "_buffers": dict(module._buffers),
        "_non_persistent_buffers_set": set(),
        "_backward_hooks": collections.OrderedDict(),
        "_modules": {name: persistent(child) for name, child in module._modules.items() if child is not None},
    }
    for name, value in vars(module).items():
        if not name.startswith("_") and isinstance(value, str | int | float | list):
            state[name] = np.float64(value) if isinstance(value, float) else value
    if hasattr(module, "mbstd_group_size"):
        plain = {"group_size": module.mbstd_group_size, "num_channels": module.mbstd_num_channels}
        state["_modules"]["mbstd"] = Persistent("MinibatchStdLayer", {**plain, "_parameters": {}})
    return Persistent(type(module).__name__, state)


def nvidia(generator: nn.Module, discriminator: nn.Module | None = None) -> dict[str, Any]:
    """What stylegan2-ada-pytorch pickles."""
    return {
        "G": persistent(generator),
        "D": None if discriminator is None else persistent(discriminator),
        "G_ema": persistent(generator),
        "augment_pipe": None,
        "training_set_kwargs": EasyDict(path="faces.zip"),
    }


def pickled(value: Any, protocol: int = 4, numpy_1: bool = False) -> bytes:
    """The value as a file; with ``numpy_1`` as NumPy 1 called its own parts."""
    buffer = io.BytesIO()
    with original_names():
        pickle.Pickler(buffer, protocol).dump(value)
    data = buffer.getvalue()
    if numpy_1:
        data = data.replace(b"cnumpy._core.", b"cnumpy.core.")
        for part in (b"multiarray", b"numeric"):
            new, old = b"numpy._core." + part, b"numpy.core." + part
            data = data.replace(bytes([0x8C, len(new)]) + new, bytes([0x8C, len(old)]) + old)
    return data


class _Trusting(pickle.Unpickler):
    """Python's own unpickler, with stand-ins for NVIDIA's classes that execute nothing: what it takes at the least."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct_persistent_obj":
            return dict
        return EasyDict if name == "EasyDict" else super().find_class(module, name)


def unpickled(path: Path) -> Any:
    """The value in a file of our own making, the usual and dangerous way; for comparing times."""
    with path.open("rb") as file:
        return _Trusting(file).load()


def torch_file(value: Any, archive: bool = True) -> bytes:
    """The value as ``torch.save`` writes it, in its newer form or in the older one."""
    buffer = io.BytesIO()
    with original_names():
        torch.save(value, buffer, _use_new_zipfile_serialization=archive)
    return buffer.getvalue()


def rosinality(generator: nn.Module) -> dict[str, Tensor]:
    """The weights of a StyleGAN2 generator (``skip``) by the names of rosinality's program."""
    result: dict[str, Tensor] = {}
    renamed = {
        "weight": ("conv.weight", lambda value: value[None]),
        "affine.weight": ("conv.modulation.weight", lambda value: value),
        "affine.bias": ("conv.modulation.bias", lambda value: value),
        "noise_strength": ("noise.weight", lambda value: value.reshape(1)),
        "bias": ("activate.bias", lambda value: value),
    }
    for name, value in generator.state_dict().items():
        network, part, rest = name.split(".", 2) if name.count(".") > 1 else (*name.split("."), "")
        if part.startswith("fc"):
            result[f"style.{int(part[2:]) + 1}.{rest}"] = value
        elif rest == "const":
            result["input.input"] = value[None]
        elif network == "synthesis" and rest != "resample_filter":
            layer, _, kind = rest.partition(".")
            level = int(part[1:]).bit_length() - 3
            conv = "conv1" if level == 0 else f"convs.{2 * level - 2 + (layer == 'conv1')}"
            if layer == "torgb":
                conv = "to_rgb1" if level == 0 else f"to_rgbs.{level - 1}"
            if kind == "noise_const":
                result[f"noises.noise_{max(2 * level - 1 + (layer == 'conv1'), 0)}"] = value[None, None]
            elif layer == "torgb" and kind == "bias":
                result[f"{conv}.bias"] = value.reshape(1, -1, 1, 1)
            elif kind in renamed:
                other, change = renamed[kind]
                result[f"{conv}.{other}"] = change(value)
    return result


def rosinality_discriminator(discriminator: nn.Module) -> dict[str, Tensor]:
    """The weights of a StyleGAN2 discriminator (``resnet``) by the names of rosinality's program."""
    result: dict[str, Tensor] = {}
    inside = {"conv0": ("conv1.0", "conv1.1"), "conv1": ("conv2.1", "conv2.2"), "skip": ("skip.1", "")}
    end = {
        "conv": ("final_conv.0", "final_conv.1"),
        "fc": ("final_linear.0",) * 2,
        "out": ("final_linear.1",) * 2,
    }
    weights = {name: value for name, value in discriminator.state_dict().items() if "filter" not in name}
    finest = max(int(name.split(".")[0][1:]) for name in weights)
    for name, value in weights.items():
        block, layer, kind = name.split(".")
        resolution = int(block[1:])
        if layer == "fromrgb":
            result[f"convs.0.{0 if kind == 'weight' else 1}.{kind}"] = value
        elif resolution == 4:
            result[f"{end[layer][kind == 'bias']}.{kind}"] = value
        else:
            place = finest.bit_length() - resolution.bit_length() + 1
            result[f"convs.{place}.{inside[layer][kind == 'bias']}.{kind}"] = value
    return result


def _variables(weights: dict[str, Tensor]) -> list[tuple[str, Any]]:
    """Weights of one of our networks by TensorFlow's names, and in its order of axes."""
    layers = {"fromrgb": "FromRGB", "torgb": "ToRGB", "skip": "Skip", "fc": "Dense0", "conv": "Conv"}
    result: list[tuple[str, Any]] = []
    for name, value in weights.items():
        array = value.numpy()
        generated = name.startswith("synthesis.")
        block, layer, *rest = name.removeprefix("synthesis.").split(".")
        kind = ".".join(rest)
        if name == "mapping.w_avg":
            result.append(("dlatent_avg", array))
            continue
        if block == "mapping":
            where = ("mapping/" if generated or "mapping.w_avg" in weights else "") + (
                "LabelEmbed"
                if layer == "embed"
                else ("Dense" if "mapping.w_avg" in weights else "Mapping") + layer[2:]
            )
            result.append((f"{where}/{kind}", array.T if kind == "weight" else array))
            continue
        resolution = int(block[1:])
        place = f"{'synthesis/' if generated else ''}{resolution}x{resolution}"
        level = resolution.bit_length() - 3
        if layer == "const":
            result.append((f"{place}/Const/const", array[None]))
        elif kind == "noise_const":
            number = max(2 * level - 1 + (layer == "conv1"), 0)
            result.append((f"synthesis/noise{number}", array[None, None]))
        elif layer == "out":
            result.append((f"Output/{kind}", array.T if kind == "weight" else array))
        elif kind and "filter" not in kind:
            if layer in ("conv0", "conv1"):
                larger, smaller = generated and layer == "conv0", not generated and layer == "conv1"
                theirs = "Conv0_up" if larger else "Conv1_down" if smaller else layer.capitalize()
                if generated and resolution == 4:
                    theirs = "Conv"
            else:
                theirs = layers[layer]
            if kind == "weight":
                array = array.T if array.ndim == 2 else array.transpose(2, 3, 1, 0)
                if generated and layer in ("conv0", "skip"):
                    array = array[::-1, ::-1]
            elif kind == "affine.bias":
                array = array - 1
            elif kind == "affine.weight":
                array = array.T
            renamed = {"affine.weight": "mod_weight", "affine.bias": "mod_bias"}.get(kind, kind)
            result.append((f"{place}/{theirs}/{renamed}", array))
    return result


def tensorflow(
    generator: nn.Module, discriminator: nn.Module, arguments: dict[str, Any]
) -> tuple[Network, ...]:
    """What NVIDIA's TensorFlow programs pickle; ``arguments`` are the networks' static ones."""
    variables = _variables(generator.state_dict())

    def network(name: str, variables: list[tuple[str, Any]], **components: Network) -> Network:
        made = Network()
        made.__dict__ = {
            "version": 4,
            "name": name,
            "static_kwargs": EasyDict(arguments),
            "components": EasyDict(components),
            "build_module_src": SOURCE,
            "build_func_name": "build",
            "variables": variables,
        }
        return made

    parts = {
        part: network(
            part, [(name.split("/", 1)[1], value) for name, value in variables if name.startswith(f"{part}/")]
        )
        for part in ("mapping", "synthesis")
    }
    own = [(name, value) for name, value in variables if "/" not in name]
    averaged = network("Gs", [*own, ("lod", np.float32(0))], **parts)
    return averaged, network("D", _variables(discriminator.state_dict())), averaged
