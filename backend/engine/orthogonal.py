"""An optimiser for the tuning: descent along orthogonalised momentum.

A convolution's gradient for one picture has few strong directions and many weak ones, and thin lines are in the weak
ones. Replacing the momentum by the nearest semi-orthogonal matrix (all singular values 1) goes along all of them
alike; on drawings it needs a fraction of Adam's steps. Source: Jordan et al., "Muon: An optimizer for hidden layers
in neural networks", 2024, the quintic Newton–Schulz iteration with their coefficients; here it runs on the small
Gram matrix, so that only two products have the size of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

MOMENTUM = 0.9
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
FEW_ROWS = 8
"""Matrices with fewer rows, and vectors, are updated as by Adam, with the decays below."""
DECAYS = (0.8, 0.95)


class OrthogonalDescent:
    """Steps of root mean square `rate` on every weight.

    parameters: leaves; those without gradient are left alone.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = list(parameters)
        self._first = [torch.zeros_like(p, memory_format=torch.contiguous_format) for p in self._parameters]
        self._second: list[Tensor | None] = [
            None if is_matrix(p) else torch.zeros_like(p) for p in self._parameters
        ]
        self._steps = 0

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step against the gradients, which are forgotten."""
        self._steps += 1
        for parameter, first, second in zip(self._parameters, self._first, self._second, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            parameter.grad = None
            if second is None:
                first.mul_(MOMENTUM).add_(gradient)
                ahead = gradient.add(first, alpha=MOMENTUM)
                matrix = orthogonalised(ahead.flatten(1))
                length = (matrix.numel() / min(matrix.shape)) ** 0.5
                parameter.sub_(matrix.view_as(parameter), alpha=rate * length)
            else:
                slow, slower = DECAYS
                first.mul_(slow).add_(gradient, alpha=1 - slow)
                second.mul_(slower).addcmul_(gradient, gradient, value=1 - slower)
                scale = (second / (1 - slower**self._steps)).sqrt_().add_(1e-12)
                parameter.addcdiv_(first / (1 - slow**self._steps), scale, value=-rate)


def is_matrix(parameter: Tensor) -> bool:
    """Whether a weight is updated as a matrix: [rows, …] with enough rows."""
    return parameter.ndim >= 2 and parameter.shape[0] >= FEW_ROWS


def orthogonalised(matrix: Tensor) -> Tensor:
    """About the semi-orthogonal matrix [m, n] nearest to `matrix` (its singular values end between 0.7 and 1.2)."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.t()
    wide = wide / (wide.norm() + 1e-20)
    gram = wide @ wide.t()
    unit = torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
    product = unit
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        # All of them are polynomials of one symmetric matrix and commute.
        factor = a * unit + b * gram + c * (gram @ gram)
        product = factor @ product
        gram = factor @ gram @ factor
    result = product @ wide
    return result if matrix.shape[0] <= matrix.shape[1] else result.t()
