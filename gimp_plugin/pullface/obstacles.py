"""What keeps Pullface from running in this GIMP, in sentences. Runs on every Python 3 that GIMP 3 ever had."""

from __future__ import annotations

import sys
import traceback

OLDEST_PYTHON = (3, 10)


class ObstacleError(Exception):
    """Why Pullface does not run.

    Attributes:
        message: one plain sentence.
        hint: what to do.
        details: for those who help.
    """

    def __init__(self, message: str, hint: str, details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


def check() -> None:
    """Makes everything importable that Pullface needs.

    Raises:
        ObstacleError: something is missing.
    """
    version = sys.version_info[:2]
    if version < OLDEST_PYTHON:
        raise ObstacleError(
            "The Python of this GIMP is too old for Pullface.",
            "Update GIMP.",
            "Python {}.{} in GIMP, {}.{} or later needed".format(*version, *OLDEST_PYTHON),
        )
    try:
        from . import vendored

        vendored.use_vendored()
        from .backend.editing import pull  # noqa: F401
    except Exception as error:
        raise ObstacleError(
            "A part of Pullface is missing.",
            "Install it again: python3 install.py editors. Then restart GIMP.",
            _details(error),
        ) from error


def mistake(error: BaseException) -> ObstacleError:
    """For a defect."""
    return ObstacleError(
        "Pullface made a mistake.",
        "Your picture is unchanged. Please report it with what GIMP has written to its error console.",
        _details(error),
    )


def _details(error: BaseException) -> str:
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return "Python {}.{}\n{}".format(*sys.version_info[:2], "".join(lines))
