"""Adam with a learning rate for each parameter that undoes the run-time weight scaling."""

from __future__ import annotations

import torch
from torch import nn

from stylegan_ops.layers import Conv2dLayer, FullyConnectedLayer
from stylegan_ops.stylegan2 import SynthesisLayer, ToRGBLayer


def adam(network: nn.Module, betas: tuple[float, float]) -> torch.optim.Adam:
    """Adam whose steps are equal in the weights as they act, not as they are stored.

    With equalised learning rates a stored weight acts times a gain; on a small model regressed onto pictures
    plain Adam trained several times faster, so each parameter's rate is divided by its gain.
    Each group has its factor in ``scale``; `set_learning_rate` applies it.
    """
    scale: dict[nn.Parameter, float] = {}
    for module in network.modules():
        if isinstance(module, FullyConnectedLayer):
            scale[module.weight] = 1 / module.weight_gain
            scale[module.bias] = 1 / module.bias_gain
        elif isinstance(module, Conv2dLayer | ToRGBLayer):
            scale[module.weight] = 1 / module.weight_gain
        elif isinstance(module, SynthesisLayer):
            # Demodulation makes the layer blind to the weights' scale; they start at 1 where a plain
            # convolution starts at 1/sqrt(fan_in).
            scale[module.weight] = module.weight[0].numel() ** 0.5
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter in network.parameters():
        groups.setdefault(scale.get(parameter, 1.0), []).append(parameter)
    return torch.optim.Adam([{"params": p, "scale": s} for s, p in groups.items()], lr=1e-3, betas=betas)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give each group its rate: ``learning_rate`` times the group's scale."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["scale"]
