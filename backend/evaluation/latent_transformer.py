"""Engine `latent-transformer`: one pass of a small transformer instead of a loop, for comparison.

After Endo, "User-Controllable Latent Transformer for StyleGAN Image Layout Editing", Pacific Graphics 2022, the
learned method that the paper compares itself with: points, with their ways and the generator's features there, attend
to each other; the entries of w+ attend to them and answer with their own change. It fits one generator alone: that
which ``python -m backend.training latent-transformer`` made it for.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

from backend.engine import engines
from backend.engine.engines import DragProblem
from backend.engine.freedom import FEATURE_RESOLUTION
from backend.engine.points import Taps
from backend.errors import PullfaceError

from .runs import digest

ENGINE = "latent-transformer"
WEIGHTS = Path(__file__).parent / "latent_transformer.safetensors"

_OCTAVES = 4
_WAY_UNIT = 1 / 16
"""Of a way, as a part of the picture's side: about how far a feature is from where another face has it."""


@dataclass(frozen=True)
class Shape:
    """How large a transformer is.

    channels: of the generator's features. entries, w_dim: of w+ that it changes, counted from the coarsest.
    """

    channels: int
    entries: int
    w_dim: int
    width: int = 96
    heads: int = 4
    encoder_layers: int = 1
    decoder_layers: int = 2


class LatentTransformer(nn.Module):
    """w+ and pulled points → the change of w+.

    Buffers hold the units: mean and deviation of features, mean and deviation (one number) of w.
    """

    feature_mean: Tensor
    feature_std: Tensor
    w_mean: Tensor
    w_scale: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.register_buffer("feature_mean", torch.zeros(shape.channels))
        self.register_buffer("feature_std", torch.ones(shape.channels))
        self.register_buffer("w_mean", torch.zeros(shape.w_dim))
        self.register_buffer("w_scale", torch.ones(()))
        self.point = nn.Linear(shape.channels + 4 * _OCTAVES + 2, width)
        self.entry = nn.Linear(shape.w_dim, width)
        self.which = nn.Parameter(0.1 * torch.randn(shape.entries, width))
        layer: dict[str, Any] = {
            "d_model": width,
            "nhead": shape.heads,
            "dim_feedforward": 2 * width,
            "dropout": 0.0,
            "batch_first": True,
            "norm_first": True,
        }
        self.encoder = nn.ModuleList(nn.TransformerEncoderLayer(**layer) for _ in range(shape.encoder_layers))
        self.decoder = nn.ModuleList(nn.TransformerDecoderLayer(**layer) for _ in range(shape.decoder_layers))
        self.norm = nn.LayerNorm(width)
        self.change = nn.Linear(width, shape.w_dim)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, ws: Tensor, features: Tensor, places: Tensor, ways: Tensor) -> Tensor:
        """The change of the first entries of w+, [N, entries, w_dim].

        Args:
            ws: these entries, [N, entries, w_dim].
            features: the generator's at the points, [N, P, channels].
            places: of the points, [N, P, 2 (x, y)], as parts of the picture's sides.
            ways: from there to where they are pulled, in the same unit.
        """
        angles = places[..., None] * (math.pi * 2.0 ** torch.arange(_OCTAVES, device=places.device))
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(2)
        given = torch.cat(
            [(features - self.feature_mean) / self.feature_std, waves, ways / _WAY_UNIT], dim=-1
        )
        points = self.point(given)
        for layer in self.encoder:
            points = layer(points)
        entries = self.entry((ws - self.w_mean) / self.w_scale) + self.which
        for layer in self.decoder:
            entries = layer(entries, points)
        changed: Tensor = self.change(self.norm(entries)) * self.w_scale
        return changed


def header(network: LatentTransformer, generator: Any) -> dict[str, str]:
    """What a file of weights says: the sizes, and whose they are."""
    return {"shape": json.dumps(asdict(network.shape)), "generator": fingerprint(generator)}


def fingerprint(generator: Any) -> str:
    """Stands for all weights of a generator; those of one that is tuned to a picture are others."""
    found = hashlib.sha256()
    for name, value in sorted(generator.state_dict().items()):
        found.update(name.encode())
        found.update(value.detach().float().cpu().contiguous().numpy())
    return found.hexdigest()


@cache
def _of_file(path: Path) -> tuple[LatentTransformer, str, str]:
    """The network, the fingerprint of its generator, its own version."""
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
        state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 - not a dict
    network = LatentTransformer(Shape(**json.loads(about["shape"])))
    network.load_state_dict(state)
    return network.eval().requires_grad_(False), about["generator"], digest(path.read_bytes())


def fits(generator: Any) -> bool:
    """Whether the weights were made for this generator."""
    return WEIGHTS.is_file() and _of_file(WEIGHTS)[1] == fingerprint(generator)


def require(generator: Any) -> None:
    """Raises PullfaceError "wrong_model" when the weights were made for another generator, "not_trained" without."""
    if not WEIGHTS.is_file():
        raise PullfaceError(
            "not_trained",
            "The latent transformer has not been trained yet.",
            "Run: python -m backend.training latent-transformer --run FOLDER; or leave it out with --engines.",
        )
    if not fits(generator):
        raise PullfaceError(
            "wrong_model",
            "The latent transformer was trained for another model than this one.",
            "Leave it out with --engines, or measure the model toon.",
        )


def feature_resolution(generator: Any) -> int:
    """Of the block whose features the points bring along."""
    return int(min(FEATURE_RESOLUTION, generator.img_resolution))


def read_features(generator: Any, maps: Tensor, places: Tensor) -> Tensor:
    """Features [P, C] of `maps` [C, h, w] at `places` [P, 2], crop space in px."""
    height, width = maps.shape[1:]
    return Taps.at(places, generator.img_shape[0] / height, (height, width)).read(maps)


class LatentTransformerEngine:
    """One running drag. Each `advance` is a whole drag of its own: from where the handles are to the targets.

    It has no tracker: `locate` takes for granted that the handles went where they were sent. It knows no mask.
    """

    nearest_stop = 0.0
    stuck: str | None = None

    def __init__(self, problem: DragProblem) -> None:
        """See `require`."""
        require(problem.generator)
        network, _, self.version = _of_file(WEIGHTS)
        self._network = network.to(problem.latent.device)
        self._problem = problem
        self._latent = problem.latent.detach().clone()
        self._handles = problem.handles.astype(np.float64)

    @property
    def latent(self) -> Tensor:
        return self._latent.clone()

    def locate(self) -> NDArray[np.float64]:
        return self._handles.copy()

    @torch.no_grad()
    def advance(self, targets: NDArray[np.float64]) -> float:
        generator, shape = self._problem.generator, self._network.shape
        maps = generator.synthesis.features(self._latent, feature_resolution(generator), noise_mode="const")
        places, ends = (torch.from_numpy(some).to(self._latent) for some in (self._handles, targets))
        sides = places.new_tensor(self._problem.shape[::-1])
        change = self._network(
            self._latent[:, : shape.entries],
            read_features(generator, maps[0], places)[None],
            (places / sides)[None],
            ((ends - places) / sides)[None],
        )
        free = min(shape.entries, self._problem.free_layers)
        self._latent[:, :free] += change[:, :free]
        self._handles = targets.astype(np.float64)
        return 0.0  # it minimises nothing


engines.register(ENGINE, LatentTransformerEngine)
