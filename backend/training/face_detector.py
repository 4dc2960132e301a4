"""Train the face finder's network (`backend.detection`) on scenes with procedural faces."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from backend.detection.network import (
    CHANNELS,
    LARGEST_FACE,
    SMALLEST_FACE,
    STRIDE,
    UNIT,
    FaceNetwork,
    folded_state,
)
from stylegan_ops.precision import mixed_precision

from .face_people import PAINTERS
from .face_scenes import Scene, SceneMaker, Square
from .face_styles import restyle

TILE = 192
"""Side of a training picture in pixels."""

_GRAY = 0.5
_EMA_BETA = 0.998
_KEPT_BATCHES = 24

Batch = tuple[Tensor, Tensor]


class SceneStream(IterableDataset[Batch]):
    """Endless batches ``(pictures [N, 3, TILE, TILE] in [-1, 1], targets [N, CHANNELS + 2, cells, cells])``.

    The targets hold what the network is to say, heat as a probability, then how much each cell's heat counts and how
    much its other channels do.
    """

    def __init__(self, batch_size: int, seed: int, pictures: Path | None) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.seed = seed
        self.pictures = pictures

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        number = info.id if info else 0
        torch.set_num_threads(1)
        torch.manual_seed(self.seed * 1009 + number)
        maker = SceneMaker([self.seed, number], self.pictures, painters=PAINTERS)
        while True:
            pairs = [_tile(maker) for _ in range(self.batch_size)]
            yield torch.cat([x for x, _ in pairs]), torch.stack([y for _, y in pairs])


def _tile(maker: SceneMaker) -> Batch:
    """One training picture: a scene that fills the tile, or a smaller one with gray around it, and its targets."""
    rng = maker.rng
    width = height = TILE
    left = top = 0
    if rng.random() < 0.5:
        width, height = (int(TILE * rng.uniform(0.45, 1.0)) for _ in range(2))
        left, top = int(rng.integers(TILE - width + 1)), int(rng.integers(TILE - height + 1))
    scene = maker.scene(width, height, sides=(SMALLEST_FACE, LARGEST_FACE))
    picture = torch.from_numpy(scene.picture).permute(2, 0, 1)[None].float() / 255
    x = torch.full((1, 3, TILE, TILE), _GRAY)
    x[:, :, top : top + height, left : left + width] = restyle(picture)
    return x * 2 - 1, torch.from_numpy(targets(scene, left, top))


def targets(scene: Scene, left: int, top: int, side: int = TILE) -> np.ndarray:
    """What the network is to say of a scene whose top-left corner is at (left, top) of a tile; see `SceneStream`."""
    cells = side // STRIDE
    maps = np.zeros((CHANNELS + 2, cells, cells), np.float32)
    counts, matters = maps[CHANNELS], maps[CHANNELS + 1]
    counts[:] = 1
    ys, xs = (np.mgrid[:cells, :cells] + 0.5) * STRIDE

    def distances(face: Square) -> np.ndarray:
        result: np.ndarray = np.hypot(xs - face.x - left, ys - face.y - top)
        return result

    for face in scene.unsure:
        counts[distances(face) < 0.4 * face.side] = 0
    for face, marks in zip(scene.faces, scene.marks, strict=True):
        distance = distances(face)
        heat = np.exp(-0.5 * (distance / max(0.75 * STRIDE, 0.075 * face.side)) ** 2)
        row, column = np.unravel_index(distance.argmin(), distance.shape)
        heat[row, column] = 1
        mine = heat > np.maximum(maps[0], 0.35)
        np.maximum(maps[0], heat, out=maps[0])
        counts[distance < 0.2 * face.side] = 1
        angle = math.radians(face.angle)
        maps[1][mine] = math.log(face.side / UNIT)
        maps[2][mine] = ((face.x + left - xs) / STRIDE)[mine]
        maps[3][mine] = ((face.y + top - ys) / STRIDE)[mine]
        maps[4][mine], maps[5][mine] = math.cos(angle), math.sin(angle)
        for i, (u, v) in enumerate(marks):
            maps[6 + 2 * i][mine] = u * math.cos(angle) - v * math.sin(angle)
            maps[7 + 2 * i][mine] = u * math.sin(angle) + v * math.cos(angle)
        matters[mine] = heat[mine]
    return maps


def mirrored(x: Tensor, wanted: Tensor) -> Batch:
    """A batch as in a mirror; see `SceneStream`."""
    order = [0, 1, 2, 3, 4, 5, 8, 9, 6, 7, *range(10, CHANNELS + 2)]
    turned = wanted.flip(3)[:, order]
    turned[:, [2, 5, 6, 8, 10]] *= -1  # everything that points to the right
    return x.flip(3), turned


def loss_of(said: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The focal loss of the heat (Zhou et al. 2019, eq. 1) and the weighted distance of everything else."""
    heat, counts, matters = wanted[:, 0], wanted[:, CHANNELS], wanted[:, CHANNELS + 1]
    logit = said[:, 0].float().clamp(-12, 12)
    probability = logit.sigmoid()
    peak = (heat == 1).float()
    focal = -functional.logsigmoid(logit) * (1 - probability).square() * peak
    focal = focal - functional.logsigmoid(-logit) * probability.square() * (1 - heat) ** 4 * (1 - peak)
    focal = (focal * counts).sum() / peak.sum().clamp(min=1)
    scale = torch.tensor([2.0, 0.5, 0.5, 2.0, 2.0] + 6 * [1.0])
    difference = functional.smooth_l1_loss(
        said[:, 1:].float(), wanted[:, 1:CHANNELS], reduction="none", beta=0.05
    )
    distance = (difference * scale.reshape(1, -1, 1, 1)).sum(dim=1)
    return focal, (distance * matters).sum() / matters.sum().clamp(min=1)


