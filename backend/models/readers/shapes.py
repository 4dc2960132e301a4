"""The arguments of a StyleGAN2 network from its weights' names and shapes (those of NVIDIA's PyTorch version).

What a file says of itself may be missing, and differs between programs; the weights cannot lie about their shapes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .contents import Array, Network, UnreadableError, damaged

_FILTER = (1, 3, 3, 1)


def generator(weights: Mapping[str, Array], known: Mapping[str, Any] | None = None) -> Network:
    """A StyleGAN2 generator.

    Args:
        weights: by NVIDIA's names, ``mapping.…`` and ``synthesis.…``.
        known: what shapes cannot tell: ``activation``, ``conv_clamp``, ``lr_multiplier``, ``w_avg_beta``,
            ``resample_filter``.

    Raises:
        UnreadableError: they are no StyleGAN2 generator.
    """
    known = {"lr_multiplier": 0.01, **(known or {})}
    channels = _channels(weights, "synthesis.b", ".conv1.weight")
    resolution = max(channels)
    const = _shape(weights, "synthesis.b4.const", 3)
    w_dim = _shape(weights, "synthesis.b4.conv1.affine.weight", 2)[1]
    fc = [_shape(weights, f"mapping.fc{i}.weight", 2) for i in range(_fc_count(weights))]
    if not fc or fc[-1][0] != w_dim:
        raise damaged("its mapping network does not fit")
    c_dim = embed = 0
    if "mapping.embed.weight" in weights:
        embed, c_dim = _shape(weights, "mapping.embed.weight", 2)
    mapping: dict[str, Any] = {"num_layers": len(fc), "lr_multiplier": known["lr_multiplier"]}
    if embed:
        mapping["embed_features"] = embed
    if len(fc) > 1 and fc[0][0] != w_dim:
        mapping["layer_features"] = fc[0][0]
    if "w_avg_beta" in known:
        mapping["w_avg_beta"] = known["w_avg_beta"]
    arguments: dict[str, Any] = {
        "z_dim": fc[0][1] - embed,
        "c_dim": c_dim,
        "w_dim": w_dim,
        "img_resolution": resolution,
        "img_channels": _shape(weights, f"synthesis.b{resolution}.torgb.weight", 4)[0],
        "mapping_kwargs": mapping,
        **_channel_arguments(channels),
        "architecture": _architecture(weights, "synthesis.b", channels, "torgb"),
        "use_noise": "synthesis.b4.conv1.noise_strength" in weights,
        "resample_filter": _filter(weights, "synthesis.b4.resample_filter", known),
        "conv_clamp": known.get("conv_clamp"),
    }
    if known.get("activation", "lrelu") != "lrelu":
        arguments["activation"] = known["activation"]
    if const[1:] != (4, 4):
        arguments["base_size"] = list(const[1:])
    if arguments["img_channels"] != 3:
        raise UnreadableError(
            f"makes pictures of {arguments['img_channels']} channels, and Pullface needs three",
            "Choose a model for colour pictures.",
        )
    return Network("stylegan2", arguments, weights)


def discriminator(weights: Mapping[str, Array], known: Mapping[str, Any] | None = None) -> Network | None:
    """A StyleGAN2 discriminator, or ``None`` when the weights are those of another one.

    Args:
        weights: by NVIDIA's names.
        known: what shapes cannot tell: ``conv_clamp``, ``lr_multiplier``, ``mbstd_group_size``, and the generator's
            ``base_size``.

    Raises:
        UnreadableError: they contradict each other.
    """
    known = {"lr_multiplier": 0.01, "mbstd_group_size": 4, **(known or {})}
    if "b4.out.weight" not in weights or not any(name.endswith(".fromrgb.weight") for name in weights):
        return None
    channels = _channels(weights, "b", ".conv0.weight", beside=4)
    channels[4] = _shape(weights, "b4.conv.weight", 4)[0]
    resolution = max(channels)
    c_dim = cmap_dim = 0
    mapping: dict[str, Any] = {}
    if "mapping.embed.weight" in weights:
        embed, c_dim = _shape(weights, "mapping.embed.weight", 2)
        cmap_dim = _shape(weights, "b4.out.weight", 2)[0]
        layers = _fc_count(weights)
        mapping = {"num_layers": layers, "embed_features": embed, "lr_multiplier": known["lr_multiplier"]}
        if layers > 1:
            mapping["layer_features"] = _shape(weights, "mapping.fc0.weight", 2)[0]
    arguments: dict[str, Any] = {
        "c_dim": c_dim,
        "img_resolution": resolution,
        "img_channels": _shape(weights, f"b{resolution}.fromrgb.weight", 4)[1],
        "architecture": _architecture(weights, "b", channels, "fromrgb"),
        **_channel_arguments(channels),
        "conv_clamp": known.get("conv_clamp"),
        "cmap_dim": cmap_dim if c_dim else None,
        "mapping_kwargs": mapping,
        "epilogue_kwargs": {
            "mbstd_group_size": known["mbstd_group_size"],
            "mbstd_num_channels": _shape(weights, "b4.conv.weight", 4)[1] - channels[4],
        },
    }
    if "base_size" in known:
        arguments["base_size"] = known["base_size"]
    return Network("discriminator", arguments, weights)


def _shape(weights: Mapping[str, Array], name: str, axes: int) -> tuple[int, ...]:
    found = weights.get(name)
    if found is None or len(found.shape) != axes or not all(found.shape):
        raise damaged(f"{name} is missing or has another shape")
    return found.shape


def _channels(
    weights: Mapping[str, Array], prefix: str, suffix: str, beside: int | None = None
) -> dict[int, int]:
    """Feature maps by resolution, 4, 8, … without a gap."""
    pattern = re.compile(f"{re.escape(prefix)}([1-9][0-9]{{0,4}}){re.escape(suffix)}")
    found = {int(match[1]): weights[name] for name in weights if (match := pattern.fullmatch(name))}
    if beside is not None:
        found.setdefault(beside, next(iter(found.values()), weights[next(iter(weights))]))
    expected = {4 << i for i in range(len(found))}
    if not found or set(found) != expected or any(len(array.shape) != 4 for array in found.values()):
        raise damaged("its blocks are not complete")
    return {resolution: found[resolution].shape[0] for resolution in sorted(found)}


def _channel_arguments(channels: Mapping[int, int]) -> dict[str, Any]:
    """What gives these channels, see `stylegan_ops.layers.channels_at`."""
    base, most = max(size * count for size, count in channels.items()), max(channels.values())
    if all(min(base // size, most) == count for size, count in channels.items()):
        return {"channel_base": base, "channel_max": most}
    return {"channels": [channels[size] for size in sorted(channels)]}


def _architecture(weights: Mapping[str, Array], prefix: str, channels: Mapping[int, int], colour: str) -> str:
    above = [resolution for resolution in channels if resolution > 4]
    if any(f"{prefix}{resolution}.skip.weight" in weights for resolution in above):
        return "resnet"
    if f"{prefix}4.{colour}.weight" in weights and above:
        return "skip"
    return "orig" if above else "skip"


def _fc_count(weights: Mapping[str, Array]) -> int:
    return sum(1 for name in weights if re.fullmatch(r"mapping\.fc[0-9]{1,2}\.weight", name))


def _filter(weights: Mapping[str, Array], name: str, known: Mapping[str, Any]) -> list[float]:
    """The resampling filter; where the weights hold it, only its length counts."""
    given = list(known.get("resample_filter") or _FILTER)
    held = weights.get(name)
    if held is None or (held.shape and held.shape[0] == len(given)):
        return given
    if not held.shape or held.shape[0] > 64:
        raise damaged("a filter of an unknown form")
    return [1.0] * held.shape[0]
