"""What every drag is measured with: a model, its editor, random faces of it, a detector."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backend.engine import DragOptions, FaceEditor, engines, keeping
from backend.engine.device import choose_device
from backend.engine.engines import DragProblem
from backend.engine.inversion import Inversion, render
from backend.errors import PullfaceError
from backend.models import find, load
from backend.models.catalogue import DEFAULT_MODEL

from .detectors import Detector, Places, detector_of
from .dragging import drag_to_the_end
from .estimates import mahalanobis
from .rows import Row
from .runs import Tell, digest
from .sources import version_of

Picture = NDArray[np.uint8]
Mask = NDArray[np.float32]

MOST_DRAWS = 50
"""Faces drawn for one before it is given up that the detector finds any."""


@dataclass(frozen=True)
class Setting:
    """What all measures of drags are told.

    run: where all is kept. model: name or file. pairs: of faces. seed: of the faces and of the choice of points.
    engines: rows to measure, see `rows`; None = all. steps: the most steps of one drag. drag_options: changes to all
    rows, by the names of `DragOptions`. detector: see `detectors.detector_of`. device: None = the best here.
    threads: of the processor; 0 = torch's choice.
    """

    run: Path
    model: str = DEFAULT_MODEL
    pairs: int = 20
    seed: int = 0
    engines: tuple[str, ...] | None = None
    steps: int = 200
    drag_options: Mapping[str, Any] = field(default_factory=dict)
    detector: str = "auto"
    device: str | None = None
    threads: int = 0

    def __post_init__(self) -> None:
        """Raises PullfaceError "bad_options"."""
        for name, value, low in (("pairs", self.pairs, 1), ("steps", self.steps, 1), ("seed", self.seed, 0)):
            if value < low:
                raise PullfaceError(
                    "bad_options", f"--{name} cannot be {value}.", f"Give a whole number of at least {low}."
                )


@dataclass(frozen=True)
class Face:
    """A random face of the model.

    inversion: its pivot is the face's w+; nothing has to be tuned. places: where the detector finds its landmarks,
    all in the picture.
    """

    inversion: Inversion
    picture: Picture
    places: Places

    @property
    def latent(self) -> Tensor:
        """w+ [1, num_ws, w_dim] on the CPU."""
        return self.inversion.pivot


@dataclass(frozen=True)
class End:
    """What a row has made of a face.

    latent: w+ [1, num_ws, w_dim] on the CPU. figures: "walked", the Mahalanobis distance from where it began, and of
    a row that drags also those of `Dragged`.
    """

    latent: Tensor
    picture: Picture
    figures: dict[str, Any]


class Bench:
    """A model ready to be measured.

    Raises PullfaceError when the model, the device or the detector is not there.
    """

    def __init__(self, setting: Setting) -> None:
        if setting.threads:
            torch.set_num_threads(setting.threads)
        path = find(setting.model).path
        self.model = load(path, str(choose_device(setting.device)))
        self.editor = FaceEditor(self.model)
        self.detector: Detector = detector_of(setting.detector, self.model.domain)
        self.setting, self.seed = setting, setting.seed
        self.basis = digest(
            path.read_bytes(),
            [self.detector.name, self.detector.version, setting.seed],
            [str(self.model.device), torch.get_num_threads()],  # seconds of another device are other figures
        )
        self.face: Callable[[int, int], Face] = lru_cache(maxsize=4)(self._face)

    @property
    def side(self) -> int:
        """Of the model's pictures, px."""
        return self.editor.resolution

    def inside(self, place: tuple[float, float]) -> tuple[float, float]:
        """The nearest place in the picture: of a face that is cut off, a landmark may be found outside."""
        x, y = (min(max(value, 0.0), self.side - 1e-3) for value in place)
        return x, y

    def picture(self, latent: Tensor) -> Picture:
        """Of w+ [1, num_ws, w_dim]."""
        return render(self.model.generator, latent.to(self.model.device))

    def _face(self, pair: int, which: int) -> Face:
        """Face `which` of pair `pair`: the first of its random faces in which the detector finds one."""
        for draw in range(MOST_DRAWS):
            random = np.random.default_rng([self.seed, pair, which, draw])
            z = torch.from_numpy(random.standard_normal((1, self.model.generator.z_dim), dtype=np.float32))
            label = torch.zeros(1, self.model.labels)
            if self.model.labels:
                label[0, random.integers(self.model.labels)] = 1
            with torch.no_grad():
                given = (some.to(self.model.device) for some in (z, label))
                latent = self.model.generator.mapping(*given).cpu()
            picture = self.picture(latent)
            places = self.detector.find(picture)
            if places is not None:
                inside = {name: self.inside(place) for name, place in places.items()}
                return Face(Inversion(self.model.name, latent, {}, {}), picture, inside)
        raise PullfaceError(
            "no_face_found",
            f"The detector {self.detector.name} finds no face in the pictures of the model {self.model.name}.",
            "Choose another with --detector.",
        )

    def version_of(self, row: Row) -> list[str]:
        """Stands for the programs that `row` runs: results of others count for nothing."""
        programs, own = [type(self.model.generator).__module__], None
        if row.engine is not None:
            latent = self.face(0, 0).latent.to(self.model.device)
            handles = np.full((1, 2), self.side / 2)
            problem = DragProblem(self.model.generator, latent, handles, None, 1.0, 1.0, 1)
            engine = engines.create(row.engine, problem)
            programs.append(type(engine).__module__)
            own = getattr(engine, "version", None)  # of what it learned
            if self.options_of(row).keeps_mask:
                programs.append(keeping.__name__)
        return [version_of(program) for program in programs] + ([own] if own else [])

    def options_of(self, row: Row) -> DragOptions:
        """Of a row that drags; raises PullfaceError "bad_options"."""
        return row.drag_options(self.setting.drag_options, self.setting.steps)

    def run_row(self, row: Row, face: Face, pairs: ArrayLike, mask: Mask | None, tell: Tell) -> End:
        """Do to `face` what `row` does; see `FaceEditor.drag` for `pairs` and `mask`."""
        latent, picture, figures = face.latent, face.picture, {}
        if row.engine is not None:
            self.editor.render(
                face.inversion
            )  # what the editor holds ready of a picture is no part of a drag
            options = self.options_of(row)
            dragged = drag_to_the_end(self.editor, face.inversion, pairs, mask, options, tell)
            latent, picture, figures = dragged.step.latent.cpu(), dragged.step.preview(), dragged.figures
        walked = mahalanobis(latent[0] - face.latent[0], self.model.w_covariance)
        return End(latent, picture, {**figures, "walked": walked})

    def about(self) -> dict[str, Any]:
        """What a table has to say of how it came about."""
        device = self.model.device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
        return {
            "model": self.model.name,
            "resolution": self.side,
            "detector": self.detector.name,
            "device": str(device),
            "processor": name or platform.machine(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "seed": self.seed,
            "pairs": self.setting.pairs,
            "steps": self.setting.steps,
            "drag_options": dict(self.setting.drag_options),
        }
