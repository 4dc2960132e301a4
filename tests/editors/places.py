"""Where an editor that the tests drive is: installed, or inside a folder made by debootstrap."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

AnyPlace = TypeVar("AnyPlace", bound="Place")


@dataclass(frozen=True)
class Place:
    """One editor.

    Attributes:
        root: a debootstrap folder with /proc, /dev and /tmp of this machine bound into it; None for the installed
            editor.
    """

    root: Path | None = None

    VARIABLE: ClassVar[str]
    """The environment variable that names the folder."""

    @classmethod
    def chosen(cls: type[AnyPlace]) -> AnyPlace:
        """The one that the variable names: empty for the installed one, else a folder."""
        folder = os.environ.get(cls.VARIABLE, "")
        return cls(Path(folder).resolve() if folder else None)

    @property
    def system(self) -> Path:
        """The folder that is / for this editor."""
        return self.root or Path("/")

    @property
    def name(self) -> str:
        """For file names: the folder's, or ``native``."""
        return self.root.name if self.root else "native"

    def command(self, program: str, variables: dict[str, str], *arguments: str) -> list[str]:
        """How to run a program of that system with exactly these variables."""
        assignments = [f"{name}={value}" for name, value in variables.items()]
        if self.root is None:
            program = shutil.which(program) or program
        inside = ["env", "-i", *assignments, program, *arguments]
        return inside if self.root is None else ["chroot", str(self.root), *inside]

    def unusable_root(self) -> str | None:
        """Why nothing can be run inside the folder, in one sentence; None when it can."""
        if self.root is None:
            return None
        if os.geteuid() != 0:
            return "an editor inside another folder (chroot) can be driven by root only"
        if not (self.root / "proc/self").exists():
            return f"/proc, /dev and /tmp are not bound into {self.root}"
        return None
