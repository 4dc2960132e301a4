"""Words for people: sizes, durations and the one exception that carries a sentence."""

from __future__ import annotations


class InstallError(Exception):
    """Something that stops the installation and that the user can cure.

    Attributes:
        message: one plain sentence.
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def megabytes(count: float) -> str:
    """A size in megabytes as people say it: 180 MB, 2.6 GB."""
    return f"{count / 1000:.1f} GB" if count >= 1000 else f"{count:.0f} MB"


def duration(seconds: float) -> str:
    """A duration as people say it: 8 s, 2 min 5 s."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
