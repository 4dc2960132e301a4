"""The libraries that travel with the plug-in are found before all others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gimp_plugin.pullface import vendored
from installer.editors.wheels import this_system


def test_only_what_fits_this_python_and_this_system_is_used(tmp_path: Path) -> None:
    for name in (
        "any",
        "cp310-linux-x86_64",
        "cp311-linux-x86_64",
        "cp312-linux-x86_64",
        "cp312-macos",
        "cp27-none",
    ):
        (tmp_path / name).mkdir()
    python = f"cp3{min(sys.version_info[1], 12)}"
    fitting = [tmp_path / name for name in (f"{python}-{this_system()}", "any")]
    assert vendored.folders(tmp_path) == [folder for folder in fitting if folder.is_dir()]
    assert vendored.folders(tmp_path / "nothing") == []


def test_they_come_first_and_once(tmp_path: Path) -> None:
    (tmp_path / "any/msgpack").mkdir(parents=True)
    (tmp_path / "any/msgpack/__init__.py").write_text("version = 'ours'")
    code = f"""
import sys
from pathlib import Path
from gimp_plugin.pullface.vendored import use_vendored
use_vendored(Path({str(tmp_path)!r}))
use_vendored(Path({str(tmp_path)!r}))
import msgpack
print(msgpack.version, sys.path.count({str(tmp_path / "any")!r}))
"""
    root = Path(__file__).resolve().parents[2]
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout.split() == ["ours", "1"]
