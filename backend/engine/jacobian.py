"""Rows of the Jacobian of numbers that are linear in the feature map, by batched backward passes."""

from __future__ import annotations

import torch
from torch import Tensor

BATCH_ELEMENTS = 1 << 24
"""Largest batch of feature maps (elements) that goes backwards at once."""


def pull_back(features: Tensor, unknowns: Tensor, maps: Tensor) -> Tensor:
    """The derivative of Σ maps[r]·features with respect to `unknowns`, flattened: [R, n].

    features: [1, C, h, w] with the graph that made it, which stays usable. maps: [R, C, h, w].
    """
    rows = []
    for part in maps.split(max(1, BATCH_ELEMENTS // features.numel())):
        (gradient,) = torch.autograd.grad(
            features, unknowns, part[:, None].to(features.dtype), retain_graph=True, is_grads_batched=True
        )
        rows.append(gradient.flatten(1).float())
    return torch.cat(rows)


def basis(directions: Tensor) -> Tensor:
    """Orthonormal rows [k', m] that span `directions` [k, m], without those that add next to nothing to the others."""
    _, sizes, rows = torch.linalg.svd(directions, full_matrices=False)
    return rows[sizes > 1e-3 * sizes[0]]


def corrected(rows: Tensor, along: Tensor, exact: Tensor) -> Tensor:
    """The matrix next to `rows` [m, n] whose products with `along`, orthonormal [k, m], are `exact` [k, n].

    What Broyden's correction is for a step, this is for a combination of the rows (Schlenkrich, Griewank and Walther
    2010, "On the local convergence of adjoint Broyden methods").
    """
    return rows + along.t() @ (exact - along @ rows)
