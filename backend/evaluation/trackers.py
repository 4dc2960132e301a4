"""Point trackers by themselves, without a drag around them: those of the engines, and what they are compared with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine import gauss_newton as newton
from backend.engine.engines import DragProblem
from backend.engine.following import Follower
from backend.engine.freedom import FEATURE_RESOLUTION
from backend.engine.inversion import render
from backend.engine.reference import ReferenceEngine
from stylegan_ops.precision import mixed_precision

from . import optical_flow

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

T = TypeVar("T")


@dataclass
class Frame:
    """One picture of a walk through the model's w+.

    latent: w+ [1, num_ws, w_dim] on the generator's device. making: seconds that the generator has taken for it.
    """

    generator: Any
    latent: Tensor
    making: float = 0.0

    @cached_property
    def picture(self) -> Picture:
        """uint8 [R, R, 3]."""
        return self._made(lambda: render(self.generator, self.latent))

    def features(self, resolution: int, **how: Any) -> Tensor:
        """The map of the block of that resolution, [1, C, m, m], with the generator's own arguments `how`."""
        with torch.no_grad():
            return self._made(lambda: self.generator.synthesis.features(self.latent, resolution, **how))

    def _made(self, make: Callable[[], T]) -> T:
        begun = time.monotonic()
        try:
            return make()
        finally:
            self.making += time.monotonic() - begun


Tracker = Callable[[Frame], Points]
"""Frame → where the handles are in it, [N, 2], crop space. Called once for each frame of a walk, the first included."""

TrackerFactory = Callable[[Frame, Points], Tracker]
"""(first frame, handles [N, 2]) → a tracker."""


def still(first: Frame, handles: Points) -> Tracker:
    """Does nothing: how far the points move."""
    return lambda frame: handles


def reference(first: Frame, handles: Points) -> Tracker:
    """The reference engine's own `locate`, shown one frame after the other in the place of what its latent gives."""
    shown = [first]
    generator = SimpleNamespace(
        img_resolution=first.generator.img_resolution,
        img_shape=first.generator.img_shape,
        synthesis=SimpleNamespace(
            features=lambda ws, resolution, **how: shown[0].features(resolution, **how)
        ),
    )
    engine = ReferenceEngine(DragProblem(generator, first.latent, handles, None, 1.0, 1.0, 1))

    def follow(frame: Frame) -> Points:
        shown[0] = frame
        return engine.locate()

    return follow


def gauss_newton(first: Frame, handles: Points) -> Tracker:
    """The patches that the engine `gauss-newton` follows. What its Jacobian predicts of a step is not known here: each
    handle is expected where it was.
    """
    size = first.generator.img_resolution
    side = min(FEATURE_RESOLUTION, size)

    def look(frame: Frame) -> Tensor:
        with mixed_precision(frame.latent.device):
            return frame.features(side, noise_mode="const", fused_modconv=False)[0].float()

    features = look(first)
    places = torch.from_numpy(handles).to(features)
    follower = Follower(features, places, first.generator.img_shape)

    def follow(frame: Frame) -> Points:
        nonlocal places
        if frame is not first:
            places = follower.find(look(frame), places, places, 2 * newton.LONGEST_STEP * size).positions
        return places.double().cpu().numpy()

    return follow


def flow_from_first(first: Frame, handles: Points) -> Tracker:
    """Optical flow from the first picture to each one."""
    return lambda frame: optical_flow.carried(optical_flow.dense_flow(first.picture, frame.picture), handles)


def flow_by_steps(first: Frame, handles: Points) -> Tracker:
    """Optical flow from each picture to the next, one after the other."""
    places, before = handles, first

    def follow(frame: Frame) -> Points:
        nonlocal places, before
        if frame is not before:
            places = optical_flow.carried(optical_flow.dense_flow(before.picture, frame.picture), places)
        before = frame
        return places

    return follow


TRACKERS: Mapping[str, TrackerFactory] = {
    "still": still,
    "reference": reference,
    "gauss-newton": gauss_newton,
    "flow-from-first": flow_from_first,
    "flow-by-steps": flow_by_steps,
}
NEED_FLOW = ("flow-from-first", "flow-by-steps")
