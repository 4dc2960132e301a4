"""Which globals a model file may name, and the plain data that they become (see `machine`)."""

from __future__ import annotations

import codecs
import struct
from typing import Any

from .contents import ITEM_BYTES, MOST_AXES, Array, Storage, UnreadableError, contiguous, damaged
from .machine import LongText, Machine, Maker, Name, Thing

_LARGEST_SIZE = 1 << 40
_DECODED_AT_ONCE = 64 * 1024

STORAGE_KINDS = {
    "torch.FloatStorage": "f4",
    "torch.DoubleStorage": "f8",
    "torch.HalfStorage": "f2",
    "torch.BFloat16Storage": "bf16",
    "torch.LongStorage": "i8",
    "torch.IntStorage": "i4",
    "torch.ShortStorage": "i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
    "torch.BoolStorage": "b1",
}

_NUMPY_KINDS = {kind: kind for kind in ITEM_BYTES if kind != "bf16"}
_SCALAR_FORMS = {
    "f2": "e",
    "f4": "f",
    "f8": "d",
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "b1": "?",
}


class LateBytes:
    """Bytes that an old pickle wrote as a text of the characters 0 … 255; decoded when they are needed."""

    __slots__ = ("utf8",)

    def __init__(self, utf8: memoryview) -> None:
        self.utf8 = utf8

    def decode(self) -> memoryview:
        """The bytes themselves."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        result = bytearray(len(self.utf8))
        length = 0
        try:
            for start in range(0, len(self.utf8), _DECODED_AT_ONCE):
                part = decoder.decode(bytes(self.utf8[start : start + _DECODED_AT_ONCE])).encode("latin-1")
                result[length : length + len(part)] = part
                length += len(part)
            decoder.decode(b"", final=True)
        except UnicodeError:
            raise damaged("bytes that are none") from None
        return memoryview(result)[:length]


def raw(value: Any) -> memoryview:
    """The bytes in a pickled value.

    Raises:
        UnreadableError: there are none.
    """
    if isinstance(value, memoryview):
        return value
    if isinstance(value, LateBytes):
        return value.decode()
    raise damaged("bytes are missing")


class Numbers:
    """A storage of known kind. ``data`` is anything that `raw` takes."""

    def __init__(self, kind: str, order: str, data: Any) -> None:
        self._kind, self._order, self._data = kind, order, data

    def numbers(self) -> tuple[str, str, memoryview]:
        """See `Storage`."""
        return self._kind, self._order, raw(self._data)


def whole(value: Any) -> int:
    """A size or an offset: an integer of at least 0 that fits into a file.

    Raises:
        UnreadableError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_SIZE:
        raise damaged("a size is not a whole number")
    return value


def wholes(values: Any) -> tuple[int, ...]:
    """A shape or strides."""
    if not isinstance(values, tuple | list) or len(values) > MOST_AXES:
        raise damaged("an array without a shape")
    return tuple(whole(value) for value in values)


def array(value: Any) -> Array:
    """The tensor or NumPy array in a pickled value.

    Raises:
        UnreadableError: it is none.
    """
    if isinstance(value, Array):
        return value
    if isinstance(value, float):  # a NumPy scalar
        return Array(Numbers("f8", "<", memoryview(struct.pack("<d", value))), 0, (), ())
    if not isinstance(value, Thing) or value.kind != "ndarray":
        raise damaged("weights are missing")
    if not isinstance(value.state, tuple) or len(value.state) != 5:
        raise damaged("an array without content")
    _, shape, dtype, fortran, content = value.state
    return _numpy_array(content, dtype, wholes(shape), bool(fortran))


def _numpy_array(content: Any, dtype: Any, shape: tuple[int, ...], fortran: bool) -> Array:
    kind, order = _number_kind(dtype)
    if not isinstance(content, memoryview | LateBytes):
        raise damaged("an array without content")
    return Array(Numbers(kind, order, content), 0, shape, contiguous(shape, fortran))


def _number_kind(dtype: Any) -> tuple[str, str]:
    if not isinstance(dtype, Thing) or dtype.kind != "dtype":
        raise damaged("an array without a type")
    code = dtype.arguments[0] if dtype.arguments else None
    if not isinstance(code, str) or code not in _NUMPY_KINDS:
        raise UnreadableError("holds an array of objects, which no model needs; nothing of it was run")
    state = dtype.state
    big = isinstance(state, tuple) and len(state) > 1 and state[1] == ">"
    return code, ">" if big else "<"


# The makers. Each takes what the file gives as arguments and trusts nothing of it.


