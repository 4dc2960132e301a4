"""Inversion: the latent and the small change of the generator that make the model show the artist's picture.

Two methods: `quick`, ours, and `pti`, Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images", ACM TOG
2022, as published. Both find a pivot, then tune the generator around it. What is kept of a picture is the pivot and
the packed difference of the tuned weights (`delta.py`), not a second generator.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine import inversion_methods, pti, quick  # noqa: F401  (both register themselves)
from backend.engine.delta import PackedChange, changes, pack
from backend.engine.inversion_methods import InversionTask, Stage
from backend.engine.inversion_settings import InversionSettings as InversionSettings
from backend.engine.perceptual import perceptual_distance
from backend.errors import PullfaceError

if TYPE_CHECKING:
    from backend.models import Model

Picture = NDArray[np.uint8]

FORMAT = "pullface-inversion-2"


class Cancelled(Exception):  # noqa: N818  (an outcome that the caller wants, not an error)
    """Raised by a progress callback to end an inversion or a composite; it passes through and nothing is kept."""


@dataclass(frozen=True)
class InversionProgress:
    """One step of an inversion.

    stage: "pivot", then "tuning". fraction: of the whole, 0 to 1; it ends with 1, also when quality ends it early.
    loss: of this step, of its stage's own scale.
    perceptual: which distance guides it, "discriminator", "lpips" or "multi-scale", see `perceptual.py`.
    preview: renders the state of this moment, or an early sketch (`sketch.py`) while that is nearer, uint8 [H, W, 3];
        to be called inside the callback.
    """

    stage: Stage
    fraction: float
    loss: float
    perceptual: str
    preview: Callable[[], Picture]


OnProgress = Callable[[InversionProgress], None]


@dataclass(frozen=True)
class Inversion:
    """What the model needs to show one picture.

    model: name of the model that it belongs to.
    pivot: w+ [1, num_ws, w_dim] float32 on the CPU.
    delta: changes of the model's weights and noise maps, packed, by parameter name.
    info: plain facts for people: method, pivot_steps, tuning_steps, seconds, psnr (dB), distance, perceptual, label.
    """

    model: str
    pivot: Tensor
    delta: dict[str, PackedChange]
    info: dict[str, Any] = field(default_factory=dict)

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Everything as tensors by name and text by name, as a safetensors file holds it."""
        tensors = {"pivot": self.pivot.contiguous()}
        for name, change in self.delta.items():
            tensors[f"delta.{name}"] = change.values
            if change.scale is not None:
                tensors[f"scale.{name}"] = change.scale
        return tensors, {"format": FORMAT, "model": self.model, "info": json.dumps(self.info)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Inversion:
        """The inverse of `to_tensors`.

        Raises PullfaceError "bad_inversion" for anything else, and for one that an older Pullface has saved.
        """
        try:
            if metadata["format"] != FORMAT:
                raise KeyError("format")
            pivot = tensors["pivot"]
            if pivot.dtype != torch.float32 or pivot.ndim != 3 or len(pivot) != 1:
                raise ValueError("pivot")
            if not bool(pivot.isfinite().all()):
                raise ValueError("pivot")
            info = json.loads(metadata["info"])
            if not isinstance(info, dict) or not isinstance(info.get("label"), int | None):
                raise ValueError("info")
            delta = {
                name[len("delta.") :]: PackedChange(value, tensors.get("scale." + name[len("delta.") :]))
                for name, value in tensors.items()
                if name.startswith("delta.")
            }
            return cls(metadata["model"], pivot, delta, info)
        except (KeyError, ValueError) as error:
            raise PullfaceError(
                "bad_inversion",
                "The saved inversion cannot be read; perhaps another version of Pullface made it.",
                "Invert the picture again.",
            ) from error


def to_image(picture: Picture, device: torch.device) -> Tensor:
    """uint8 [H, W, 3] to float32 [1, 3, H, W] in [−1, 1] (0 → −1, 255 → 1)."""
    tensor = torch.from_numpy(np.ascontiguousarray(picture)).to(device)
    return tensor.permute(2, 0, 1)[None].float() / 127.5 - 1


def to_picture(image: Tensor) -> Picture:
    """Convert float [1, 3, H, W] in [−1, 1] to uint8 [H, W, 3], rounded, clipped."""
    scaled = ((image[0].detach().float() + 1) * 127.5).round().clamp(0, 255)
    return scaled.to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def render(generator: Any, latent: Tensor) -> Picture:
    """The picture of `latent` [1, num_ws, w_dim], uint8 [H, W, 3]."""
    with torch.no_grad():
        device = next(generator.parameters()).device
        return to_picture(generator.synthesis(latent.to(device), noise_mode="const", fused_modconv=True))


def with_delta(generator: Any, delta: Mapping[str, PackedChange]) -> Any:
    """A frozen copy of `generator` with `delta` added.

    Raises PullfaceError "wrong_model" when a name or a shape does not fit.
    """
    tuned = copy.deepcopy(generator).eval().requires_grad_(False)
    places = dict(tuned.named_parameters()) | dict(tuned.named_buffers())
    with torch.no_grad():
        for name, change in delta.items():
            if name not in places:
                raise wrong_model()
            try:
                places[name].add_(change.unpacked(places[name].shape).to(places[name]))
            except ValueError as error:
                raise wrong_model() from error
    return tuned


def wrong_model() -> PullfaceError:
    """The error for an inversion that another model made."""
    return PullfaceError(
        "wrong_model",
        "This inversion was made with another model.",
        "Choose the model that it was made with, or invert the picture again.",
    )


def invert(
    model: Model,
    target: Picture,
    settings: InversionSettings,
    on_progress: OnProgress | None = None,
) -> Inversion:
    """Inverts `target` (uint8 [H, W, 3] at the model's resolution).

    `on_progress` is called after every step and may raise `Cancelled` (or anything else), which ends the inversion
    and passes through. The model itself is never changed.
    """
    started = time.monotonic()
    base = model.generator
    device = next(base.parameters()).device
    image = to_image(target, device)
    distance = perceptual_distance(model.discriminator, image)
    work = copy.deepcopy(base).eval().requires_grad_(False)

    def report(
        stage: Stage,
        fraction: float,
        loss: float,
        latent: Callable[[], Tensor],
        sketch: Tensor | None = None,
    ) -> None:
        def preview() -> Picture:
            return render(work, latent()) if sketch is None else to_picture(sketch)

        if on_progress is not None:
            on_progress(InversionProgress(stage, fraction, loss, distance.name, preview))

    method = inversion_methods.find(settings.method)
    fitted = method(InversionTask(model, work, image, distance, settings, report))
    pivot = fitted.pivot.detach()
    with torch.no_grad():
        reached = _psnr(work.synthesis(pivot, noise_mode="const"), image)
        report("tuning", 1.0, 0.0, lambda: pivot)

        def quality(packed: Mapping[str, PackedChange]) -> float:
            return _psnr(with_delta(base, packed).synthesis(pivot, noise_mode="const"), image)

        delta = pack(changes(base, work), quality, reached)
        shown = with_delta(base, delta).synthesis(pivot, noise_mode="const", fused_modconv=True)
        info = {
            "method": settings.method,
            "pivot_steps": fitted.pivot_steps,
            "tuning_steps": fitted.tuning_steps,
            "seconds": round(time.monotonic() - started, 2),
            "psnr": round(_psnr(shown, image), 2),
            "distance": round(float(distance(shown)), 5),
            "perceptual": distance.name,
            "label": model.label,
        }
    return Inversion(model.name, pivot.cpu(), delta, info)


def _psnr(shown: Tensor, target: Tensor) -> float:
    """Peak signal-to-noise ratio (dB) of pictures in [−1, 1]."""
    error = ((shown.clamp(-1, 1) - target) / 2).square().mean()
    return float(-10 * torch.log10(error.clamp(min=1e-10)))
