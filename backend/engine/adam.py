"""Adam (Kingma and Ba, ICLR 2015) for a few tensors.

PyTorch's own loads its compiler when the first optimiser is made, which takes about 2 s of processor time: more than
all coarse steps of an inversion.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON = 1e-8


class Adam:
    """Steps along the mean of the gradients, over the root of the mean of their squares.

    parameters: leaves that require gradients. betas: how slowly both means forget.
    """

    def __init__(self, parameters: Sequence[Tensor], betas: tuple[float, float]) -> None:
        self._parameters = list(parameters)
        self._betas = betas
        self._first = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._second = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._steps = 0

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step against the gradients, which are forgotten; a tensor without gradient stays."""
        self._steps += 1
        slow, slower = self._betas
        for parameter, first, second in zip(self._parameters, self._first, self._second, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            parameter.grad = None
            first.mul_(slow).add_(gradient, alpha=1 - slow)
            second.mul_(slower).addcmul_(gradient, gradient, value=1 - slower)
            scale = (second / (1 - slower**self._steps)).sqrt_().add_(EPSILON)
            parameter.addcdiv_(first / (1 - slow**self._steps), scale, value=-rate)
