"""The directory of a zip archive whose files are not compressed, as PyTorch writes it.

Written anew so that nothing is copied or unpacked: an entry is a view of the archive, and what an archive claims about
sizes is checked against its own. Format: PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16 and 4.5.3.
"""

from __future__ import annotations

import struct

from .contents import UnreadableError, cut_off, damaged

_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_LONGEST_COMMENT = 65535
_IN_64 = 0xFFFFFFFF


class Archive:
    """The files of an archive, by name.

    Args:
        data: the archive.

    Raises:
        UnreadableError: it is cut off or damaged, or its directory is out of all proportion.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.size = len(data)
        self._places: dict[str, tuple[int, int, int]] = {}
        count, size, start = self._directory()
        # An entry of 50 bytes becomes an object of 300; PyTorch's directories are a few thousandths of the file.
        if start + size > len(data) or count > size // _ENTRY.size or size > len(data) // 6 + 4096:
            raise damaged("its directory does not fit")
        position = start
        for _ in range(count):
            position = self._entry(position, start + size)

    def names(self) -> list[str]:
        """All files."""
        return list(self._places)

    def find(self, name: str) -> memoryview | None:
        """A file's content, or ``None``.

        Raises:
            UnreadableError: it is compressed, or lies outside the archive.
        """
        place = self._places.get(name)
        if place is None:
            return None
        start, size, method = place
        if method != 0:
            raise UnreadableError(
                "is a compressed archive, not a model", "Unpack it and choose the model in it."
            )
        try:
            local = _LOCAL.unpack_from(self._data, start)
        except struct.error:
            raise cut_off() from None
        start += _LOCAL.size + local[9] + local[10]
        if local[0] != b"PK\3\4" or size > len(self._data) - start:
            raise damaged("its directory does not fit")
        return self._data[start : start + size]

    def _directory(self) -> tuple[int, int, int]:
        """Count of the entries, size and start of the directory."""
        data = self._data
        window = max(0, len(data) - _LONGEST_COMMENT - _END.size)
        found = bytes(data[window:]).rfind(b"PK\5\6")
        if found < 0 or window + found + _END.size > len(data):
            raise cut_off()
        end = window + found
        _, _, _, _, count, size, start, _ = _END.unpack_from(data, end)
        if end >= _LOCATOR_64.size and bytes(data[end - _LOCATOR_64.size :][:4]) == b"PK\6\7":
            _, _, place, _ = _LOCATOR_64.unpack_from(data, end - _LOCATOR_64.size)
            if place + _END_64.size > len(data):
                raise damaged("its directory does not fit")
            *_, count, size, start = _END_64.unpack_from(data, place)
        return count, size, start

    def _entry(self, position: int, end: int) -> int:
        if position + _ENTRY.size > end:
            raise damaged("its directory does not fit")
        fields = _ENTRY.unpack_from(self._data, position)
        method, packed, size = fields[4], fields[8], fields[9]
        name_length, extra_length, comment_length, start = fields[10], fields[11], fields[12], fields[16]
        after = position + _ENTRY.size + name_length
        if fields[0] != b"PK\1\2" or after + extra_length + comment_length > end:
            raise damaged("its directory does not fit")
        name = str(self._data[position + _ENTRY.size : after], "utf-8", "replace")
        size, packed, start = self._sizes_64(after, extra_length, size, packed, start)
        if method == 0 and size != packed:
            raise damaged("its directory does not fit")
        self._places[name] = (start, size, method)
        return after + extra_length + comment_length

    def _sizes_64(self, position: int, length: int, *values: int) -> list[int]:
        """The values, those that did not fit into 32 bits from the entry's extra field."""
        result = list(values)
        end = position + length
        while position + 4 <= end:
            tag, size = struct.unpack_from("<HH", self._data, position)
            position += 4
            if tag == 1:
                wide = min(position + size, end)
                for index, value in enumerate(result):
                    if value == _IN_64 and position + 8 <= wide:
                        (result[index],) = struct.unpack_from("<Q", self._data, position)
                        position += 8
                break
            position += size
        return result
