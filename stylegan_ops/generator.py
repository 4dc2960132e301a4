"""What the generators of StyleGAN2 and StyleGAN3 have in common: they are called in one way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Protocol

from torch import Tensor, nn

from .layers import at_least_float32
from .mapping import MappingNetwork

NoiseMode = Literal["const", "random", "none"]


class SynthesisBlock(Protocol):
    """The layers of one resolution.

    Attributes:
        resolution: of the block's features, without what lies outside the picture.
        num_conv: entries of w+ for the features.
        num_torgb: 1 where the block adds to the picture by an entry of w+ of its own, else 0.
    """

    @property
    def resolution(self) -> int: ...

    @property
    def num_conv(self) -> int: ...

    @property
    def num_torgb(self) -> int: ...

    def features(
        self, x: Tensor | None, ws: Tensor, *, noise_mode: NoiseMode = "random", fused_modconv: bool = False
    ) -> Tensor:
        """Features from those of the block below (``None`` for the first) and ``[N, ≥num_conv, w_dim]``."""
        ...

    def to_image(
        self, x: Tensor, img: Tensor | None, ws: Tensor, fused_modconv: bool = False
    ) -> Tensor | None:
        """The picture after this block, from the one before it; ``None`` while there is none."""
        ...


class SynthesisNetwork(nn.Module):
    """w+ → picture, and w+ → the features of any block.

    Attributes:
        w_dim, num_ws: w+ is ``[N, num_ws, w_dim]``.
        img_resolution: the longer side's nominal resolution; parameters are named by it.
        img_shape: ``(height, width)`` of the pictures in pixels.
        img_channels: of the pictures.
        block_resolutions: of the blocks, lowest first.
    """

    block_resolutions: list[int]

    def __init__(
        self, w_dim: int, img_resolution: int, img_shape: tuple[int, int], img_channels: int
    ) -> None:
        super().__init__()
        self.w_dim = w_dim
        self.num_ws = 0
        self.img_resolution = img_resolution
        self.img_shape = img_shape
        self.img_channels = img_channels

    def block(self, resolution: int) -> SynthesisBlock:
        """The block of a resolution in ``block_resolutions``.

        Raises:
            ValueError: there is none.
        """
        if resolution not in self.block_resolutions:
            raise ValueError(f"no block of resolution {resolution}; there are {self.block_resolutions}")
        return self._block(resolution)

    def blocks(self, ws: Tensor) -> Iterator[tuple[SynthesisBlock, Tensor]]:
        """Each block with its own entries of w+; a to-RGB layer's are also the next block's first.

        Raises:
            ValueError: ``ws`` is not ``[N, num_ws, w_dim]``.
        """
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"ws must be [N, {self.num_ws}, {self.w_dim}], not {list(ws.shape)}")
        ws = at_least_float32(ws)
        start = 0
        for resolution in self.block_resolutions:
            block = self._block(resolution)
            yield block, ws[:, start : start + block.num_conv + block.num_torgb]
            start += block.num_conv

    def entry_details(self) -> list[float]:
        """How fine what each entry of w+ draws can be, coarsest first; without the entries of to-RGB layers.

        It is the side in pixels of the smallest square picture that can hold it.
        """
        blocks = [self._block(resolution) for resolution in self.block_resolutions]
        return [float(block.resolution) for block in blocks for _ in range(block.num_conv)]

    def entries_up_to(self, resolution: int) -> int:
        """How many entries of w+ the features of the block of ``resolution`` depend on."""
        below = [own for own in self.block_resolutions if own <= resolution]
        return sum(self._block(own).num_conv for own in below)

    @abstractmethod
    def resolution_of(self, parameter: str) -> int:
        """The resolution of the block that a parameter or buffer of this network belongs to, by its name."""

    @abstractmethod
    def _block(self, resolution: int) -> SynthesisBlock: ...

    def _inside(self, x: Tensor, resolution: int) -> Tensor:
        """The part of a block's features that the picture covers."""
        return x

    def forward(self, ws: Tensor, noise_mode: NoiseMode = "random", fused_modconv: bool = False) -> Tensor:
        """Render pictures.

        Args:
            ws: ``[N, num_ws, w_dim]``.
            noise_mode: ``const`` (the stored maps), ``random`` or ``none``; StyleGAN3 has no noise.
            fused_modconv: see `modulated_conv2d`.

        Returns:
            ``[N, img_channels, *img_shape]``, float32, nominally in [-1, 1].

        Raises:
            ValueError: ``ws`` has another shape.
        """
        return self._run(ws, None, noise_mode, fused_modconv)[0]

    def features(
        self, ws: Tensor, resolution: int, noise_mode: NoiseMode = "const", fused_modconv: bool = False
    ) -> Tensor:
        """Features after the block of ``resolution``; nothing above it, and no picture, is computed.

        Returns:
            ``[N, channels, H, W]``, square and of ``resolution`` where the pictures are square. They divide the
            picture into H × W equal parts: the picture's position x in pixels (the centre of the first pixel is at
            0.5) is x · W / picture's width in the features, counted the same way.

        Raises:
            ValueError: the network has no such block, or ``ws`` has another shape.
        """
        self.block(resolution)
        x: Tensor | None = None
        for block, own in self.blocks(ws):
            x = block.features(x, own, noise_mode=noise_mode, fused_modconv=fused_modconv)
            if block.resolution == resolution:
                break
        assert x is not None
        return self._inside(x, resolution)

    def image_and_features(
        self, ws: Tensor, resolution: int, noise_mode: NoiseMode = "const", fused_modconv: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The picture, and what `features` gives, in one pass."""
        self.block(resolution)
        img, features = self._run(ws, resolution, noise_mode, fused_modconv)
        assert features is not None
        return img, features

    def _run(
        self, ws: Tensor, resolution: int | None, noise_mode: NoiseMode, fused_modconv: bool
    ) -> tuple[Tensor, Tensor | None]:
        x: Tensor | None = None
        img: Tensor | None = None
        features: Tensor | None = None
        for block, own in self.blocks(ws):
            x = block.features(x, own, noise_mode=noise_mode, fused_modconv=fused_modconv)
            img = block.to_image(x, img, own, fused_modconv=fused_modconv)
            if block.resolution == resolution:
                features = self._inside(x, block.resolution)
        assert img is not None
        return img, features


class StyleGenerator(nn.Module):
    """z (and a label) → picture: `mapping` followed by `synthesis`.

    Attributes:
        z_dim, c_dim: z is ``[N, z_dim]``, labels are ``[N, c_dim]``; ``c_dim`` 0 is an unconditional model.
        w_dim, num_ws, img_resolution, img_shape, img_channels: see `SynthesisNetwork`.
    """

    _synthesis_network: ClassVar[type[SynthesisNetwork]]
    _mapping_layers: ClassVar[int] = 8

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        img_resolution: int,
        img_channels: int = 3,
        mapping_kwargs: dict[str, Any] | None = None,
        **synthesis_kwargs: Any,
    ) -> None:
        """``synthesis_kwargs`` are those of the family's synthesis network, ``mapping_kwargs`` of `MappingNetwork`."""
        super().__init__()
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.w_dim = w_dim
        self.img_resolution = img_resolution
        self.img_channels = img_channels
        # Any: the classes below have arguments of their own.
        network: Any = self._synthesis_network
        self.synthesis: SynthesisNetwork = network(w_dim, img_resolution, img_channels, **synthesis_kwargs)
        self.img_shape = self.synthesis.img_shape
        self.num_ws = self.synthesis.num_ws
        kwargs = {"num_layers": self._mapping_layers, **(mapping_kwargs or {})}
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, self.num_ws, **kwargs)

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        **synthesis_kwargs: Any,
    ) -> Tensor:
        """``z`` ``[N, z_dim]`` (and labels ``[N, c_dim]``) to pictures ``[N, img_channels, *img_shape]``."""
        ws = self.mapping(z, c, truncation_psi=truncation_psi, truncation_cutoff=truncation_cutoff)
        img: Tensor = self.synthesis(ws, **synthesis_kwargs)
        return img
