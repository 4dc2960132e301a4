"""One step of damped least squares in many unknowns and few rows."""

from __future__ import annotations

import torch
from torch import Tensor


def damped_step(rows: Tensor, wanted: Tensor, centre: Tensor, stiffness: float) -> Tensor:
    """The Δ that minimises |rows·Δ − wanted|² + stiffness·|Δ − centre|², [n].

    rows: [m, n]; wanted: [m]; centre: [n]. Solved in m unknowns, which are far fewer than n (the push-through
    identity). With unknowns that are white under a Gaussian and wanted values in deviations of their error, a stiffness
    of 1 makes it the most probable one (Levenberg 1944, Marquardt 1963; Tarantola 2005, equation 3.51).
    """
    gram = rows @ rows.t()
    gram = gram + stiffness * torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
    return centre + rows.t() @ torch.linalg.solve(gram, wanted - rows @ centre)
