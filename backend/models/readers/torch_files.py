"""PyTorch's two file formats, without ``torch.load``: a stream of pickles and raw numbers, and an archive.

The stream is the format before PyTorch 1.6 (``torch/serialization.py``): three pickles with a magic number, a version
and facts on the machine, the object, the keys of its storages, and then each storage's count and numbers. NVIDIA's
pickles hold one such stream for each tensor.
"""

from __future__ import annotations

import struct
from typing import Any

from .archives import Archive
from .contents import ITEM_BYTES, cut_off, damaged
from .machine import Machine, Maker
from .plain import NAMES, PLAIN, LateBytes, Numbers, raw, storage_kind, whole

MAGIC = 0x1950A86A20F9469CFC6C
"""The stream's first pickle."""

_COUNT = struct.Struct("<q")


class _Placed:
    """A storage that lies somewhere in the file; where is known once the object has been read."""

    def __init__(self, kind: str, count: int) -> None:
        self.kind, self.count = kind, count
        self.data: memoryview | None = None

    def numbers(self) -> tuple[str, str, memoryview]:
        """See `Storage`."""
        if self.data is None:
            raise cut_off()
        return self.kind, "<", self.data


class _Nested:
    """A storage inside bytes that hold a stream of their own."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def numbers(self) -> tuple[str, str, memoryview]:
        """See `Storage`."""
        storage = read_stream(raw(self._data))
        if not isinstance(storage, _Placed):
            raise damaged("a storage is missing")
        return storage.numbers()


def _nested(machine: Machine, arguments: tuple[Any, ...]) -> _Nested:
    data = arguments[0] if arguments else None
    if not isinstance(data, memoryview | LateBytes):
        raise damaged("a storage is missing")
    return _Nested(data)


MAKERS: dict[str, Maker] = {**PLAIN, "torch.storage._load_from_bytes": _nested}
"""What model files may use."""


def read_stream(data: memoryview) -> Any:
    """The object in a stream, as plain data.

    Raises:
        UnreadableError: it is cut off, damaged, or names something that no model needs.
    """
    storages: dict[str, _Placed] = {}

    def find(reference: Any) -> _Placed:
        kind, key, count = _reference(reference)
        # The sixth entry places a storage within another one; files from PyTorch 0.4 on have none.
        if len(reference) > 5 and reference[5] is not None:
            raise damaged("a storage within a storage")
        found = storages.setdefault(key, _Placed(kind, count))
        if (found.kind, found.count) != (kind, count):
            raise damaged("a storage that is told of twice")
        return found

    # A storage of its own has some hundred bytes around it, whatever the file's size.
    machine = Machine(data, MAKERS, NAMES, find)
    if machine.run() != MAGIC:
        raise damaged("a storage does not begin as one")
    machine.run()
    machine.run()
    result = machine.run()
    keys = machine.run()
    position = machine.position
    if not isinstance(keys, list) or len(keys) != len(storages):
        raise damaged("its storages are not complete")
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None or storage.data is not None:
            raise damaged("its storages are not complete")
        if len(data) - position < _COUNT.size:
            raise cut_off()
        (count,) = _COUNT.unpack_from(data, position)
        if count != storage.count:
            raise damaged("a storage of the wrong size")
        position += _COUNT.size
        size = count * ITEM_BYTES[storage.kind]
        if size > len(data) - position:
            raise cut_off()
        storage.data = data[position : position + size]
        position += size
    return result


def read_archive(archive: Archive) -> Any:
    """The object in an archive that `torch.save` wrote, as plain data.

    Raises:
        UnreadableError: it is cut off, damaged, or names something that no model needs.
    """
    pickles = [name for name in archive.names() if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise damaged("an archive with several models")
    folder = pickles[0].removesuffix("data.pkl")
    order = ">" if archive.find(f"{folder}byteorder") == b"big" else "<"

    def find(reference: Any) -> Numbers:
        kind, key, count = _reference(reference)
        content = archive.find(f"{folder}data/{key}")
        if content is None:
            raise damaged("a storage is missing")
        if len(content) != count * ITEM_BYTES[kind]:
            raise damaged("a storage of the wrong size")
        return Numbers(kind, order, content)

    data = archive.find(pickles[0])
    assert data is not None
    return Machine(data, MAKERS, NAMES, find, budget=3 * archive.size).run()


def _reference(value: Any) -> tuple[str, str, int]:
    """Kind, key and count of a storage."""
    if not isinstance(value, tuple) or len(value) < 5 or value[0] != "storage":
        raise damaged("it refers to something outside")
    if not isinstance(value[2], str):
        raise damaged("a storage without a key")
    return storage_kind(value[1]), value[2], whole(value[4])
