"""What an adversarial training does, as values that a JSON file holds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from backend.errors import PullfaceError

Augmentation = Literal["auto", "none", "ada", "diffaugment"]

FILE = "settings.json"
_AUGMENTATIONS = ("auto", "none", "ada", "diffaugment")
_FRAMINGS = ("face", "centre")
# With fewer pictures than this "auto" takes DiffAugment, whose strength needs no time to be found.
_FEW = 2000


@dataclass(frozen=True)
class GanSettings:
    """How a run trains; written into the run's folder and read back when it goes on.

    Attributes:
        data: folder of pictures, or ``None`` for the renderer's faces.
        start: a model's name or file to start from, or ``None`` to start from random weights.
        framing: ``face`` or ``centre``, see `folder.prepare`.
        resolution: of a model from random weights; a model to start from brings its own.
        images: real pictures to show in all.
        minutes: to train at most, resumed runs included, or ``None``.
        batch_size: pictures a step: 2, 3 or a multiple of 4.
        augment: ``ada``, ``diffaugment``, ``none``, or ``auto``: DiffAugment for small sets, ADA for others.
        ada_target, ada_images: see `augment.AdaptiveAugment`.
        mirror: show every picture mirrored, too.
        freeze_d: so many of the discriminator's blocks, from the finest on, keep the weights that they start with.
        learning_rate: Adam's, of both networks,
        warm_up_images: and it rises to there over so many pictures, while Adam learns how large gradients are.
        r1_gamma: weight of R1, or ``None`` for 0.0002·R²/batch (Karras et al. 2020, "Limited Data", appendix C).
        r1_every: steps from one R1 to the next,
        path_length_weight: of path length regularisation; 0 for none,
        path_length_every: steps from one to the next.
        style_mixing: how many of the pictures have two latents (Karras et al. 2019, section 3.1).
        ema_images: half-life of the averaged generator in pictures.
        precision: ``bfloat16`` computes the main losses in it where the device is made for that, ``float32`` none.
        snapshot_images: pictures from one sample grid, Fréchet distance and checkpoint to the next.
        frechet_pictures: so many for a Fréchet distance.
        seed: of weights, latents, order and augmentation.
        channel_base, channel_max, w_dim, z_dim, mapping_layers: of a generator from random weights.
        name, domain, licence, description: of the model that is made.
    """

    data: str | None = None
    start: str | None = None
    framing: str = "face"
    resolution: int = 256
    images: int = 25_000
    minutes: float | None = None
    batch_size: int = 8
    augment: str = "auto"
    ada_target: float = 0.6
    ada_images: int = 100_000
    mirror: bool = True
    freeze_d: int = 0
    learning_rate: float = 0.001
    warm_up_images: int = 1000
    r1_gamma: float | None = None
    r1_every: int = 16
    path_length_weight: float = 2.0
    path_length_every: int = 4
    style_mixing: float = 0.0
    ema_images: float = 2_500
    precision: str = "bfloat16"
    snapshot_images: int = 1000
    frechet_pictures: int = 256
    seed: int = 0
    channel_base: int = 8192
    channel_max: int = 256
    w_dim: int = 256
    z_dim: int = 128
    mapping_layers: int = 4
    name: str = "custom"
    domain: str = "faces"
    licence: str = "unknown"
    description: str = "Trained with pullface train."

    def __post_init__(self) -> None:
        """Raises PullfaceError ``bad_settings``: a value that no training can have."""
        wrong = {
            "augment": self.augment not in _AUGMENTATIONS,
            "framing": self.framing not in _FRAMINGS,
            "precision": self.precision not in ("bfloat16", "float32"),
            "resolution": self.resolution < 8 or bool(self.resolution & (self.resolution - 1)),
            # The discriminator takes its statistics over groups of four.
            "batch_size": self.batch_size < 2 or (self.batch_size > 4 and self.batch_size % 4 != 0),
            "images": self.images < 1,
            "minutes": self.minutes is not None and self.minutes <= 0,
            "learning_rate": not 0 < self.learning_rate < 1,
            "style_mixing": not 0 <= self.style_mixing <= 1,
            "snapshot_images": self.snapshot_images < 1,
            "r1_every": self.r1_every < 1,
            "path_length_every": self.path_length_every < 1,
            "frechet_pictures": self.frechet_pictures < 2,
            "freeze_d": self.freeze_d < 0,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise PullfaceError(
                    "bad_settings",
                    f"{getattr(self, name)} is not possible for {name.replace('_', ' ')}.",
                    "A resolution is a power of two, a batch has 2, 3 or a multiple of 4 pictures; for the others "
                    "see pullface train --help.",
                )

    def augmentation(self, pictures: int) -> str:
        """What ``auto`` means for so many pictures."""
        if self.augment != "auto":
            return self.augment
        return "diffaugment" if pictures < _FEW else "ada"


def write_settings(run: Path, settings: GanSettings) -> None:
    """Put the settings into the run's folder."""
    run.mkdir(parents=True, exist_ok=True)
    (run / FILE).write_text(json.dumps(asdict(settings), indent=1, ensure_ascii=False), encoding="utf-8")


def read_settings(run: Path) -> GanSettings:
    """The settings of a run; what its file does not name has its default.

    Raises:
        PullfaceError: ``bad_settings``.
    """
    known = {f.name for f in fields(GanSettings)}
    try:
        stored: dict[str, Any] = json.loads((run / FILE).read_text(encoding="utf-8"))
        unknown = set(stored) - known
        if unknown:
            raise ValueError(f"unknown settings {sorted(unknown)}")
        return GanSettings(**stored)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise PullfaceError(
            "bad_settings",
            f"The settings of the run in “{run}” cannot be read: {error}",
            f"Start a new run in another folder, or correct {FILE} there.",
        ) from error
