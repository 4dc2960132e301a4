"""Walks through a model's w+ whose motion is known: what trackers are measured on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.errors import PullfaceError
from backend.models.catalogue import find, is_ours, read_metadata

from .bench import Bench
from .trackers import Frame, Points

KINDS = ("latent", "factors")
CHANGED_LAYERS = 6
"""Entries of w+ that change on a walk of the kind "latent", counted from the coarsest: those that a drag may change."""

PART = 0.5
"""Of the way to the other face."""

_SHAPE_MODULES = ("head", "nose", "mouth", "eyes", "brows")
"""Of the renderer: whose factors move landmarks. Colours, hair, clothes and background stay."""

_CHECKED, _BELIEVED = 8, 0.03
"""Faces on which the renderer's landmarks are compared with the detector's, and how far apart they may be on average,
as a part of the picture's side."""


@dataclass(frozen=True)
class Walk:
    """Frames and where the landmarks are in them.

    names: of the landmarks. truth: [frames, N, 2], px: by the detector or by the renderer. handles: [N, 2], where
    they are taken in the first frame; `truth` counts by its motion since then.
    """

    frames: list[Frame]
    names: tuple[str, ...]
    truth: NDArray[np.float64]
    handles: Points


def latent_walk(bench: Bench, number: int, steps: int) -> Walk:
    """Straight from one face towards another in the first entries of w+; the truth is the detector's.

    Raises:
        PullfaceError: ``no_face_found``, the detector loses the face on the way.
    """
    source, other = bench.face(number, 0), bench.face(number, 1)
    change = torch.zeros_like(source.latent)
    change[:, :CHANGED_LAYERS] = (other.latent - source.latent)[:, :CHANGED_LAYERS]
    frames = [_frame(bench, source.latent + PART * step / steps * change) for step in range(steps + 1)]
    names = tuple(source.places)
    truth = np.array([detected(bench, frame, names) for frame in frames])
    return Walk(frames, names, truth, truth[0].clip(0, bench.side - 1e-3))


def factor_walk(bench: Bench, number: int, steps: int) -> Walk:
    """From one drawn face to another's shape, the renderer's factors changing in z; the truth is the renderer's.

    Raises:
        PullfaceError: ``no_factors`` when the model's z are not the renderer's factors, or it cannot be run here.
    """
    names, starts, ends = _drawn(bench, number)
    z = torch.from_numpy(starts[None] + np.linspace(0, PART, steps + 1)[:, None] * (ends - starts)).float()
    with torch.no_grad():
        frames = [_frame(bench, bench.model.generator.mapping(one[None].to(bench.model.device))) for one in z]
    truth = _rendered(z.numpy(), names, bench.side)
    return Walk(frames, names, truth, truth[0].clip(0, bench.side - 1e-3))


def check_factors(bench: Bench) -> None:
    """Raises PullfaceError "no_factors" when `factor_walk` cannot be believed here: also when the renderer puts faces
    elsewhere than the model, which was trained on an older one.
    """
    apart = []
    for number in range(_CHECKED):
        names, start, _ = _drawn(bench, number)
        z = start[None].astype(np.float32)
        with torch.no_grad():
            frame = _frame(bench, bench.model.generator.mapping(torch.from_numpy(z).to(bench.model.device)))
        found = bench.detector.find(frame.picture) or {}
        truth = _rendered(z, names, bench.side)[0]
        apart += [math.dist(found[name], place) for name, place in zip(names, truth) if name in found]
    if not apart or fmean(apart) > _BELIEVED * bench.side:
        raise _no_factors(f"the model {bench.model.name} draws faces elsewhere than the renderer")


def _frame(bench: Bench, latent: Tensor) -> Frame:
    return Frame(bench.model.generator, latent.to(bench.model.device))


def detected(bench: Bench, frame: Frame, names: Sequence[str]) -> Points:
    """Where the detector finds landmarks in a frame, [N, 2]; raises PullfaceError "no_face_found"."""
    places = bench.detector.find(frame.picture)
    if places is None:
        raise PullfaceError(
            "no_face_found",
            f"The detector {bench.detector.name} loses the face on the way to another one.",
            "Choose other faces with --seed.",
        )
    return np.array([places[name] for name in names])


def _drawn(bench: Bench, number: int) -> tuple[tuple[str, ...], NDArray, NDArray]:
    """Landmarks' names, and z of the first and of the last face, [z_dim]."""
    try:
        from backend.training.toon import factors
        from backend.training.toon.renderer import LANDMARKS
    except ImportError as error:
        raise _no_factors("the drawing library skia-python is missing") from error
    path = find(bench.setting.model).path
    if not is_ours(path) or tuple(read_metadata(path).get("factors") or ()) != factors.NAMES:
        raise _no_factors(f"the model {bench.model.name} does not draw by the renderer's factors")
    shapes = [name for module in _SHAPE_MODULES for name in getattr(factors, module).FACTORS]
    which = np.isin(factors.NAMES, shapes)
    random = np.random.default_rng([bench.seed, number, 4])
    start, other = random.standard_normal((2, factors.Z_DIM))
    return LANDMARKS, start, np.where(which, other, start)


def _rendered(z: NDArray[np.float32], names: Sequence[str], side: int) -> NDArray[np.float64]:
    """[frames, N, 2], by the renderer, px of a picture of `side`."""
    from backend.training.toon.factors import factors_from_latent
    from backend.training.toon.renderer import render

    faces = [render(factors_from_latent(one), side) for one in z]
    return np.array([[face.landmarks[name] for name in names] for face in faces])


def _no_factors(reason: str) -> PullfaceError:
    return PullfaceError(
        "no_factors",
        f"The motion of drawn faces is not known here: {reason}.",
        "Measure with --walks latent only.",
    )
