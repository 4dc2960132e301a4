"""The face finder's network: one heat map of faces, and for each place the face's square.

Faces are found as points, after Zhou et al. 2019, "Objects as Points": a heat map has its peaks at the centres, and the
other channels say at each peak how large and how turned the face is. The features of three strides are added on the
way back up (Lin et al. 2017, "Feature Pyramid Networks").
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from backend.errors import PullfaceError

WEIGHTS = Path(__file__).parent / "faces.safetensors"
STRIDE = 8
"""Pixels of the input for each cell of the output."""

ALIGNMENT = 32
"""Height and width of an input must be multiples of this."""

SMALLEST_FACE, LARGEST_FACE = 20, 176
"""Sides of the squares, in pixels of the input, that the network is trained to find."""

UNIT = 64.0
"""The side of a square whose logarithm the network counts as zero."""

CHANNELS = 12
"""Heat (logit), log(side / UNIT), (x, y) from the cell's centre in cells, cos and sin of the angle, and (x, y) of the
eye on the left, the eye on the right and the mouth, from the centre in sides of the square."""


class _Block(nn.Module):
    """Convolution 3×3, normalisation and ReLU; with `folded`, the normalisation has gone into the convolution."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, folded: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=folded)
        self.norm = nn.Identity() if folded else nn.BatchNorm2d(out_channels)
        self.skip = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return functional.relu(x + y if self.skip else y)


class FaceNetwork(nn.Module):
    """Pictures ``[N, 3, H, W]`` in [-1, 1] → ``[N, CHANNELS, H / STRIDE, W / STRIDE]``; see `CHANNELS`.

    Args:
        widths: channels at strides 2, 4, 8, 16 and 32.
        depths: residual blocks at strides 4, 8, 16 and 32.
        folded: without normalisation layers, as the weights are shipped.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64, 96, 112),
        depths: tuple[int, ...] = (1, 2, 4, 2),
        folded: bool = False,
    ) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {"widths": list(widths), "depths": list(depths)}
        self.stem = _Block(3, widths[0], 2, folded)
        self.stages = nn.ModuleList()
        for i, depth in enumerate(depths):
            blocks = [_Block(widths[i + 1], widths[i + 1], 1, folded) for _ in range(depth)]
            self.stages.append(nn.Sequential(_Block(widths[i], widths[i + 1], 2, folded), *blocks))
        self.lateral = nn.ModuleList(nn.Conv2d(width, widths[2], 1) for width in widths[2:])
        self.merge = nn.Sequential(*(_Block(widths[2], widths[2], 1, folded) for _ in range(2)))
        self.head = nn.Conv2d(widths[2], CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.stem(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        _, *levels = features
        merged = self.lateral[-1](levels[-1])
        for lateral, level in zip(reversed(self.lateral[:-1]), reversed(levels[:-1])):
            merged = functional.interpolate(merged, scale_factor=2.0, mode="nearest") + lateral(level)
        result: Tensor = self.head(self.merge(functional.relu(merged)))
        return result


def folded_state(network: FaceNetwork) -> dict[str, Tensor]:
    """The weights of a trained network with every normalisation folded into its convolution, float32."""
    state = {}
    for name, module in network.named_modules():
        if isinstance(module, _Block):
            norm = module.norm
            if not isinstance(norm, nn.BatchNorm2d):
                raise ValueError("the network is folded already")
            assert norm.running_var is not None
            assert norm.running_mean is not None
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            state[f"{name}.conv.weight"] = module.conv.weight * scale[:, None, None, None]
            state[f"{name}.conv.bias"] = norm.bias - norm.running_mean * scale
        elif isinstance(module, nn.Conv2d) and not name.endswith(".conv"):
            assert module.bias is not None
            state[f"{name}.weight"], state[f"{name}.bias"] = module.weight, module.bias
    return {key: value.detach().float().contiguous() for key, value in state.items()}


@cache
def shipped_network() -> FaceNetwork:
    """The network with the weights of the package, frozen, float32.

    Raises:
        PullfaceError: ``bad_model`` when the file is missing or damaged.
    """
    return read_network(WEIGHTS)


def read_network(path: Path) -> FaceNetwork:
    """Read a network from a safetensors file; raises like `shipped_network`."""
    try:
        with safe_open(path, framework="pt") as file:
            arguments = json.loads(file.metadata()["network"])
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 - not a dict
        network = FaceNetwork(tuple(arguments["widths"]), tuple(arguments["depths"]), folded=True)
        network.load_state_dict(state)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise PullfaceError(
            "bad_model",
            "The part of Pullface that finds faces is missing or damaged.",
            "Install Pullface again, or choose the crop yourself.",
        ) from error
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
