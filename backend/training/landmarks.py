"""Train the landmark detector on the renderer's labels."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from backend.evaluation.landmarks import INPUT_SIZE, LandmarkDetector, heatmap_positions
from stylegan_ops.precision import mixed_precision

from .faces import draw_batch, face_loader
from .pool import FacePool
from .toon.factors import Z_DIM
from .toon.renderer import LANDMARKS

_HEAT_RADIUS = 0.012
_HELD_OUT_SEED = 99_991


def degrade(pictures: Tensor) -> Tensor:
    """Blur, noise and colour shifts: what a generator or a painter does to a face, and a renderer does not.

    Args:
        pictures: ``[N, 3, R, R]`` in [-1, 1].
    """
    n, size = len(pictures), pictures.shape[-1]
    scale = 1 + 1.2 * float(torch.rand(()))
    small = functional.interpolate(pictures, size=int(size / scale), mode="area")
    blurred = functional.interpolate(small, size=size, mode="bicubic", align_corners=False)
    pictures = torch.where(torch.rand(n, 1, 1, 1) < 0.5, blurred, pictures)
    pictures = pictures * (1 + 0.2 * torch.randn(n, 3, 1, 1)) + 0.15 * torch.randn(n, 3, 1, 1)
    coarse = functional.interpolate(
        torch.randn(n, 3, 16, 16), size=size, mode="bilinear", align_corners=False
    )
    noise = torch.randn_like(pictures) * 0.08 * torch.rand(n, 1, 1, 1)
    return (pictures + noise + coarse * 0.10 * torch.rand(n, 1, 1, 1)).clamp(-1, 1)


def _loss(logits: Tensor, places: Tensor) -> Tensor:
    """Cross entropy to a small Gaussian at each place, and the distance of the expectation."""
    side = logits.shape[-1]
    centres = (torch.arange(side) + 0.5) / side
    dx = (centres - places[..., :1]).square()
    dy = (centres - places[..., 1:]).square()
    target = (-(dx[:, :, None, :] + dy[:, :, :, None]) / (2 * _HEAT_RADIUS**2)).flatten(2).softmax(dim=2)
    cross_entropy = -(target * logits.float().flatten(2).log_softmax(dim=2)).sum(dim=2).mean()
    return cross_entropy + 50 * (heatmap_positions(logits) - places).abs().mean()


@torch.no_grad()
def held_out_error(detector: LandmarkDetector, faces: int = 512) -> tuple[float, float]:
    """Mean and 95th percentile of the distance in pixels of a 128-px picture, on faces never trained on."""
    z = torch.randn(faces, Z_DIM, generator=torch.Generator().manual_seed(_HELD_OUT_SEED))
    _, pictures, landmarks = draw_batch(z.numpy(), INPUT_SIZE)
    found = torch.cat([heatmap_positions(detector(part.float() / 127.5 - 1)) for part in pictures.split(64)])
    distance = (found * INPUT_SIZE - landmarks).norm(dim=-1)
    return float(distance.mean()), float(distance.quantile(0.95))


def train(
    output: Path, images: int = 40_000, batch_size: int = 32, seed: int = 7, pool: Path | None = None
) -> None:
    """Train and write the detector to ``output`` (.safetensors, float16, landmark names in its header).

    Args:
        output: the file.
        images: faces to see.
        batch_size: faces a step.
        seed: of the weights and the faces.
        pool: a folder of drawn faces (`pool.FacePool`) to take them from; None = draw new ones.
    """
    torch.manual_seed(seed)
    detector = LandmarkDetector(len(LANDMARKS))
    detector.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    optimizer = torch.optim.AdamW(detector.parameters(), lr=2e-3, weight_decay=1e-4)
    steps = images // batch_size
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1, (step + 1) / 50) * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * step / steps))),
    )
    if pool is None:
        faces = face_loader(INPUT_SIZE, batch_size, seed)
    else:
        faces = FacePool(pool).batches(INPUT_SIZE, batch_size, seed)
    bar = tqdm(range(steps), desc="landmark detector", mininterval=5)
    for _ in bar:
        _, pictures, landmarks = next(faces)
        x = degrade(pictures.float() / 127.5 - 1).to(memory_format=torch.channels_last)
        with mixed_precision(torch.device("cpu")):
            logits = detector(x)
        loss = _loss(logits, landmarks / INPUT_SIZE)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    detector.eval()
    mean, high = held_out_error(detector)
    print(f"held-out faces: mean error {mean:.2f} px, 95th percentile {high:.2f} px of {INPUT_SIZE}")
    state = {key: value.half().contiguous() for key, value in detector.state_dict().items()}
    save_file(state, output, metadata={"landmarks": json.dumps(list(LANDMARKS)), "images": str(images)})
