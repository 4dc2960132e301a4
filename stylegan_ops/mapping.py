"""The mapping network of StyleGAN2 and StyleGAN3 (Karras et al. 2019, section 2; conditioning: Karras et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import FullyConnectedLayer, at_least_float32, normalize_2nd_moment


class MappingNetwork(nn.Module):
    """z (and a label) → w, an MLP on the normalised latent."""

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        num_layers: int = 8,
        embed_features: int | None = None,
        layer_features: int | None = None,
        activation: str = "lrelu",
        lr_multiplier: float = 0.01,
        w_avg_beta: float | None = 0.998,
    ) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.w_dim = w_dim
        self.num_ws = num_ws
        self.num_layers = num_layers
        self.w_avg_beta = w_avg_beta
        embed_features = 0 if c_dim == 0 else embed_features or w_dim
        features = [z_dim + embed_features, *[layer_features or w_dim] * (num_layers - 1), w_dim]
        if c_dim > 0:
            self.embed = FullyConnectedLayer(c_dim, embed_features)
        for i in range(num_layers):
            layer = FullyConnectedLayer(
                features[i], features[i + 1], activation=activation, lr_multiplier=lr_multiplier
            )
            setattr(self, f"fc{i}", layer)
        if num_ws is not None and w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        update_emas: bool = False,
    ) -> Tensor:
        """Map latents to styles.

        Args:
            z: ``[N, z_dim]``, standard normal; ``None`` when ``z_dim`` is 0.
            c: ``[N, c_dim]`` labels; ``None`` when ``c_dim`` is 0.
            truncation_psi: 1 leaves w alone, 0 gives the mean w.
            truncation_cutoff: truncate only the first so many entries of w+; ``None`` for all.
            update_emas: follow the mean of w in ``w_avg`` (training).

        Returns:
            ``[N, num_ws, w_dim]``, or ``[N, w_dim]`` when ``num_ws`` is ``None``.

        Raises:
            ValueError: a latent or label of the wrong size, or missing.
        """
        parts = []
        for value, size, name in ((z, self.z_dim, "z"), (c, self.c_dim, "c")):
            if size == 0:
                continue
            if value is None or value.shape[1:] != (size,):
                raise ValueError(
                    f"{name} must be [N, {size}], not {None if value is None else list(value.shape)}"
                )
            value = at_least_float32(value)
            parts.append(normalize_2nd_moment(value if name == "z" else self.embed(value)))
        x = torch.cat(parts, dim=1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        if update_emas and self.w_avg_beta is not None:
            self.w_avg.copy_(x.detach().float().mean(dim=0).lerp(self.w_avg, self.w_avg_beta))
        if self.num_ws is None:
            return x
        x = x[:, None].repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            x = torch.cat(
                [
                    self.w_avg.lerp(x[:, :truncation_cutoff], truncation_psi),
                    x[:, truncation_cutoff:] if truncation_cutoff is not None else x[:, :0],
                ],
                dim=1,
            )
        return x
