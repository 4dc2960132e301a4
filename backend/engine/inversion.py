"""Inversion: the latent and the small change of the generator that make the model show the artist's picture.

Source: Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images", ACM TOG 2022: first a pivot in W
(`projection.py`), then the generator is tuned around it (`tuning.py`). What is kept of a picture is the pivot and the
difference of the tuned weights in half precision, not a second generator.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine.perceptual import perceptual_distance
from backend.engine.projection import find_pivot
from backend.engine.tuning import tune
from backend.errors import PullfaceError

if TYPE_CHECKING:
    from backend.models import Model

Stage = Literal["pivot", "tuning"]
Picture = NDArray[np.uint8]

PUBLISHED_RESOLUTION = 1024
PUBLISHED_PIVOT_STEPS = 450
PUBLISHED_TUNING_STEPS = 350
STEPS_POWER = 0.6
PUBLISHED_TUNING_RATE = 3e-4
FORMAT = "pullface-inversion-1"


class Cancelled(Exception):  # noqa: N818  (an outcome that the caller wants, not an error)
    """Raised by a progress callback to end an inversion or a composite; it passes through and nothing is kept."""


@dataclass(frozen=True)
class InversionSettings:
    """How to invert.

    pivot_steps, tuning_steps: the published 450 and 350 at 1024 px, fewer for smaller models (`for_resolution`).
    pivot_rate: how far Adam may carry the pivot from the mean, in standard deviations of w, over all steps.
    tuning_rate: of Adam on the generator's weights; the published 3e-4 at 1024 px, larger for smaller models.
    pivot_pixel_weight, tuning_pixel_weight: of the mean squared error of colours (0 to 1) against the perceptual
        distance. They are above the published 1 because thin lines are a small part of a drawing, and a
        discriminator's features hardly tell a soft line from a sharp one.
    good_enough: root of the mean squared colour error (0 to 1) at which tuning ends early.
    use_noise: fit the model's noise maps with the pivot; None = when the model has any that matter.
    seed: of the noise on w; the same seed and picture give the same inversion on one machine.
    """

    pivot_steps: int
    tuning_steps: int
    pivot_rate: float = 5.0
    tuning_rate: float = PUBLISHED_TUNING_RATE
    pivot_pixel_weight: float = 10.0
    tuning_pixel_weight: float = 100.0
    good_enough: float = 0.02
    use_noise: bool | None = None
    seed: int = 0

    @classmethod
    def for_resolution(cls, resolution: int) -> InversionSettings:
        """The published numbers, scaled by the picture's side: fewer steps, and larger ones on fewer weights."""
        part = min(1.0, resolution / PUBLISHED_RESOLUTION)
        return cls(
            pivot_steps=round(PUBLISHED_PIVOT_STEPS * part**STEPS_POWER),
            tuning_steps=round(PUBLISHED_TUNING_STEPS * part**STEPS_POWER),
            tuning_rate=PUBLISHED_TUNING_RATE / part,
        )


