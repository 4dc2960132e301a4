"""Stands in for a pull: what the canvas sees of it, without a backend. Also sent into Krita, so it imports nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class FakePull:
    def __init__(self, pairs: Any) -> None:
        self.pairs = pairs
        self.selected: Any = None
        self.source = SimpleNamespace(exists=lambda: True, selection_bounds=lambda: self.selected)
        self.area = SimpleNamespace(movable="automatic", grow=0, feather=0)
        self.crop_choice = "layer"
        self.crop: Any = None
        self.aspect = 1.0
        self.faces: Any = ()
        self.drawn_crop: Any = None
        self.preview: Any = None
        self.edit: Any = None
        self.mask: Any = None
        self.can_edit_pairs = True
        self.can_move_targets = True
        self.can_stop = False
        self.observers: list[Any] = []
        self.pairs.changed = lambda: self.tell("pairs")

    def observe(self, function: Any) -> Any:
        self.observers.append(function)
        return lambda: self.observers.remove(function)

    def tell(self, topic: str) -> None:
        for function in list(self.observers):
            function(topic)

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self.tell("state")
