"""A user of their own and small libraries, for the tests of installing."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from installer.editors.wheels import Wheel


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of their own, so that nobody's Krita is touched."""
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "ada"))
    monkeypatch.setenv("PULLFACE_HOME", str(tmp_path / "pullface"))
    (tmp_path / "ada").mkdir()
    return tmp_path / "ada"


@pytest.fixture
def wheels(tmp_path: Path) -> tuple[list[Wheel], Path]:
    """Two wheels as small as can be, and the folder in which they lie."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    contents = {
        "pyzmq-27.3.0-cp312-abi3-manylinux_2_28_x86_64.whl": {
            "zmq/__init__.py": "__version__ = '27.3.0'",
            "zmq/backend/_zmq.abi3.so": "compiled",
            "zmq/tests/test_all.py": "",
            "pyzmq.libs/libzmq.so.5": "compiled",
        },
        "msgpack-1.2.4-cp312-cp312-manylinux_2_28_x86_64.whl": {
            "msgpack/__init__.py": "version = (1, 2, 4)",
            "msgpack/_cmsgpack.cpython-312-x86_64-linux-gnu.so": "compiled",
            "msgpack-1.2.4.dist-info/licenses/COPYING": "Apache",
        },
    }
    made = []
    for file, files in contents.items():
        with zipfile.ZipFile(folder / file, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        made.append(Wheel(file, hashlib.sha256((folder / file).read_bytes()).hexdigest()))
    return made, folder
