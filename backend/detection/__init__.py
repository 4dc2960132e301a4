"""Finds faces in pictures, drawings first of all: `find_faces`. Its network and what it was trained on: README.md."""

from .finding import find_faces
from .framing import frame
from .squares import FoundFace

__all__ = ["FoundFace", "find_faces", "frame"]
