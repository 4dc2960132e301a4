"""What a procedure gives back to GIMP."""

from __future__ import annotations

import sys
from typing import Any

from gi.repository import Gimp, GLib, GObject

from ..obstacles import mistake


def success(procedure: Gimp.Procedure) -> Any:
    """It went well."""
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


def cancelled(procedure: Gimp.Procedure) -> Any:
    """The artist gave it up."""
    return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())


def failure(procedure: Gimp.Procedure, error: BaseException) -> Any:
    """It went wrong: GIMP shows the sentence and the hint. Details go to standard error."""
    message = getattr(error, "message", "")
    if message:
        text, details = f"{message} {getattr(error, 'hint', '')}".strip(), getattr(error, "details", "")
    else:
        defect = mistake(error)
        text, details = f"{defect.message} {defect.hint}", defect.details
    if details:
        sys.stderr.write(f"Pullface: {text}\n{details}\n")
    wrong_call = getattr(error, "code", "") in ("bad_points", "bad_options", "bad_crop", "bad_layer")
    kind = Gimp.PDBStatusType.CALLING_ERROR if wrong_call else Gimp.PDBStatusType.EXECUTION_ERROR
    return procedure.new_return_values(kind, GLib.Error(text))


def put(values: Any, place: int, kind: Any, value: Any) -> None:
    """Fills one of the returned values."""
    values.remove(place)
    values.insert(place, GObject.Value(kind, value))