@dataclass(frozen=True)
class InversionProgress:
    """One step of an inversion.

    stage: "pivot", then "tuning". fraction: of the whole, 0 to 1. loss: of this step, of its stage's own scale.
    perceptual: which distance guides it, "discriminator" or "multi-scale" (a model without discriminator).
    preview: renders the state of this moment, uint8 [R, R, 3]; to be called inside the callback.
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
    delta: float16 differences (CPU) from the model's weights and noise maps, by parameter name.
    info: plain facts for people: pivot_steps, tuning_steps, seconds, psnr (dB), distance, perceptual.
    """

    model: str
    pivot: Tensor
    delta: dict[str, Tensor]
    info: dict[str, Any] = field(default_factory=dict)

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Everything as tensors by name and text by name, as a safetensors file holds it."""
        tensors = {"pivot": self.pivot.contiguous()}
        tensors.update({f"delta.{name}": value.contiguous() for name, value in self.delta.items()})
        return tensors, {"format": FORMAT, "model": self.model, "info": json.dumps(self.info)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Inversion:
        """The inverse of `to_tensors`. Raises PullfaceError "bad_inversion" for anything else."""
        try:
            if metadata["format"] != FORMAT:
                raise KeyError("format")
            delta = {
                name[len("delta.") :]: value for name, value in tensors.items() if name.startswith("delta.")
            }
            return cls(metadata["model"], tensors["pivot"], delta, json.loads(metadata["info"]))
        except (KeyError, ValueError) as error:
            raise PullfaceError(
                "bad_inversion",
                "The saved inversion cannot be read.",
                "Invert the picture again.",
            ) from error


def to_image(picture: Picture, device: torch.device) -> Tensor:
    """uint8 [R, R, 3] to float32 [1, 3, R, R] in [−1, 1] (0 → −1, 255 → 1)."""
    tensor = torch.from_numpy(np.ascontiguousarray(picture)).to(device)
    return tensor.permute(2, 0, 1)[None].float() / 127.5 - 1


def to_picture(image: Tensor) -> Picture:
    """Convert float [1, 3, R, R] in [−1, 1] to uint8 [R, R, 3], rounded, clipped."""
    scaled = ((image[0].detach().float() + 1) * 127.5).round().clamp(0, 255)
    return scaled.to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def render(generator: Any, latent: Tensor) -> Picture:
    """The picture of `latent` [1, num_ws, w_dim], uint8 [R, R, 3]."""
    with torch.no_grad():
        device = next(generator.parameters()).device
        return to_picture(generator.synthesis(latent.to(device), noise_mode="const", fused_modconv=True))


def with_delta(generator: Any, delta: Mapping[str, Tensor]) -> Any:
    """A frozen copy of `generator` with `delta` added.

    Raises PullfaceError "wrong_model" when a name or a shape does not fit.
    """
    tuned = copy.deepcopy(generator).eval().requires_grad_(False)
    places = dict(tuned.named_parameters()) | dict(tuned.named_buffers())
    with torch.no_grad():
        for name, change in delta.items():
            if name not in places or places[name].shape != change.shape:
                raise wrong_model()
            places[name].add_(change.to(places[name]))
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
    """Inverts `target` (uint8 [R, R, 3] at the model's resolution).

    `on_progress` is called after every step and may raise `Cancelled` (or anything else), which ends the inversion
    and passes through. The model itself is never changed.
    """
    started = time.monotonic()
    base = model.generator
    device = next(base.parameters()).device
    image = to_image(target, device)
    distance = perceptual_distance(model.discriminator, image)
    work = copy.deepcopy(base).eval().requires_grad_(False)
    total = settings.pivot_steps + settings.tuning_steps

    def reporter(stage: Stage, done_before: int) -> Callable[[int, float, Callable[[], Tensor]], None]:
        def report(steps: int, loss: float, latent: Callable[[], Tensor]) -> None:
            if on_progress is not None:
                fraction = min(1.0, (done_before + steps) / max(1, total))
                on_progress(
                    InversionProgress(stage, fraction, loss, distance.name, lambda: render(work, latent()))
                )

        return report

    pivot = find_pivot(work, model, image, distance, settings, reporter("pivot", 0))
    steps = tune(work, pivot, image, distance, settings, reporter("tuning", settings.pivot_steps))
    delta = _half_difference(base, work)
    final = with_delta(base, delta)
    with torch.no_grad():
        shown = final.synthesis(pivot, noise_mode="const", fused_modconv=True)
        error = ((shown.clamp(-1, 1) - image) / 2).square().mean()
        info = {
            "pivot_steps": settings.pivot_steps,
            "tuning_steps": steps,
            "seconds": round(time.monotonic() - started, 2),
            "psnr": round(float(-10 * torch.log10(error.clamp(min=1e-10))), 2),
            "distance": round(float(distance(shown)), 5),
            "perceptual": distance.name,
        }
    return Inversion(model.name, pivot.detach().cpu(), delta, info)


def _half_difference(base: Any, tuned: Any) -> dict[str, Tensor]:
    """What `tuned` has that `base` has not, rounded to float16, on the CPU; unchanged tensors are left out."""
    before = dict(base.named_parameters()) | dict(base.named_buffers())
    after = dict(tuned.named_parameters()) | dict(tuned.named_buffers())
    delta = {}
    for name, value in after.items():
        change = (value.detach() - before[name]).to(torch.float16).cpu()
        if bool(change.any()):
            delta[name] = change
    return delta
