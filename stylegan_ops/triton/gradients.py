"""What the fused operations share: gradients of gradients, and the comparison with plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def many_at_once(dy: Tensor) -> bool:
    """Whether a gradient stands for many (``is_grads_batched``, ``torch.func``) and has no memory of its own."""
    inside = torch._C._functorch
    return inside.is_legacy_batchedtensor(dy) or inside.is_functorch_wrapped_tensor(dy)


def in_pytorch(dy: Tensor) -> bool:
    """Whether PyTorch's own operations have to take this gradient: many at once, or one to be differentiated again."""
    return torch.is_grad_enabled() or many_at_once(dy)


def differentiable_gradients(
    operation: Callable[..., Tensor], inputs: Sequence[Tensor], dy: Tensor
) -> tuple[Tensor, ...]:
    """Gradients of a plain PyTorch ``operation``; where gradients are on, they can be differentiated by its inputs and
    by ``dy``.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views, so that those of two arguments that are one tensor stay apart.
        own = [x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs]
        return torch.autograd.grad(operation(*own), own, dy, create_graph=again)


def largest_error(
    plain: Callable[..., Tensor], fused: Callable[..., Tensor], inputs: Sequence[Tensor]
) -> float:
    """Largest difference of two implementations in value and gradient, as a share of the largest entry."""
    results = []
    for operation in (plain, fused):
        own = [x.detach().clone().requires_grad_() for x in inputs]
        y = operation(*own)
        dy = torch.linspace(-1, 1, y.numel(), device=y.device).reshape(y.shape)
        results.append([y, *torch.autograd.grad(y, own, dy)])
    return max(float(((a - b).abs().max() / a.abs().max()).detach()) for a, b in zip(*results))
