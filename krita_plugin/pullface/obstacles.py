"""What keeps Pullface from running in this Krita, in sentences. Runs on every Python 3 that Krita ever had."""

from __future__ import annotations

import sys
import traceback
from typing import NamedTuple, Optional

OLDEST_PYTHON = (3, 10)


class Obstacle(NamedTuple):
    """Why Pullface does not run.

    Attributes:
        text: one plain sentence.
        hint: what to do.
        details: for those who help.
    """

    text: str
    hint: str
    details: str = ""


def find_obstacle() -> Optional[Obstacle]:  # noqa: UP045  # this file runs on Python 3.8, too
    """The first thing that is missing; None when everything is there."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Obstacle(
            "This Krita is too old for Pullface.",
            "Update Krita to 5.2 or later.",
            "Python {}.{} in Krita, {}.{} or later needed".format(*sys.version_info[:2], *OLDEST_PYTHON),
        )
    try:
        from . import vendored

        try:
            vendored.use_vendored()
        except vendored.MissingLibraryError as error:
            return Obstacle(error.message, error.hint, error.details)
    except Exception as error:
        return _incomplete(error)
    try:
        from .backend.editing import pull  # noqa: F401
        from .docker import panel  # noqa: F401
    except Exception as error:
        return _incomplete(error)
    return None


def mistake(error: BaseException) -> Obstacle:
    """For a defect while starting."""
    return Obstacle(
        "Pullface could not start.",
        "Install it again: python3 install.py editors. If that does not help, report it with these details.",
        _details(error),
    )


def _incomplete(error: BaseException) -> Obstacle:
    return Obstacle(
        "A part of Pullface is missing.",
        "Install it again: python3 install.py editors. Then restart Krita.",
        _details(error),
    )


def _details(error: BaseException) -> str:
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return "Python {}.{}\n{}".format(*sys.version_info[:2], "".join(lines))
