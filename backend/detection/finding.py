"""Find the faces in a layer, drawn or painted, at any size and turned up to 60 degrees.

The network looks at the layer at several sizes. What it finds is looked at again, twice, brought upright and to one
size, which makes square and score better; what does not look like a face then is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from .network import ALIGNMENT, LARGEST_FACE, SMALLEST_FACE, STRIDE, UNIT, FaceNetwork, shipped_network
from .squares import FoundFace, keep_best

LEVELS = (96, 192, 384, 768)
"""Longest sides, in pixels, at which a layer is looked at."""

EXTRA_LEVEL = 1152
"""Looked at only where nothing certain was found: its time is more than that of all others."""

CERTAIN = 0.6
THRESHOLD = 0.5
"""A face with a lower score is not reported."""

BESIDE_BEST = 0.7
"""Nor is one with less than this part of the best score: what looks a little like a face beside a certain one."""

LARGEST_TURN = 75.0
"""Nor is one turned by more degrees: the network knows none, and what it takes for one is something else."""

_FIRST_THRESHOLD, _SECOND_THRESHOLD = 0.12, 0.2
_MOST_CANDIDATES = 16
_MOST_FACES = 32
_LARGEST_ZOOM = 2.5
_BORDER = 32
_PAPERS = (255, 128)
_CLOSE_LOOK, _CLOSE_FACE = 192, 96.0
_MARGIN = 0.1


def find_faces(rgba: NDArray[np.uint8], network: FaceNetwork | None = None) -> list[FoundFace]:
    """The faces in a picture, best first.

    Args:
        rgba: uint8 ``[H, W, 4]``, straight alpha. Transparent parts stand on white paper, and on gray when there
            nothing is found (white lines).
        network: another network than the shipped one.

    Returns:
        Faces whose score is high enough (see the constants), in pixels of `rgba`; empty when there is none.

    Raises:
        ValueError: not uint8 ``[H, W, 4]``.
        PullfaceError: ``bad_model`` when the weights are missing or damaged.
    """
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8:
        raise ValueError(f"expected uint8 [H, W, 4], not {rgba.dtype} {list(rgba.shape)}")
    window = _content(rgba)
    if window is None:
        return []
    x0, y0, x1, y1 = window
    small, shrink = _shrunk(rgba[y0:y1, x0:x1])
    clear = small[..., 3].min() < 255
    if small[..., 3].max() < 8:
        return []
    network = network or shipped_network()
    found: list[FoundFace] = []
    for paper in _PAPERS if clear else _PAPERS[:1]:
        found = _find(network, _flattened(small, paper, clear))
        if found and found[0].score >= THRESHOLD:
            break
    margin = _margin(small) if clear else 0
    moved = [
        f._replace(x=(f.x - margin) * shrink + x0, y=(f.y - margin) * shrink + y0, size=f.size * shrink)
        for f in found
    ]
    return [f for f in moved if f.score >= max(THRESHOLD, BESIDE_BEST * moved[0].score)]


def _content(rgba: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Bounds x0, y0, x1, y1 of what is not transparent."""
    alpha = rgba[..., 3]
    rows = np.flatnonzero(alpha.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(alpha[rows[0] : rows[-1] + 1].any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _shrunk(rgba: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The layer shrunk by a whole factor, so that it is hardly larger than the largest level, and the factor."""
    factor = max(1, max(rgba.shape[:2]) // EXTRA_LEVEL)
    if factor == 1:
        return rgba, 1
    return np.asarray(Image.fromarray(np.ascontiguousarray(rgba)).reduce(factor)), factor


def _margin(rgba: NDArray[np.uint8]) -> int:
    return math.ceil(_MARGIN * max(rgba.shape[:2]))


def _flattened(rgba: NDArray[np.uint8], paper: int, clear: bool) -> Image.Image:
    """The picture on paper; a shape on transparency gets a margin of it."""
    picture = Image.fromarray(np.ascontiguousarray(rgba))
    if not clear:
        return picture.convert("RGB")
    margin = _margin(rgba)
    ground = Image.new(
        "RGBA", (picture.width + 2 * margin, picture.height + 2 * margin), (*(3 * [paper]), 255)
    )
    ground.alpha_composite(picture, (margin, margin))
    return ground.convert("RGB")


def _find(network: FaceNetwork, picture: Image.Image) -> list[FoundFace]:
    longest = max(picture.size)
    levels = [level for level in LEVELS if level <= longest * _LARGEST_ZOOM] or [LEVELS[0]]
    pyramid: list[tuple[Tensor, float]] = []
    candidates: list[FoundFace] = []
    for level in levels:
        pyramid.append(_at_level(picture, level))
        candidates += look(network, *pyramid[-1])
    faces = _confirmed(network, pyramid, candidates)
    if longest * _LARGEST_ZOOM >= EXTRA_LEVEL and not (faces and faces[0].score >= CERTAIN):
        pyramid.append(_at_level(picture, EXTRA_LEVEL))
        faces += _confirmed(network, pyramid, look(network, *pyramid[-1]))
    return keep_best([face for face in faces if abs(face.angle) <= LARGEST_TURN], _MOST_FACES)


def _confirmed(
    network: FaceNetwork, pyramid: Sequence[tuple[Tensor, float]], candidates: Sequence[FoundFace]
) -> list[FoundFace]:
    """The candidates that still look like faces when they are looked at closely."""
    faces = _look_closely(network, pyramid, keep_best(candidates, _MOST_CANDIDATES))
    likely = [face for face in keep_best(faces, _MOST_CANDIDATES) if face.score >= _SECOND_THRESHOLD]
    return _look_closely(network, pyramid, likely)


def _at_level(picture: Image.Image, level: int) -> tuple[Tensor, float]:
    """The picture as ``[1, 3, H, W]`` in [-1, 1] with `level` pixels on its longer side, and how much smaller it is."""
    scale = level / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    resized = picture.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR)
    x = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].float() / 127.5 - 1
    return x, scale


@torch.inference_mode()
def look(network: FaceNetwork, x: Tensor, scale: float) -> list[FoundFace]:
    """Run the network once.

    Args:
        network: in evaluation mode.
        x: ``[1, 3, H, W]`` in [-1, 1].
        scale: pixels of `x` for one of the picture that the result is measured in.

    Returns:
        Every peak of the heat map that may be a face; several can show the same one.
    """
    height, width = x.shape[2:]
    padded = functional.pad(
        x, (_BORDER, _BORDER + -width % ALIGNMENT, _BORDER, _BORDER + -height % ALIGNMENT)
    )  # 0 is gray, as around the pictures of the training
    said = network(padded.contiguous(memory_format=torch.channels_last))[0]
    heat = said[0].sigmoid()
    peaks = (heat == functional.max_pool2d(heat[None], 3, 1, 1)[0]) & (heat > _FIRST_THRESHOLD)
    result = []
    for row, column in peaks.nonzero().tolist():
        face = _decoded(said[:, row, column].tolist(), row, column, float(heat[row, column]))
        if 0.7 * SMALLEST_FACE <= face.size <= 1.3 * LARGEST_FACE:
            x_, y_ = (face.x - _BORDER) / scale, (face.y - _BORDER) / scale
            result.append(face._replace(x=x_, y=y_, size=face.size / scale))
    return result


def _decoded(said: Sequence[float], row: int, column: int, score: float) -> FoundFace:
    """What the network says in one cell, in pixels of its input."""
    angle = math.atan2(said[5], said[4])
    cos, sin = math.cos(angle), math.sin(angle)
    eyes, mouth = (
        (u * cos + v * sin, v * cos - u * sin)
        for u, v in (((said[6] + said[8]) / 2, (said[7] + said[9]) / 2), (said[10], said[11]))
    )
    return FoundFace(
        (column + 0.5 + said[2]) * STRIDE,
        (row + 0.5 + said[3]) * STRIDE,
        UNIT * math.exp(min(max(said[1], -3.0), 3.0)),
        math.degrees(angle),
        score,
        eyes,
        mouth,
    )


@torch.inference_mode()
def _look_closely(
    network: FaceNetwork, pyramid: Sequence[tuple[Tensor, float]], faces: Sequence[FoundFace]
) -> list[FoundFace]:
    """Each face again, upright and at one size; its score becomes the geometric mean of the old and the new one."""
    if not faces:
        return []
    said = network(torch.cat([_close_up(pyramid, face) for face in faces]))
    cells = (torch.arange(_CLOSE_LOOK // STRIDE) + 0.5) * STRIDE - _CLOSE_LOOK / 2
    near = cells[:, None].hypot(cells) < 0.3 * _CLOSE_FACE
    result = []
    for face, one in zip(faces, said):
        heat = one[0].sigmoid() * near
        row, column = divmod(int(heat.argmax()), len(cells))
        close = _decoded(one[:, row, column].tolist(), row, column, float(heat[row, column]))
        zoom, angle = face.size / _CLOSE_FACE, math.radians(face.angle)
        u, v = (close.x - _CLOSE_LOOK / 2) * zoom, (close.y - _CLOSE_LOOK / 2) * zoom
        result.append(
            FoundFace(
                face.x + u * math.cos(angle) - v * math.sin(angle),
                face.y + u * math.sin(angle) + v * math.cos(angle),
                close.size * zoom,
                180 - (180 - face.angle - close.angle) % 360,
                math.sqrt(face.score * close.score),
                close.eyes,
                close.mouth,
            )
        )
    return result


def _close_up(pyramid: Sequence[tuple[Tensor, float]], face: FoundFace) -> Tensor:
    """The face upright in the middle of ``[1, 3, _CLOSE_LOOK, _CLOSE_LOOK]``, its square `_CLOSE_FACE` pixels wide."""
    # The smallest level that still has the detail.
    fit = (one for one in sorted(pyramid, key=lambda one: one[1]) if one[1] * face.size >= 0.75 * _CLOSE_FACE)
    x, scale = next(fit, max(pyramid, key=lambda one: one[1]))
    height, width = x.shape[2:]
    zoom = face.size * scale / _CLOSE_FACE * _CLOSE_LOOK  # pixels of this level in the close-up's width
    angle = math.radians(face.angle)
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    theta = torch.tensor(
        [
            [cos / width, -sin / width, 2 * face.x * scale / width - 1],
            [sin / height, cos / height, 2 * face.y * scale / height - 1],
        ]
    )
    grid = functional.affine_grid(theta[None], [1, 3, _CLOSE_LOOK, _CLOSE_LOOK], align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)
