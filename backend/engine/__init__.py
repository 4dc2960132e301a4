"""Inversion, drag and compositing: pictures and points in, pictures out. Knows no sockets and no files."""

from backend.engine.alignment import Crop, choose_crop
from backend.engine.compositing import Edit, OnFraction
from backend.engine.cutting import extract, extract_mask
from backend.engine.drag import Drag, DragOptions, DragStep
from backend.engine.face_editor import FaceEditor
from backend.engine.inversion import Cancelled, Inversion, InversionProgress, InversionSettings
from backend.engine.keeping import Edited

__all__ = [
    "Cancelled",
    "Crop",
    "Drag",
    "DragOptions",
    "DragStep",
    "Edit",
    "Edited",
    "FaceEditor",
    "Inversion",
    "InversionProgress",
    "InversionSettings",
    "OnFraction",
    "choose_crop",
    "extract",
    "extract_mask",
]
