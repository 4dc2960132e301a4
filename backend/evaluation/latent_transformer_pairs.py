"""What the latent transformer is trained on: random faces of a model, changed at random, and what moved by that.

Nobody labels anything: the generator draws a face before and after a random change of its coarse entries of w+, and a
landmark detector and optical flow say where points of the first are in the second.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from backend.engine.coarse import draws_coarsely, run_blocks
from backend.errors import PullfaceError
from backend.models.model import Model

from .detectors import Detector, detector_of
from .latent_transformer import feature_resolution, fingerprint, read_features
from .optical_flow import consistent_flow, structured

ENTRIES = 6
"""Of w+ that change, counted from the coarsest: those of the paper, and of the program of the transformer's author."""

FLOW_POINTS = 24
PICTURE_SIDE = 128
"""Faces are drawn no larger than this, where the generator has such pictures: the detector looks at no larger ones."""

AFTERS = 2
"""Changed faces for each face."""

_PART = 20
"""Faces in a file."""


@dataclass(frozen=True)
class Pairs:
    """P pairs of pictures, both ways round, [P, …].

    before, after: the coarse entries of both w+, [P, ENTRIES, w_dim].
    landmarks, ends: of the first and of the second picture, [P, L, 2], as parts of the sides; features: [P, L, C],
    of the first. flow, flow_ends, flow_features: the same of FLOW_POINTS more; NaN where no flow could be trusted.
    """

    before: Tensor
    after: Tensor
    landmarks: Tensor
    ends: Tensor
    features: Tensor
    flow: Tensor
    flow_ends: Tensor
    flow_features: Tensor

    def __len__(self) -> int:
        return len(self.before)

    def part(self, rows: slice) -> Pairs:
        """Some of them."""
        return Pairs(*(getattr(self, field.name)[rows] for field in fields(self)))


def joined(parts: list[Pairs]) -> Pairs:
    """One after the other."""
    return Pairs(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Pairs)))


@dataclass(frozen=True)
class _Drawn:
    """A face: coarse entries, the features, the picture (uint8 [s, s, 3]), its landmarks in px of the full picture."""

    coarse: Tensor
    maps: Tensor
    picture: np.ndarray
    landmarks: Tensor


class Faces:
    """Draws the pairs of a model.

    Raises PullfaceError "no_detector" or "no_flow" when one of them is not installed.
    """

    def __init__(self, model: Model, seed: int) -> None:
        self._model = model
        self._seed = seed
        self._detector: Detector = detector_of("auto", model.domain)
        coarse = draws_coarsely(model.generator.synthesis, PICTURE_SIDE)
        self._upto = PICTURE_SIDE if coarse else model.generator.img_resolution

    @torch.no_grad()
    def pairs(self, number: int) -> Pairs | None:
        """Those of face `number`, 2 · AFTERS of them; None when the detector finds no face in one of the pictures."""
        random = torch.Generator().manual_seed(self._seed * 1_000_003 + number)
        z = torch.randn(1 + 2 * AFTERS, self._model.generator.z_dim, generator=random)
        ws = self._model.latents(z.to(self._model.device), random).cpu()
        first = self._draw(ws[:1])
        found = []
        for k in range(AFTERS):
            # Towards another face, as an edit may be meant; and by a change that says nothing of where it began, so
            # that a lone point does not learn to pull the rest towards the mean face.
            other, origin = ws[1 + 2 * k], ws[2 + 2 * k] if k % 2 else ws[0]
            part = float(torch.rand((), generator=random)) * (0.7 if k % 2 else 1.0)
            changed = ws[:1].clone()
            changed[0, :ENTRIES] += part * (other - origin)[:ENTRIES]
            second = self._draw(changed)
            if first is None or second is None:
                return None
            found += [self._pair(first, second, random), self._pair(second, first, random)]
        return joined(found)

    def _draw(self, ws: Tensor) -> _Drawn | None:
        synthesis, device = self._model.generator.synthesis, self._model.device
        resolution = feature_resolution(self._model.generator)
        state = run_blocks(synthesis, ws.to(device), upto=resolution)
        maps = state[0]
        assert maps is not None
        image = run_blocks(synthesis, ws.to(device), state, above=resolution, upto=self._upto)[1]
        assert image is not None
        if max(image.shape[2:]) > PICTURE_SIDE:
            image = functional.interpolate(
                image, scale_factor=PICTURE_SIDE / max(image.shape[2:]), mode="area"
            )
        picture = ((image[0].float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
        places = self._detector.find(picture)
        if places is None:
            return None
        landmarks = torch.tensor(list(places.values())) * (
            self._model.generator.img_shape[0] / picture.shape[0]
        )
        return _Drawn(ws[0, :ENTRIES].clone(), maps[0].float().cpu(), picture, landmarks)

    def _pair(self, first: _Drawn, second: _Drawn, random: torch.Generator) -> Pairs:
        generator = self._model.generator
        side = torch.tensor(generator.img_shape[::-1])
        flow, sure = consistent_flow(first.picture, second.picture)
        good = torch.from_numpy(np.argwhere(sure & structured(first.picture)))
        chosen = good[torch.randperm(len(good), generator=random)[:FLOW_POINTS]]
        scale = generator.img_shape[0] / first.picture.shape[0]
        begins = torch.full((FLOW_POINTS, 2), torch.nan)
        ends = begins.clone()
        begins[: len(chosen)] = (chosen.flip(1) + 0.5) * scale
        ends[: len(chosen)] = (
            begins[: len(chosen)] + torch.from_numpy(flow)[chosen[:, 0], chosen[:, 1]] * scale
        )

        def read(places: Tensor) -> Tensor:
            return read_features(generator, first.maps, places).half()

        return Pairs(
            first.coarse[None],
            second.coarse[None],
            (first.landmarks / side)[None],
            (second.landmarks / side)[None],
            read(first.landmarks)[None],
            (begins / side)[None],
            (ends / side)[None],
            read(begins)[None],
        )


def collect(
    folder: Path, model: Model, faces: int, seed: int, stopping: Callable[[], bool]
) -> Iterator[Pairs | None]:
    """Draw the pairs of `faces` faces, or read those that an earlier run left in `folder`.

    Yields after each face: its pairs at the end of a part, otherwise None. Ends early when `stopping` says so; the
    part that was begun is then lost, and no other.

    Raises:
        PullfaceError: ``no_face_found``; and as `Faces` does.
    """
    drawing: Faces | None = None
    whose = fingerprint(model.generator)[:12]
    for start in range(0, faces, _PART):
        file = folder / f"pairs-{whose}-{seed}-{start:06d}.safetensors"
        numbers = range(start, min(start + _PART, faces))
        if file.is_file():
            whole = Pairs(**load_file(file))
            yield from [None] * (len(numbers) - 1)
            yield whole
            continue
        drawing = drawing or Faces(model, seed)
        parts = []
        for number in numbers:
            if stopping():
                return
            made = drawing.pairs(number)
            if made is not None:
                parts.append(made)
            if number != numbers[-1]:
                yield None
        if not parts:
            raise PullfaceError(
                "no_face_found",
                f"No faces are found in the pictures of the model {model.name}.",
                "Train with a model of faces.",
            )
        whole = joined(parts)
        partial = file.with_suffix(".partial")
        save_file({field.name: getattr(whole, field.name) for field in fields(whole)}, partial)
        os.replace(partial, file)
        yield whole
