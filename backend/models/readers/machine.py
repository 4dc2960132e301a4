"""A pickle machine that can only build plain data.

Python's own unpickler looks names up and calls what it finds. This one knows the opcodes of protocols 2 to 5 and
nothing else: a name is checked against a table, and what stands in the table are functions of ours that put data
together. There is no import, no attribute access and no call of anything that the file names.

Memory is bounded before it is taken: each opcode has a price, about the bytes of what it makes, and the prices may not
exceed three times the file's size, or a megabyte where that is more. Long texts and bytes are not copied, they stay
views of the file.

Opcodes: the comments of Python's standard library module ``pickletools``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from .contents import UnreadableError, cut_off, damaged

LONG_TEXT = 4096
"""Texts of more bytes than this are not decoded: they are source code, or bytes in disguise."""

_LEAST = 1024 * 1024
_LARGEST_NUMBER = 64

_TRUST = "Do not trust this file; get the model from its authors."


class Name:
    """A global that the file names; it is only ever compared, called by nobody."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class LongText:
    """A text that was not decoded."""

    __slots__ = ("utf8",)

    def __init__(self, utf8: memoryview) -> None:
        self.utf8 = utf8


class Thing:
    """An object of one of the allowed classes, without any of its behaviour.

    Attributes:
        kind: what it stands for.
        arguments: that it was made of.
        state: that it was given afterwards.
    """

    __slots__ = ("arguments", "kind", "state")

    def __init__(self, kind: str, arguments: tuple[Any, ...] = ()) -> None:
        self.kind = kind
        self.arguments = arguments
        self.state: Any = None


Maker = Callable[["Machine", tuple[Any, ...]], Any]
"""Makes data of a global's arguments."""

_MARK = object()


