"""The rows of the drag tables: every drag engine, and the comparisons from the paper that run here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.engine import DragOptions
from backend.engine import engines as registered
from backend.errors import PullfaceError

from . import latent_transformer, optical_flow  # both register their engines, too

NO_EDIT = "no-edit"
REFERENCE = "reference"
PUBLISHED_LAMBDA = 20.0


@dataclass(frozen=True)
class Row:
    """One way to drag.

    name: as it is chosen and shown. engine: see `engines.names()`; None does nothing. options: what this row
    changes, by the names of `DragOptions`.
    """

    name: str
    engine: str | None
    options: Mapping[str, Any] = field(default_factory=dict)

    def drag_options(self, common: Mapping[str, Any], steps: int) -> DragOptions:
        """Of this row, over those `common` to all; raises PullfaceError "bad_options"."""
        assert self.engine is not None
        return DragOptions.from_mapping({**common, **self.options, "engine": self.engine, "steps": steps})


def available(masked: bool, generator: Any = None) -> dict[str, Row]:
    """All rows but "no-edit", by name.

    Args:
        masked: whether the drags have a mask; without one its weight λ is nothing to compare.
        generator: that is dragged; rows that were made for another one are left out. None = leave out none.
    """
    found = {name: Row(name, name) for name in registered.names()}
    if generator is not None and not latent_transformer.fits(generator):
        found.pop(latent_transformer.ENGINE)
    if masked:
        name = f"{REFERENCE}-lambda{PUBLISHED_LAMBDA:g}"
        found[name] = Row(name, REFERENCE, {"lambda_mask": PUBLISHED_LAMBDA})
    return found


def choose(wanted: Sequence[str] | None, masked: bool, generator: Any = None) -> list[Row]:
    """The rows to measure: "no-edit" always, then `wanted` in its order, or all; see `available`.

    Raises:
        PullfaceError: ``unknown_engine``, ``no_flow`` when OpenCV is missing for one of them, ``wrong_model`` when
            one of them was made for another generator.
    """
    if latent_transformer.ENGINE in (wanted or ()) and generator is not None:
        latent_transformer.require(generator)
    there = available(masked, generator)
    if optical_flow.ENGINE in (wanted or ()):
        optical_flow.require()
    for name in wanted or ():
        if name not in there and name != NO_EDIT:
            raise PullfaceError(
                "unknown_engine",
                f"There is no drag engine called “{name}” to measure.",
                f"Choose of: {', '.join(there)}."
                + ("" if masked else " With --mask around there is more to compare."),
            )
    names = [name for name in dict.fromkeys(wanted or there) if name != NO_EDIT]
    return [Row(NO_EDIT, None), *(there[name] for name in names)]
