"""Dense optical flow from OpenCV, the stand-in for the paper's RAFT and PIPs."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.engine import engines
from backend.engine.engines import DragProblem
from backend.engine.inversion import render
from backend.engine.reference import ReferenceEngine
from backend.errors import PullfaceError

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

ENGINE = "reference-flow"

_CONSISTENT = 1.0
"""Px; a pixel's flow is trusted when the flow back ends so near to it (Sundaram et al. 2010, section 4)."""

_STRUCTURE_WINDOW, _LEAST_DEVIATION = 9, 3.0
"""Px, and levels of 255: the deviation of grey in such a window from which on there is something to see."""


def require() -> Any:
    """OpenCV itself; raises PullfaceError "no_flow" where it is not installed."""
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise PullfaceError(
            "no_flow",
            "Optical flow cannot be measured here: the library OpenCV is missing.",
            "Install it with: pip install opencv-python-headless; or leave out what needs it with --engines.",
        ) from error


def is_there() -> bool:
    """Whether OpenCV is installed."""
    try:
        require()
    except PullfaceError:
        return False
    return True


def dense_flow(first: Picture, second: Picture) -> NDArray[np.float32]:
    """Where every pixel of `first` is in `second`: Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search".

    Args:
        first, second: uint8 [H, W, 3], at least 16 px a side.

    Returns:
        Float32 [H, W, 2], (x, y) px.
    """
    cv2 = require()
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY) for picture in (first, second)]
    return np.asarray(search.calc(grey[0], grey[1], None), np.float32)


def carried(flow: NDArray[np.float32], points: Points) -> Points:
    """`points` [N, 2] (x, y), px, pixel centres at +0.5, moved by the flow that they read, bilinearly."""
    height, width = flow.shape[:2]
    x = (points[:, 0] - 0.5).clip(0, width - 1)
    y = (points[:, 1] - 0.5).clip(0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[:, None], (y - top)[:, None]
    upper = flow[top, left] * (1 - across) + flow[top, right] * across
    lower = flow[bottom, left] * (1 - across) + flow[bottom, right] * across
    return points + upper * (1 - down) + lower * down


def consistent_flow(first: Picture, second: Picture) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """`dense_flow` and where it can be trusted [H, W]: there the flow from `second` leads back."""
    there, back = dense_flow(first, second), dense_flow(second, first)
    height, width = there.shape[:2]
    ys, xs = np.mgrid[:height, :width].astype(np.float64) + 0.5
    places = np.stack([xs.ravel(), ys.ravel()], axis=1)
    ends: Points = places + there.reshape(-1, 2)
    inside = ((ends >= 0) & (ends < (width, height))).all(axis=1)
    returned = np.linalg.norm(carried(back, ends) - places, axis=1) <= _CONSISTENT
    return there, (inside & returned).reshape(height, width)


def structured(rgb: Picture) -> NDArray[np.bool_]:
    """Where a picture [H, W, 3] shows anything that a motion could be seen of: flow over flat parts is a guess."""
    cv2 = require()
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY).astype(np.float64)
    window = (_STRUCTURE_WINDOW, _STRUCTURE_WINDOW)
    variance = cv2.blur(grey * grey, window) - cv2.blur(grey, window) ** 2
    return np.asarray(variance > _LEAST_DEVIATION**2)


class FlowTrackedEngine(ReferenceEngine):
    """The reference engine with its point tracking replaced, as the paper does it with RAFT (section 4.2).

    Handles are carried by the flow from the picture of each step to that of the next.
    """

    def __init__(self, problem: DragProblem) -> None:
        super().__init__(problem)
        self._places = problem.handles.astype(np.float64)
        self._before: Picture | None = None

    def locate(self) -> Points:
        super().locate()  # the features that motion supervision needs; where it finds the handles is not used
        picture = render(self._generator, self.latent)
        if self._before is not None:
            self._places = carried(dense_flow(self._before, picture), self._places)
        self._before = picture
        cells = np.floor(self._places[:, ::-1]).clip(0, np.array(self._size) - 1).astype(int)
        self._cells = [(int(row), int(column)) for row, column in cells]
        self._fractions = self._places[:, ::-1] - (cells + 0.5)
        return self._places


if is_there():
    engines.register(ENGINE, FlowTrackedEngine)
