"""The engine's front: one model, any number of pictures.

editor = FaceEditor(model)
inversion = editor.invert(crop_rgb)
with editor.drag(inversion, pairs, mask) as drag:
    for step in drag: ...
edit = editor.composite(window, crop, editor.render(inversion), step.preview(), mask, offset=...)
edit.pixels                                     # what the window shows in edit.rect
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backend.engine import compositing, pulling
from backend.engine import inversion as inverting
from backend.engine.alignment import Crop
from backend.engine.change import Change
from backend.engine.compositing import Edit, OnFraction
from backend.engine.depth import Pixels
from backend.engine.device import choose_device, memory_guard
from backend.engine.drag import Drag, DragOptions, check_mask, check_pairs
from backend.engine.engines import DragProblem
from backend.engine.inversion import Inversion, InversionSettings, OnProgress, Picture
from backend.engine.keeping import Edited, Keeping
from backend.errors import PullfaceError

if TYPE_CHECKING:
    from backend.models import Model

KEPT_GENERATORS = 2
"""Tuned generators held ready; another picture's is made again from its inversion when it is needed."""

KEPT_CHANGES = 2
"""Changes between pictures held ready, for an artist who looks at a result again or at the one before."""

RATE_IN_DEVIATIONS = 0.02
"""Default learning rate of a drag, in standard deviations of the model's w."""


