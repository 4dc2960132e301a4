"""Which Qt the plugin's tests run with. PULLFACE_TEST_QT (5 or 6) asks for one; else the first one that works."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def trouble_with(major: str) -> str | None:
    """Why this Qt cannot be used here; None when it can. Asked in another process: a broken Qt ends its own."""
    code = f"from PyQt{major} import QtWidgets; QtWidgets.QApplication(['try'])"
    try:
        answer = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return f"PyQt{major} hangs"
    if answer.returncode == 0:
        return None
    lines = answer.stderr.strip().splitlines() or [f"it ends with status {answer.returncode}"]
    return f"PyQt{major} does not work here: {lines[-1]}"


_asked = os.environ.get("PULLFACE_TEST_QT", "")
_troubles: dict[str, str | None] = {}
for _major in [_asked] if _asked else ["5", "6"]:
    _troubles[_major] = trouble_with(_major)
    if _troubles[_major] is None:
        importlib.import_module(f"PyQt{_major}.QtCore")  # the plugin takes what is loaded
        break
else:
    # Mostly a system library is missing: libGL.so.1, libEGL.so.1 (Debian: libgl1, libegl1).
    pytest.skip("; ".join(text for text in _troubles.values() if text), allow_module_level=True)
