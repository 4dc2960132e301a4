"""The inversions that are compared: pivotal tuning as published, and ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from backend.engine.inversion_settings import (
    PUBLISHED_PIVOT_STEPS,
    PUBLISHED_TUNING_STEPS,
    InversionSettings,
)
from backend.errors import PullfaceError

METHODS = ("pti", "ours")
PUBLISHED_STEPS = (PUBLISHED_PIVOT_STEPS, PUBLISHED_TUNING_STEPS)
"""Of the projection and of the tuning (Roich et al. 2022 and their program)."""


def settings_of(
    method: str,
    pti_steps: Sequence[int] = PUBLISHED_STEPS,
    options: Mapping[str, Any] | None = None,
) -> InversionSettings:
    """How `method` inverts.

    Args:
        method: one of `METHODS`.
        pti_steps: of the published method; others than `PUBLISHED_STEPS` make it another method.
        options: changes to ours, by the names of `InversionSettings`.

    Raises:
        PullfaceError: ``bad_options``, no such method or setting.
    """
    if method == "pti":
        published = InversionSettings.of_method("pti")
        return replace(published, pivot_steps=pti_steps[0], tuning_steps=pti_steps[1])
    if method != "ours":
        raise PullfaceError(
            "bad_options", f"There is no method “{method}”.", f"Choose of: {', '.join(METHODS)}."
        )
    known = {field.name for field in fields(InversionSettings)}
    for name in options or {}:
        if name not in known:
            raise PullfaceError(
                "bad_options",
                f"There is no inversion setting “{name}”.",
                f"There are: {', '.join(sorted(known))}.",
            )
    return replace(InversionSettings.of_method(), **dict(options or {}))