def _ordered_dict(machine: Machine, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    if arguments:
        raise damaged("a dict of an unknown form")
    machine.spend(80)
    return {}


def _set(machine: Machine, arguments: tuple[Any, ...]) -> set[Any]:
    values = arguments[0] if arguments else []
    if not isinstance(values, list) or not all(isinstance(value, str | int) for value in values):
        raise damaged("a set of an unknown form")
    machine.spend(230 + 60 * len(values))
    return set(values)


def _encoded(machine: Machine, arguments: tuple[Any, ...]) -> memoryview | LateBytes:
    text = arguments[0] if arguments else None
    if len(arguments) > 1 and arguments[1] not in ("latin1", "latin-1"):
        raise damaged("bytes in an unknown encoding")
    if isinstance(text, LongText):
        return LateBytes(text.utf8)
    if not isinstance(text, str):
        raise damaged("bytes that are none")
    machine.spend(200 + len(text))
    try:
        return memoryview(text.encode("latin-1"))
    except UnicodeEncodeError:
        raise damaged("bytes that are none") from None


def _thing(kind: str) -> Maker:
    return lambda machine, arguments: Thing(kind, arguments)


def _scalar(machine: Machine, arguments: tuple[Any, ...]) -> float:
    if len(arguments) != 2:
        raise damaged("a number of an unknown form")
    kind, order = _number_kind(arguments[0])
    try:
        (number,) = struct.unpack(order + _SCALAR_FORMS[kind], raw(arguments[1]))
    except struct.error:
        raise damaged("a number of the wrong length") from None
    assert isinstance(number, int | float)
    return number


def _from_buffer(machine: Machine, arguments: tuple[Any, ...]) -> Array:
    if len(arguments) not in (4, 5):
        raise damaged("an array of an unknown form")
    content, dtype, shape, order, *axes = arguments
    machine.spend(300)
    made = _numpy_array(content, dtype, wholes(shape), order == "F")
    return made.reordered(*wholes(axes[0])) if axes and axes[0] is not None else made


def _tensor(machine: Machine, arguments: tuple[Any, ...]) -> Array:
    if len(arguments) < 4:
        raise damaged("a tensor of an unknown form")
    storage, offset, shape, strides = arguments[:4]
    if not hasattr(storage, "numbers"):
        raise damaged("a tensor without content")
    held: Storage = storage
    array = Array(held, whole(offset), wholes(shape), wholes(strides))
    if len(array.shape) != len(array.strides):
        raise damaged("a tensor whose shape and strides differ")
    machine.spend(300)
    return array


def _parameter(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    if not arguments:
        raise damaged("a parameter without content")
    return arguments[0]


def _size(machine: Machine, arguments: tuple[Any, ...]) -> tuple[int, ...]:
    return wholes(arguments[0] if arguments else None)


def _nothing(machine: Machine, arguments: tuple[Any, ...]) -> None:
    return None


PLAIN: dict[str, Maker] = {
    "collections.OrderedDict": _ordered_dict,
    "dnnlib.util.EasyDict": _ordered_dict,
    "dnnlib.EasyDict": _ordered_dict,
    "builtins.set": _set,
    "__builtin__.set": _set,
    "_codecs.encode": _encoded,
    "argparse.Namespace": _thing("namespace"),
    "numpy.dtype": _thing("dtype"),
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.Size": _size,
    "torch.device": _nothing,
    "torch_utils.persistence._reconstruct_persistent_obj": _thing("persistent"),
    "dnnlib.tflib.network.Network": _thing("tensorflow network"),
}
"""What all model files may use, without the storages, which `torch_files` reads."""

for _module in ("numpy.core", "numpy._core"):
    PLAIN[f"{_module}.multiarray._reconstruct"] = _thing("ndarray")
    PLAIN[f"{_module}.multiarray.scalar"] = _scalar
    PLAIN[f"{_module}.numeric._frombuffer"] = _from_buffer

NAMES = frozenset(
    {"numpy.ndarray", *STORAGE_KINDS}
    | {f"torch.{name}" for name in ("float16", "bfloat16", "float32", "float64", "int64", "uint8", "bool")}
)
"""What may be named, but not called."""


def storage_kind(value: Any) -> str:
    """The kind of numbers that a storage's class holds.

    Raises:
        UnreadableError: it is no class of storages.
    """
    if isinstance(value, Name) and value.name in STORAGE_KINDS:
        return STORAGE_KINDS[value.name]
    raise damaged("a storage of an unknown kind")
