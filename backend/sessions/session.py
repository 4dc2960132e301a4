"""One open session: from the layer's pixels to the dragged result, every step on disk before it is shown.

Points and rectangles at this interface are image space; the engine's crop space stays inside.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from backend.engine import (
    Crop,
    DragOptions,
    Edit,
    Edited,
    Inversion,
    InversionSettings,
    OnFraction,
    extract,
    extract_mask,
)
from backend.engine.depth import DEPTHS, Pixels
from backend.engine.inversion import FORMAT
from backend.errors import PullfaceError
from backend.sessions.listing import STEPS_FILE
from backend.sessions.record import DragRecord, SessionRecord, damaged_session, write_atomically
from backend.sessions.step_log import StepLog, StepRecord

if TYPE_CHECKING:
    from backend.engine import FaceEditor
    from backend.engine.inversion import OnProgress

WINDOW_FILE = "window.npy"
INVERSION_FILE = "inversion.safetensors"

MAX_STEPS = 20_000
"""Most steps that one session keeps; with the largest models a step takes about 37 kB."""

Picture = NDArray[np.uint8]


class Session:
    """A session's state and files. Made by ``SessionStore``.

    Args:
        folder: its folder.
        record: its record, as it stands on disk.
    """

    def __init__(self, folder: Path, record: SessionRecord) -> None:
        self.folder = folder
        self.record = record
        self.steps = StepLog(folder / STEPS_FILE)
        self._inversion: Inversion | None = None
        # Small, and needed for every result.
        self._seen: Picture | None = None
        self._before: Picture | None = None
        self._crop_masks: dict[int, NDArray[np.float32]] = {}

    @property
    def name(self) -> str:
        """32 hexadecimal digits."""
        return self.record.session

    @property
    def crop(self) -> Crop:
        """What the model sees, image space."""
        x, y, size, *angle = self.record.crop
        height, width = self.record.shape
        return Crop(int(x), int(y), int(size), float(angle[0]) if angle else 0.0, width / height)

    @property
    def label(self) -> int | None:
        """Of a conditional model: with which label the picture was inverted; None for any, and before that."""
        label = (self.record.inversion or {}).get("label")
        return label if isinstance(label, int) else None

    @property
    def last_step(self) -> int:
        """The number of the last saved step; 0 is the inversion itself."""
        return len(self.steps)

    def window(self) -> Pixels:
        """The layer's pixels in ``record.rect``, RGBA [h, w, 4] as deep as the layer came.

        Read-only; read from disk as they are used.

        Raises:
            PullfaceError: ``damaged_session``.
        """
        width, height = self.record.rect[2:]
        try:
            # Mapped: an edit mostly needs a small part of a large layer.
            window: Pixels = np.load(self.folder / WINDOW_FILE, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise damaged_session() from error
        if window.dtype.name not in DEPTHS or window.shape != (height, width, 4):
            raise damaged_session()
        return window

    def picture(self) -> Picture:
        """What the model is to show: the crop at the model's resolution, uint8 [H, W, 3]."""
        if self._seen is None:
            x, y = self.record.rect[:2]
            self._seen = extract(self.window(), (x, y), self.crop, self.record.resolution)
        return self._seen

    # Inversion

    def inversion_key(self, picture: Picture, model: str, settings: InversionSettings) -> str:
        """A name for the inversion of this content: equal exactly when the inversion would be the same.

        Args:
            picture: from ``picture``.
            model: a fingerprint of the model's weights.
            settings: of the inversion.
        """
        digest = hashlib.sha256()
        # Without a label the key is that of before there were any.
        values = {name: value for name, value in vars(settings).items() if (name, value) != ("label", None)}
        chosen = json.dumps(values, sort_keys=True)
        digest.update(f"{FORMAT} {model} {picture.shape} {chosen} ".encode())
        digest.update(np.ascontiguousarray(picture).tobytes())
        return digest.hexdigest()

    def invert(
        self,
        editor: FaceEditor,
        picture: Picture,
        key: str,
        settings: InversionSettings,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Inverts and saves. What ``on_progress`` raises passes through, and the session stays as it was."""
        inversion = editor.invert(picture, on_progress, settings)
        tensors, metadata = inversion.to_tensors()
        data = save(tensors, metadata=metadata)
        self._drop_inversion(key)
        write_atomically(self.folder / INVERSION_FILE, lambda file: file.write(data))
        facts = {name: float(inversion.info.get(name, 0.0)) for name in ("seconds", "distance")}
        perceptual = str(inversion.info.get("perceptual", ""))
        self._note_inversion({"key": key, **facts, "perceptual": perceptual, "label": settings.label})
        self._inversion = inversion

    def adopt_inversion(self, file: Path, facts: Mapping[str, Any]) -> None:
        """Takes over an inversion that was saved for the same content, see ``SessionStore.find_inversion``."""
        own = self.folder / INVERSION_FILE
        if file != own:
            self._drop_inversion(str(facts["key"]))
            try:
                # The same bytes twice would be a waste; both sessions only ever replace the file as a whole.
                os.link(file, own)
            except OSError:
                shutil.copyfile(file, own)
        self._note_inversion(dict(facts))

    def _drop_inversion(self, key: str) -> None:
        """Removes an inversion of another content or with other settings, and the steps that were made with it.

        The record goes first: after a kill in between, the session is one that was not inverted yet.
        """
        facts = self.record.inversion
        self._inversion = self._before = None
        self._crop_masks.clear()
        if facts is not None and facts.get("key") != key:
            self.record.inversion = None
            self.record.drags.clear()
            self.record.save(self.folder)
            (self.folder / STEPS_FILE).unlink(missing_ok=True)
            self.steps = StepLog(self.folder / STEPS_FILE)
        (self.folder / INVERSION_FILE).unlink(missing_ok=True)

    def _note_inversion(self, facts: dict[str, Any]) -> None:
        self.record.inversion = facts
        self.record.save(self.folder)

    def inversion(self) -> Inversion:
        """The saved inversion, read from disk when needed.

        Raises:
            PullfaceError: ``not_inverted``, ``bad_inversion`` (another version of Pullface made it) or
                ``damaged_session``.
        """
        if self._inversion is None:
            if self.record.inversion is None:
                raise PullfaceError(
                    "not_inverted", "The picture has not been fitted to the model yet.", "Invert it first."
                )
            try:
                with safe_open(self.folder / INVERSION_FILE, framework="pt") as file:
                    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                    self._inversion = Inversion.from_tensors(tensors, file.metadata() or {})
            except (OSError, SafetensorError, ValueError) as error:
                raise damaged_session() from error
        return self._inversion

    # Steps

    def step(self, number: int) -> StepRecord:
        """A saved step, from 1.

        Raises:
            PullfaceError: ``unknown_step``.
        """
        try:
            return self.steps.read(number)
        except LookupError as error:
            raise PullfaceError(
                "unknown_step", f"There is no step {number}.", f"Choose a step from 0 to {self.last_step}."
            ) from error

    def latent(self, number: int) -> Tensor:
        """The latent of a step, w+ [1, num_ws, w_dim] float32; step 0 is the pivot.

        Raises:
            PullfaceError: ``unknown_step``, ``not_inverted`` or ``damaged_session``.
        """
        pivot = self.inversion().pivot
        if number == 0:
            return pivot
        values = np.frombuffer(self.step(number).latent, dtype="<f4")
        if values.size != pivot.numel():
            raise damaged_session()
        return torch.from_numpy(values.astype(np.float32)).reshape(pivot.shape)

    def show(self, editor: FaceEditor, number: int) -> Picture:
        """What a step looks like at the model's size, uint8 [H, W, 3]. Raises as ``latent``.

        The model's picture, or the artist's own where the model does not know the drawing that is pulled.
        """
        edits = self.edits(number)
        own = self.own_picture(editor, number)
        return editor.edited(self.inversion(), edits) if own is None else own

    def own_picture(self, editor: FaceEditor, number: int, begun: DragRecord | None = None) -> Picture | None:
        """The artist's picture at a step, uint8 [H, W, 3]; None where the model's own says more.

        begun: a drag that has begun at this step.
        """
        ways = self.ways(number)
        drags = [drag for _, drag in self._drags_to(number)]
        if begun is not None:
            ways.append([[pair[0], pair[0]] for pair in begun.pairs])
            drags.append(begun)
        mask = _together(drags, self._crop_mask)
        if mask is None:
            return None
        return editor.own_picture(self._model_picture(editor), self.picture(), self.crop, mask, ways)

    def _crop_mask(self, drag: int) -> NDArray[np.float32]:
        """The mask of a drag at the model's size, [H, W], 0 to 1."""
        if drag not in self._crop_masks:
            place = (self.record.rect[0], self.record.rect[1])
            self._crop_masks[drag] = extract_mask(self.mask(drag), place, self.crop, self.record.resolution)
        return self._crop_masks[drag]

    def _model_picture(self, editor: FaceEditor) -> Picture:
        """What the model made of the picture."""
        if self._before is None:
            self._before = editor.render(self.inversion())
        return self._before

    def result(self, editor: FaceEditor, number: int, on_progress: OnFraction | None = None) -> Edit:
        """The edit of a step on the layer's pixels. What ``on_progress`` raises passes through.

        Raises:
            PullfaceError: as ``latent``, or ``out_of_memory``.
        """
        after = editor.edited(self.inversion(), self.edits(number))
        x, y = self.record.rect[:2]
        return editor.composite(
            self.window(),
            self.crop,
            self._model_picture(editor),
            after,
            self.movable(number),
            offset=(x, y),
            seen=self.picture(),
            ways=self.ways(number),
            on_progress=on_progress,
        )

    # Drags and masks

    def mask_file(self, drag: int) -> Path:
        """Where the mask of a drag is kept."""
        return self.folder / f"mask-{drag}.npz"

    def begin_drag(
        self,
        from_step: int,
        pairs: Sequence[Sequence[Sequence[float]]],
        mask: Picture | None,
        options: dict[str, Any],
    ) -> DragRecord:
        """Saves that a drag begins.

        Args:
            from_step: the step whose latent it starts from.
            pairs: [N][2 (handle, target)][2 (x, y)].
            mask: uint8 [h, w] as large as the window, 255 = may move; None = everything may.
            options: as the client gave them.
        """
        if self.last_step >= MAX_STEPS:
            raise PullfaceError(
                "session_full",
                f"This session has {MAX_STEPS} steps and cannot take more.",
                "Take the result over as a layer and open that layer.",
            )
        number = len(self.record.drags)
        if mask is not None:
            write_atomically(self.mask_file(number), lambda file: np.savez_compressed(file, mask=mask))
        points = [[[float(x), float(y)] for x, y in pair] for pair in pairs]
        drag = DragRecord(number, from_step, self.last_step + 1, points, mask is not None, options)
        self.record.drags.append(drag)
        self.record.save(self.folder)
        return drag

    def end_drag(self, drag: DragRecord, outcome: str) -> None:
        """Saves how a drag ended."""
        drag.outcome = outcome
        self.record.save(self.folder)

    def mask(self, drag: int) -> Picture:
        """The mask of a drag that has one, uint8 [h, w]. Raises ``damaged_session``."""
        try:
            with open(self.mask_file(drag), "rb") as file, np.load(file, allow_pickle=False) as archive:
                mask = archive["mask"]
        except (OSError, ValueError, LookupError, TypeError, EOFError, BadZipFile, zlib.error) as error:
            raise damaged_session() from error
        if mask.dtype != np.uint8 or mask.shape != (self.record.rect[3], self.record.rect[2]):
            raise damaged_session()
        return mask

    def movable(self, number: int) -> Picture | None:
        """What may differ at a step, uint8 [h, w]: the union of the masks of the drags that led to it.

        None when one of them had no mask, or when none did anything.
        """
        return _together([drag for _, drag in self._drags_to(number)], self.mask)

    def edits(self, number: int) -> list[Edited]:
        """The drags that led to a step, the earliest first, at the model's size. Raises as ``latent``."""
        edits = []
        for step, drag in self._drags_to(number):
            kept = drag.masked and DragOptions.from_mapping(drag.options).keeps_mask
            mask = torch.from_numpy(self._crop_mask(drag.number)) if kept else None
            edits.append(Edited(self.latent(step.step), mask))
        return edits[::-1]

    def ways(self, number: int) -> list[list[list[list[float]]]]:
        """From where to where the handles went in each drag that led to a step, [N][2][2] a drag, the earliest first.

        Image space.
        """
        return [
            [[pair[0], handle] for pair, handle in zip(drag.pairs, step.handles)]
            for step, drag in self._drags_to(number)
        ][::-1]

    def _drags_to(self, number: int) -> Iterator[tuple[StepRecord, DragRecord]]:
        """The drags that led to a step, the latest first, each with the step of its own on the way there."""
        while number != 0:
            step = self.step(number)
            drag = self.record.drags[step.drag]
            yield step, drag
            number = drag.from_step


def _together(drags: Sequence[DragRecord], mask_of: Callable[[int], NDArray[Any]]) -> NDArray[Any] | None:
    """The union of the masks of drags; None when one of them has none, or when there are no drags."""
    if not drags or not all(drag.masked for drag in drags):
        return None
    return reduce(np.maximum, (mask_of(drag.number) for drag in drags))
