"""Small random networks of each kind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from stylegan_ops import stylegan2, stylegan3
from stylegan_ops.discriminator import Discriminator

GENERATOR: dict[str, Any] = {
    "z_dim": 8,
    "c_dim": 0,
    "w_dim": 16,
    "img_resolution": 16,
    "channel_base": 128,
    "channel_max": 16,
    "mapping_kwargs": {"num_layers": 2},
}
DISCRIMINATOR: dict[str, Any] = {"c_dim": 0, "img_resolution": 16, "channel_base": 128, "channel_max": 16}
STYLEGAN3: dict[str, Any] = {
    "z_dim": 8,
    "c_dim": 0,
    "w_dim": 16,
    "img_resolution": 16,
    "channel_base": 256,
    "channel_max": 16,
    "num_layers": 4,
    "margin_size": 2,
}


def randomised(network: nn.Module) -> nn.Module:
    """The network with weights of which none is zero, so that each has a part in the result."""
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=random)
        for name, buffer in network.named_buffers():
            if name.endswith("w_avg"):
                buffer += torch.randn(buffer.shape, generator=random)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def generator() -> stylegan2.Generator:
    return randomised(stylegan2.Generator(**GENERATOR))  # type: ignore[return-value]


@pytest.fixture(scope="session")
def discriminator() -> Discriminator:
    return randomised(Discriminator(**DISCRIMINATOR))  # type: ignore[return-value]


@pytest.fixture(scope="session")
def alias_free() -> stylegan3.Generator:
    return randomised(stylegan3.Generator(**STYLEGAN3))  # type: ignore[return-value]
