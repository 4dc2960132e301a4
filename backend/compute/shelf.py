"""The models that a worker has loaded, each with its editor; the least used one goes."""

from __future__ import annotations

import gc
import hashlib
import logging
from collections import OrderedDict
from dataclasses import dataclass

import torch

from backend import models
from backend.engine import FaceEditor
from backend.engine.device import choose_device
from backend.models.model import Model

KEPT_MODELS = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A model that is ready.

    Attributes:
        editor: of this model.
        fingerprint: of its weights; inversions are found again by it.
    """

    editor: FaceEditor
    fingerprint: str


class Shelf:
    """Loads models when they are asked for.

    Args:
        device: "auto", or a torch device's name.
    """

    def __init__(self, device: str) -> None:
        self.device = choose_device(None if device == "auto" else device)
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()

    def names(self) -> list[str]:
        """The models that are loaded."""
        return list(self._loaded)

    def get(self, name: str) -> Loaded:
        """The model of that name or path.

        Raises:
            PullfaceError: ``unknown_model`` or ``bad_model``.
        """
        loaded = self._loaded.get(name)
        if loaded is None:
            model = models.load(name, str(self.device))
            loaded = Loaded(FaceEditor(model), fingerprint(model))
            self._loaded[name] = loaded
            _log.info("model %s is loaded", name)
            while len(self._loaded) > KEPT_MODELS:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(name)
        return loaded

    def free_memory(self) -> None:
        """Lets go of everything that can be made again."""
        for loaded in self._loaded.values():
            loaded.editor.forget()
        gc.collect()
        for kind in ("cuda", "xpu", "mps"):
            module = getattr(torch, kind, None)
            if self.device.type == kind and module is not None:
                module.empty_cache()


def fingerprint(model: Model) -> str:
    """A name for the model's weights, the same in every process."""
    digest = hashlib.sha256()
    for network in (model.generator, model.discriminator, model.encoder):
        if network is not None:
            for name, value in network.state_dict().items():
                digest.update(name.encode())
                digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