class Machine:
    """Runs the pickles in a buffer, one after the other.

    Args:
        data: the buffer; values may keep views of it.
        makers: what may be "called", by ``module.name``.
        names: globals that may be named but not called; all makers may be named, too.
        persistent: makes data of a persistent id; ``None`` where there may be none.
        start: where the first pickle begins.
        budget: bytes that may be taken; three times the buffer's size if not given. A megabyte always may.
    """

    def __init__(
        self,
        data: memoryview,
        makers: Mapping[str, Maker],
        names: frozenset[str] = frozenset(),
        persistent: Callable[[Any], Any] | None = None,
        start: int = 0,
        budget: int | None = None,
    ) -> None:
        self.data = data
        self.position = start
        self._makers = makers
        self._names = names
        self._persistent = persistent
        self._left = max(3 * len(data), _LEAST) if budget is None else max(budget, _LEAST)
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def spend(self, size: int) -> None:
        """Take so many bytes from the budget.

        Raises:
            UnreadableError: there are not so many left.
        """
        self._left -= size
        if self._left < 0:
            raise UnreadableError("claims to need far more memory than its size explains", _TRUST)

    def run(self) -> Any:
        """The next pickle's value; `position` stands behind it then.

        Raises:
            UnreadableError: it is cut off, damaged, or names something that no model needs.
        """
        self._stack.clear()
        self._marks.clear()
        self._memo.clear()
        data, end, table = self.data, len(self.data), _OPCODES
        try:
            while True:
                if self.position >= end:
                    raise cut_off()
                code = data[self.position]
                self.position += 1
                if code == _STOP:
                    return self._pop()
                step = table[code]
                if step is None:
                    raise damaged(f"it holds the opcode {code:#04x}")
                self._left -= _PRICES[code]
                if self._left < 0:
                    self.spend(0)
                step(self)
        finally:
            self._stack.clear()
            self._memo.clear()

    # Reading

    def _take(self, size: int) -> memoryview:
        if size < 0 or size > len(self.data) - self.position:
            raise cut_off()
        part = self.data[self.position : self.position + size]
        self.position += size
        return part

    def _number(self, form: struct.Struct) -> int:
        if form.size > len(self.data) - self.position:
            raise cut_off()
        number: int = form.unpack_from(self.data, self.position)[0]
        self.position += form.size
        return number

    def _byte(self) -> int:
        if self.position >= len(self.data):
            raise cut_off()
        self.position += 1
        return self.data[self.position - 1]

    def _line(self) -> str:
        # Names are short; a file without a line end must not be searched through.
        window = bytes(self.data[self.position : self.position + 512])
        length = window.find(b"\n")
        if length < 0:
            raise damaged("a name has no end")
        self.position += length + 1
        return window[:length].decode("utf-8", "replace")

    def _pop(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise damaged("a value is missing")
        return self._stack.pop()

    def _top(self, kind: type[Any]) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise damaged(f"a {kind.__name__} is missing")
        return self._stack[-1]

    def _to_mark(self) -> list[Any]:
        if not self._marks:
            raise damaged("a mark is missing")
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    # Opcodes

    def _skip_protocol(self) -> None:
        version = self._take(1)[0]
        if not 2 <= version <= 5:
            raise damaged(f"it says that it is a pickle of protocol {version}")

    def _frame(self) -> None:
        self._take(8)

    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _discard(self) -> None:
        self._pop()

    def _discard_to_mark(self) -> None:
        self._to_mark()

    def _twice(self) -> None:
        self._stack.append(self._top(object))

    def _long(self, form: struct.Struct) -> None:
        size = self._number(form)
        if size > _LARGEST_NUMBER:
            raise damaged("a number is too long")
        self._stack.append(int.from_bytes(self._take(size), "little", signed=True))

    def _text(self, size: int, encoding: str = "utf-8") -> None:
        raw = self._take(size)
        if size > LONG_TEXT:
            self._stack.append(LongText(raw))
            return
        self.spend(2 * size)
        try:
            self._stack.append(str(raw, encoding))
        except UnicodeDecodeError:
            raise damaged("a text is not Unicode") from None

    def _bytes(self, size: int) -> None:
        self._stack.append(self._take(size))

    def _tuple(self, size: int) -> None:
        values = [self._pop() for _ in range(size)]
        self._stack.append(tuple(reversed(values)))

    def _tuple_to_mark(self) -> None:
        self._stack.append(tuple(self._to_mark()))

    def _list_to_mark(self) -> None:
        self._stack.append(self._to_mark())

    def _dict_to_mark(self) -> None:
        values = self._to_mark()
        self._stack.append({})
        self._put(values)

    def _set_to_mark(self) -> None:
        self._stack.append(frozenset(map(_key, self._to_mark())))

    def _append(self) -> None:
        value = self._pop()
        self._top(list).append(value)

    def _append_to_mark(self) -> None:
        values = self._to_mark()
        self._top(list).extend(values)

    def _put_one(self) -> None:
        value, key = self._pop(), self._pop()
        self._put([key, value])

    def _put_to_mark(self) -> None:
        self._put(self._to_mark())

    def _put(self, values: list[Any]) -> None:
        self.spend(50 * len(values))
        if len(values) % 2:
            raise damaged("a value is missing")
        target = self._top(dict)
        for key, value in zip(values[::2], values[1::2]):
            target[_key(key)] = value

    def _add_to_mark(self) -> None:
        values = self._to_mark()
        self.spend(60 * len(values))
        self._top(set).update(map(_key, values))

    def _get(self, index: int) -> None:
        try:
            self._stack.append(self._memo[index])
        except KeyError:
            raise damaged("it refers to a value that is not there") from None

    def _remember(self, index: int) -> None:
        self._memo[index] = self._top(object)

    def _remember_next(self) -> None:
        self._memo[len(self._memo)] = self._top(object)

    def _named(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise damaged("a name is missing")
        whole = f"{module}.{name}"
        if whole not in self._makers and whole not in self._names:
            raise UnreadableError(
                f"asks for “{whole[:80]}”, which no model needs; nothing of it was run",
                _TRUST,
            )
        self._stack.append(Name(whole))

    def _global(self) -> None:
        module = self._line()
        self._named(module, self._line())

    def _global_on_stack(self) -> None:
        name, module = self._pop(), self._pop()
        self._named(module, name)

    def _make(self) -> None:
        arguments, name = self._pop(), self._pop()
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise damaged("something is called that is no name")
        maker = self._makers.get(name.name)
        if maker is None:
            raise UnreadableError(
                f"asks to call “{name.name}”, which no model needs; nothing of it was run", _TRUST
            )
        self._stack.append(maker(self, arguments))

    def _build(self) -> None:
        state = self._pop()
        if isinstance(self._stack[-1] if self._stack else None, dict) and isinstance(state, dict):
            return  # a dict with attributes beside its entries: they are of no use to us
        self._top(Thing).state = state

    def _persistent_id(self) -> None:
        if self._persistent is None:
            raise damaged("it refers to something outside")
        self._stack.append(self._persistent(self._pop()))


def _key(value: Any) -> str | int | float | bool | None:
    """Only what is compared and hashed in constant time may be a key."""
    if value is None or isinstance(value, _KEYS):
        return value
    raise damaged("a key is neither text nor number")


_KEYS = (str, int, float)  # quicker than their union, and asked thousands of times

_STOP = ord(".")
_U1, _U2, _U4, _U8, _I4 = (struct.Struct(form) for form in ("<B", "<H", "<I", "<Q", "<i"))
_F8 = struct.Struct(">d")


def _push(make: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine._stack.append(make(machine))


_STEPS: dict[bytes, tuple[int, Callable[[Machine], None]]] = {
    b"\x80": (0, Machine._skip_protocol),
    b"\x95": (0, Machine._frame),
    b"(": (40, Machine._mark),
    b"0": (0, Machine._discard),
    b"1": (0, Machine._discard_to_mark),
    b"2": (10, Machine._twice),
    b"N": (10, _push(lambda m: None)),
    b"\x88": (10, _push(lambda m: True)),
    b"\x89": (10, _push(lambda m: False)),
    b"J": (40, _push(lambda m: m._number(_I4))),
    b"K": (10, _push(Machine._byte)),
    b"M": (40, _push(lambda m: m._number(_U2))),
    b"\x8a": (50, lambda m: m._long(_U1)),
    b"\x8b": (50, lambda m: m._long(_U4)),
    b"G": (35, _push(lambda m: _F8.unpack(m._take(8))[0])),
    b"T": (120, lambda m: m._text(m._number(_I4), "latin-1")),
    b"U": (70, lambda m: m._text(m._byte(), "latin-1")),
    b"X": (120, lambda m: m._text(m._number(_U4))),
    b"\x8c": (70, lambda m: m._text(m._byte())),
    b"\x8d": (120, lambda m: m._text(m._number(_U8))),
    b"B": (200, lambda m: m._bytes(m._number(_U4))),
    b"C": (200, lambda m: m._bytes(m._byte())),
    b"\x8e": (200, lambda m: m._bytes(m._number(_U8))),
    b"\x96": (200, lambda m: m._bytes(m._number(_U8))),
    b"]": (70, _push(lambda m: [])),
    b"}": (80, _push(lambda m: {})),
    b"\x8f": (230, _push(lambda m: set())),
    b")": (10, _push(lambda m: ())),
    b"\x85": (60, lambda m: m._tuple(1)),
    b"\x86": (70, lambda m: m._tuple(2)),
    b"\x87": (80, lambda m: m._tuple(3)),
    b"t": (60, Machine._tuple_to_mark),
    b"l": (70, Machine._list_to_mark),
    b"d": (80, Machine._dict_to_mark),
    b"\x91": (230, Machine._set_to_mark),
    b"a": (10, Machine._append),
    b"e": (10, Machine._append_to_mark),
    b"s": (0, Machine._put_one),
    b"u": (0, Machine._put_to_mark),
    b"\x90": (0, Machine._add_to_mark),
    b"h": (10, lambda m: m._get(m._byte())),
    b"j": (10, lambda m: m._get(m._number(_U4))),
    b"q": (60, lambda m: m._remember(m._byte())),
    b"r": (60, lambda m: m._remember(m._number(_U4))),
    b"\x94": (60, Machine._remember_next),
    b"c": (100, Machine._global),
    b"\x93": (100, Machine._global_on_stack),
    b"R": (70, Machine._make),
    b"\x81": (70, Machine._make),
    b"b": (0, Machine._build),
    b"Q": (100, Machine._persistent_id),
}

_OPCODES: list[Callable[[Machine], None] | None] = [None] * 256
_PRICES = [0] * 256
for _code, (_price, _step) in _STEPS.items():
    _OPCODES[_code[0]] = _step
    _PRICES[_code[0]] = _price
