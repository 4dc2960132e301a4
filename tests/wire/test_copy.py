"""The folder as the editors get it: alone, under another name, with nothing but pyzmq and msgpack."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgpack
import zmq

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(file.stem for file in (ROOT / "backend" / "wire").glob("*.py") if file.stem != "__init__")


def run(code: str, folder: Path) -> str:
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_copy_needs_pyzmq_and_msgpack_only(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "backend" / "wire", tmp_path / "bridge", ignore=shutil.ignore_patterns("__pycache__")
    )
    for package in (zmq, msgpack):
        source = Path(package.__file__).parent
        (tmp_path / source.name).symlink_to(source)
    libraries = Path(zmq.__file__).parents[1] / "pyzmq.libs"
    if libraries.is_dir():
        (tmp_path / "pyzmq.libs").symlink_to(libraries)
    assert len(MODULES) > 8
    code = f"for name in {MODULES!r}: __import__('bridge.' + name)\nprint('backend' in sys.modules)"
    assert run(code, tmp_path).strip() == "False"


def test_folders_and_connection_need_the_standard_library_only() -> None:
    code = (
        "import backend.wire.folders, backend.wire.connection, backend.wire.processes\n"
        "print([name for name in ('zmq', 'msgpack', 'numpy') if name in sys.modules])"
    )
    assert run(code, ROOT).strip() == "[]"


def test_the_msgpack_without_compiled_parts_will_do() -> None:
    """On some editors' Pythons only the pure-Python msgpack loads; it must be as hard to break."""
    site = Path(msgpack.__file__).parents[1]
    code = (
        f"import os; os.environ['MSGPACK_PUREPYTHON'] = '1'; sys.path.append({str(site)!r})\n"
        "import msgpack; assert msgpack.Unpacker.__module__ == 'msgpack.fallback'\n"
        "from backend.wire.codec import decode, encode\n"
        "from backend.wire.errors import WireError\n"
        "from backend.wire.messages import Message\n"
        "message = Message('ping', 3, {'a': [1.5, None, 'ü']}, session='0' * 32)\n"
        "assert decode(encode(message)) == message\n"
        "bombs = [b'\\x91' * 200000 + b'\\xc0', b'\\xdd\\xff\\xff\\xff\\xff', b'\\xdf\\xff\\xff\\xff\\xff', b'\\xc1',\n"
        "         b'', b'\\xa4type', b'\\x81\\xa1a' * 60000 + b'\\xc0', b'\\xd9\\xff', b'\\xc6\\xff\\xff\\xff\\xff']\n"
        "for bomb in bombs:\n"
        "    try: decode([bomb])\n"
        "    except WireError as error: assert error.code == 'malformed'\n"
        "    else: raise SystemExit(bomb[:9])\n"
    )
    run(code, ROOT)