def train(
    output: Path,
    images: int,
    pictures: Path | None = None,
    resume: Path | None = None,
    learning_rate: float = 2e-3,
    minutes: float | None = None,
    batch_size: int = 16,
    seed: int = 11,
    workers: int = 1,
) -> None:
    """Train the network and write it.

    Args:
        output: the file to write (.safetensors, float16, normalisation folded); beside it goes ``.state.safetensors``,
            the unfolded float32 weights, to go on from.
        images: training pictures in all.
        pictures: a folder of pictures without faces, for backgrounds.
        resume: a ``.state.safetensors`` to start from.
        learning_rate: the highest one.
        minutes: stop after this time at the latest; the learning rate falls so that it has ended by then.
        batch_size: pictures a step.
        seed: of everything random.
        workers: processes that draw scenes (0: in this one).
    """
    torch.manual_seed(seed)
    network = FaceNetwork()
    torch.nn.init.constant_(network.head.bias[:1], -3.5)  # type: ignore[index]
    if resume:
        network.load_state_dict(_read(resume))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    average = {key: value.detach().clone() for key, value in network.state_dict().items()}
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=learning_rate, weight_decay=1e-3, betas=(0.9, 0.99)
    )
    steps = images // batch_size
    loader = iter(
        DataLoader(
            SceneStream(batch_size, seed, pictures),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
        )
    )
    # To draw a batch takes as long as to learn from it: each is used a second time, later and mirrored.
    again: deque[Batch] = deque()
    start = time.monotonic()
    bar = tqdm(range(steps), desc="face finder", mininterval=10)
    sums = np.zeros(3)
    done = 0.0
    for step in bar:
        done = max(done, step / steps)
        if minutes:
            done = max(done, (time.monotonic() - start) / 60 / minutes)
        if done >= 1:
            break
        rate = (
            learning_rate * min(1, (step + 1) / 100) * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * done)))
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        if step % 2 and len(again) >= _KEPT_BATCHES:
            x, wanted = mirrored(*again.popleft())
        else:
            x, wanted = next(loader)
            again.append((x, wanted))
        with mixed_precision(torch.device("cpu")):
            said = network(x.contiguous(memory_format=torch.channels_last))
        focal, distance = loss_of(said, wanted)
        optimizer.zero_grad(set_to_none=True)
        (focal + distance).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        beta = min(_EMA_BETA, step / (step + 20))
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                average[key].lerp_(value, 1 - beta)
        sums += focal.item(), distance.item(), 1
        if step % 50 == 49:
            bar.set_postfix(
                heat=f"{sums[0] / sums[2]:.3f}", rest=f"{sums[1] / sums[2]:.3f}", seen=step * batch_size
            )
            sums[:] = 0
        if step % 500 == 499:
            write(average, output)
    write(average, output)


def write(state: dict[str, Tensor], output: Path) -> None:
    """Write the network twice; see `train`."""
    save_file({k: v.contiguous() for k, v in state.items()}, output.with_suffix(".state.safetensors"))
    network = FaceNetwork()
    network.load_state_dict(state)
    folded = {key: value.half() for key, value in folded_state(network.eval()).items()}
    save_file(folded, output, metadata={"network": json.dumps(network.arguments)})
    output.chmod(0o644)  # safetensors writes for the owner alone; an installed package is read by others


def _read(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    result: dict[str, Tensor] = load_file(path)
    return result