class FaceEditor:
    """Inverts, drags, renders and composites with one model. Its methods may be called from one thread at a time.

    model: a loaded model; it is never changed. device: where to compute; None = where the model is.
    """

    def __init__(self, model: Model, device: str | torch.device | None = None) -> None:
        here = next(model.generator.parameters()).device
        self.device = here if device is None else choose_device(device)
        self._model = model if self.device == here else _moved(model, self.device)
        self._labelled = self._model
        """The model with the label that was used last."""
        self._tuned: OrderedDict[int, tuple[Inversion, Any]] = OrderedDict()
        self._changes: OrderedDict[bytes, Change] = OrderedDict()

    @property
    def resolution(self) -> int:
        """Longer side of the model's picture in px."""
        return int(self._model.resolution)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the model's picture in px."""
        return self._model.shape

    def invert(
        self,
        crop_rgb: Picture,
        on_progress: OnProgress | None = None,
        settings: InversionSettings | None = None,
    ) -> Inversion:
        """Inverts the crop (uint8 [H, W, 3]); see `inversion.invert`.

        Raises PullfaceError "wrong_picture_size", "bad_options" (the model has no such label) or "out_of_memory", and
        whatever `on_progress` raises.
        """
        self._check_picture(crop_rgb)
        chosen = settings or InversionSettings.of_method()
        with memory_guard("fit the model to this picture"):
            return inverting.invert(self._with_label(chosen.label), crop_rgb, chosen, on_progress)

    def drag(
        self,
        inversion: Inversion | None,
        pairs: ArrayLike,
        mask: ArrayLike | None = None,
        options: DragOptions | None = None,
        latent: Tensor | None = None,
        done: Sequence[Edited] = (),
    ) -> Drag:
        """A drag that computes a step whenever it is asked for the next one.

        pairs: [N, 2 (handle, target), 2 (x, y)], crop space at model resolution.
        mask: [H, W], 1 (or 255 in uint8) = may move; None = everything may.
        latent: w+ [1, num_ws, w_dim] to start from, e.g. that of an earlier step; None = the pivot.
        done: drags of this picture, the earliest first; the new one then starts from the last one's latent, and its
        pictures show what their masks kept.
        Raises PullfaceError "not_inverted", "wrong_model", "bad_points", "points_outside", "bad_mask", "empty_mask".
        """
        chosen = options or DragOptions()
        points = check_pairs(pairs, self.shape)
        movable = check_mask(mask, self.shape, self.device)
        known, generator = self._ready(inversion)
        done = self._checked(known, done)
        start = done[-1].latent if done else self._latent(known, latent)
        first = self._latent(known, None) if done else start
        problem = DragProblem(
            generator=generator,
            latent=start,
            handles=points[:, 0].copy(),
            mask=movable,
            learning_rate=chosen.learning_rate or self.default_learning_rate(),
            lambda_mask=chosen.lambda_mask,
            free_layers=chosen.free_entries(generator.synthesis),
            covariance=self._with_label(known.info.get("label")).w_covariance,
            strength=chosen.strength,
        )
        kept = movable if chosen.keeps_mask else None
        return Drag.begin(problem, points, chosen, Keeping(generator, first, done, kept))

    def default_learning_rate(self) -> float:
        """Adam's rate for this model: the published 2e-3 presumes the scale of w of one model, so it is scaled."""
        return RATE_IN_DEVIATIONS * float(self._model.w_std.float().square().mean().sqrt())

    def render(self, inversion: Inversion | None, latent: Tensor | None = None) -> Picture:
        """The picture of `latent` (any step's; None = the pivot) by this inversion's generator, uint8 [H, W, 3]."""
        with memory_guard("render the picture"):
            known, generator = self._ready(inversion)
            return inverting.render(generator, self._latent(known, latent))

    def edited(self, inversion: Inversion | None, drags: Sequence[Edited]) -> Picture:
        """The picture after `drags`, the earliest first, uint8 [H, W, 3]; what their masks keep is as it was before."""
        with memory_guard("render the picture"):
            known, generator = self._ready(inversion)
            *done, last = self._checked(known, drags) or [Edited(self._latent(known, None), None)]
            return Keeping(generator, self._latent(known, None), done, last.mask)(last.latent)

    def _checked(self, inversion: Inversion, drags: Sequence[Edited]) -> list[Edited]:
        return [
            Edited(self._latent(inversion, drag.latent), check_mask(drag.mask, self.shape, self.device))
            for drag in drags
        ]

    def composite(
        self,
        window_rgba: Pixels,
        crop: Crop,
        before: Picture,
        after: Picture,
        mask: NDArray[np.uint8] | None = None,
        offset: tuple[int, int] | None = None,
        seen: Picture | None = None,
        ways: Sequence[ArrayLike] | None = None,
        on_progress: OnFraction | None = None,
    ) -> Edit:
        """The edit on the artist's pixels; see `compositing.composite`.

        mask is as large as the window. offset is the image position of the window's top-left pixel; None = the
        crop's own corner. seen is what was inverted, if it is at hand. ways: how the handles went, one
        [N, 2 (begin, end), 2 (x, y)] a drag, the earliest first, image space.
        Raises PullfaceError "wrong_picture_size" or "out_of_memory", and whatever `on_progress` raises.
        """
        place = (crop.x, crop.y) if offset is None else offset
        with memory_guard("put the edit onto the layer"), torch.no_grad():
            change = self._change(before, after)
            went = None if ways is None else [np.asarray(drag, np.float64) for drag in ways]
            return compositing.composite(window_rgba, place, crop, change, mask, seen, went, on_progress)

    def own_picture(
        self,
        before: Picture,
        seen: Picture,
        crop: Crop,
        mask: NDArray[np.float32],
        ways: Sequence[ArrayLike],
    ) -> Picture | None:
        """The artist's own picture in a pull; see `pulling.own_picture`. mask is the crop's; ways as in `composite`."""
        side = self.resolution
        drags = [torch.from_numpy(crop.to_crop(np.asarray(drag, np.float64), side)).float() for drag in ways]
        with torch.no_grad():
            return pulling.own_picture(before, seen, mask, drags)

    def _change(self, before: Picture, after: Picture) -> Change:
        """The change from `before` to `after`; the most recent ones are kept."""
        digest = hashlib.blake2b(repr((before.shape, after.shape)).encode())
        for picture in (before, after):
            digest.update(np.ascontiguousarray(picture).data)
        key = digest.digest()
        change = self._changes.pop(key, None) or Change.between(before, after, self.device)
        self._changes[key] = change
        while len(self._changes) > KEPT_CHANGES:
            self._changes.popitem(last=False)
        return change

    def forget(self) -> None:
        """Frees the tuned generators and what else is held; it is made again when needed."""
        self._tuned.clear()
        self._changes.clear()

    def _with_label(self, label: int | None) -> Model:
        if label is not None and not 0 <= label < self._model.labels:
            raise PullfaceError(
                "bad_options",
                f"This model has no label {label}.",
                f"Choose one from 0 to {self._model.labels - 1}, or none."
                if self._model.labels
                else "It knows one kind of pictures only: choose no label.",
            )
        if label is None:
            return self._model
        if self._labelled.label != label:
            self._labelled = self._model.with_label(label)
        return self._labelled

    def _check_picture(self, picture: Picture) -> None:
        height, width = self.shape
        if picture.shape != (height, width, 3) or picture.dtype != np.uint8:
            raise PullfaceError(
                "wrong_picture_size",
                f"This model needs a picture of {width}×{height} pixels in red, green and blue.",
                "Cut the crop out at the model's resolution first.",
            )

    def _latent(self, inversion: Inversion, latent: Tensor | None) -> Tensor:
        chosen = inversion.pivot if latent is None else latent
        if chosen.shape != inversion.pivot.shape:
            raise inverting.wrong_model()
        return chosen.to(self.device, torch.float32)

    def _ready(self, inversion: Inversion | None) -> tuple[Inversion, Any]:
        """`inversion`, checked, and its tuned, frozen generator; the most recent ones are kept."""
        if inversion is None:
            raise PullfaceError(
                "not_inverted",
                "The picture has not been fitted to the model yet.",
                "Invert the picture first.",
            )
        generator = self._model.generator
        if inversion.model != self._model.name or inversion.pivot.shape[1:] != (
            generator.num_ws,
            generator.w_dim,
        ):
            raise inverting.wrong_model()
        kept = self._tuned.get(id(inversion))
        if kept is None:
            with memory_guard("hold another picture's model"):
                kept = (inversion, inverting.with_delta(generator, inversion.delta))
            self._tuned[id(inversion)] = (
                kept  # holds the inversion, so that its id is not given away meanwhile
            )
            while len(self._tuned) > KEPT_GENERATORS:
                self._tuned.popitem(last=False)
        self._tuned.move_to_end(id(inversion))
        return kept


def _moved(model: Model, device: torch.device) -> Model:
    """A copy of `model` on `device`."""
    return dataclasses.replace(
        model,
        generator=copy.deepcopy(model.generator).to(device),
        discriminator=None if model.discriminator is None else copy.deepcopy(model.discriminator).to(device),
        encoder=None if model.encoder is None else copy.deepcopy(model.encoder).to(device),
        w_mean=model.w_mean.to(device),
        w_covariance=model.w_covariance.to(device),
    )
