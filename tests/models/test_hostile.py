"""Files that want to run a program, to fill the memory, or that are broken: one sentence, and nothing happens."""

from __future__ import annotations

import builtins
import importlib
import io
import os
import pickle
import struct
import subprocess
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend import models
from backend.errors import PullfaceError
from backend.models import readers
from stylegan_ops import stylegan2
from stylegan_ops.discriminator import Discriminator

from . import formats
from .conftest import GENERATOR, randomised

CANARY = "canary"


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, function: Callable[..., Any] = os.system, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments or (f"touch {CANARY}",)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


def network(**changes: Any) -> formats.Persistent:
    """A small generator, as NVIDIA's programs write it, with weights replaced by name."""
    described = formats.persistent(randomised(stylegan2.Generator(**GENERATOR)))
    for name, value in changes.items():
        *path, last = name.split("__")
        state = described.description["state"]
        for part in path:
            state = state["_modules"][part].description["state"]
        place = next((state[group] for group in ("_parameters", "_buffers") if last in state[group]), state)
        place[last] = value
    return described


def nvidia(**changes: Any) -> bytes:
    return formats.pickled({"G_ema": network(**changes)})


class FromBytes:
    """A storage whose inner stream is given."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return torch.storage._load_from_bytes, (self.data,)


class Rebuilt:
    """A tensor of a storage that may be anything, and of any claimed shape."""

    def __init__(self, storage: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.arguments = (storage, 0, shape, strides, False, {})

    def __reduce__(self) -> tuple[Any, ...]:
        return torch._utils._rebuild_tensor_v2, self.arguments


def stream(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


CONST = (16, 4, 4)
STRIDES = (16, 4, 1)


def one_number() -> bytes:
    with warnings.catch_warnings():  # PyTorch would rather not be asked for these
        warnings.simplefilter("ignore")
        return stream(torch.zeros(1).storage())


# Code. Each gives the bytes of a file.


def code_at_the_top() -> bytes:
    return formats.pickled(Evil())


def code_beside_a_good_generator() -> bytes:
    return formats.pickled({"G_ema": network(), "training_set_kwargs": Evil()})


def code_in_an_old_protocol() -> bytes:
    return formats.pickled(Evil(), protocol=2)


def code_in_a_nested_storage() -> bytes:
    return nvidia(synthesis__b4__const=Rebuilt(FromBytes(stream(Evil())), CONST, STRIDES))


def code_in_a_nested_pickle() -> bytes:
    return nvidia(synthesis__b4__const=Rebuilt(FromBytes(pickle.dumps(Evil())), CONST, STRIDES))


def code_in_an_object_array() -> bytes:
    return nvidia(synthesis__b4__const=np.array([Evil()], dtype=object))


def code_in_an_attribute() -> bytes:
    return nvidia(synthesis__b4__conv1__up=Evil())


def code_in_an_archive() -> bytes:
    return formats.torch_file({"G_ema": network(), "x": Evil()})


def code_in_the_older_torch_form() -> bytes:
    return formats.torch_file({"G_ema": network(), "x": Evil()}, archive=False)


def code_in_a_tensorflow_variable() -> bytes:
    g = randomised(stylegan2.Generator(**GENERATOR))
    d = Discriminator(c_dim=0, img_resolution=16, channel_base=128, channel_max=16)
    file = formats.tensorflow(g, d.requires_grad_(False), {})
    file[2].variables.append(("x", np.array([Evil()], dtype=object)))  # type: ignore[attr-defined]
    return formats.pickled(file)


def code_by_eval() -> bytes:
    return formats.pickled(Evil(builtins.eval, f"open({CANARY!r}, 'w')"))


def code_by_getattr() -> bytes:
    return formats.pickled(Evil(getattr, "x", "upper"))


def code_by_import() -> bytes:
    return formats.pickled(Evil(importlib.import_module, "antigravity"))


def code_by_another_process() -> bytes:
    return formats.pickled(Evil(subprocess.Popen, ["touch", CANARY]))


def code_by_torch_load() -> bytes:
    return formats.pickled(Evil(torch.load, "x.pt"))


def code_by_numpy_load() -> bytes:
    return formats.pickled(Evil(np.load, "x.npy", None, True))


def code_by_an_allowed_name_that_is_not_to_be_called() -> bytes:
    return formats.pickled(Evil(torch.FloatStorage, 4))


def code_by_building_an_object_with_a_method() -> bytes:
    # REDUCE of a name that came out of a dict, not out of GLOBAL
    return b"\x80\x04}\x8c\x01x\x94\x8c\x06system\x94s)R."


# Memory


def memory_by_a_shape() -> bytes:
    return nvidia(synthesis__b4__const=Rebuilt(FromBytes(one_number()), (16, 1 << 17, 1 << 17), (0, 0, 0)))


def memory_by_one_number_repeated() -> bytes:
    return nvidia(synthesis__b4__const=Rebuilt(FromBytes(one_number()), CONST, (0, 0, 0)))


def memory_by_an_array_shape() -> bytes:
    # protocol 2: ndarray state with a shape of 2^40
    data = nvidia(synthesis__b4__const=np.zeros(CONST, np.float32))
    return data.replace(b"K\x10K\x04K\x04", b"\x8a\x06\x00\x00\x00\x00\x00\x01K\x04K\x04", 1)


def memory_by_bytes() -> bytes:
    return b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x" * 100 + b"."


def memory_by_a_byte_array() -> bytes:
    return b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x" * 100 + b"."


def memory_by_a_text() -> bytes:
    return b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"x" * 100 + b"."


def memory_by_a_negative_text() -> bytes:
    return b"\x80\x02T" + struct.pack("<i", -1) + b"x" * 100 + b"."


def memory_by_a_number() -> bytes:
    return b"\x80\x02\x8b" + struct.pack("<I", 1 << 31) + b"\1" * 100 + b"."


def memory_by_a_frame() -> bytes:
    return b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"]" * 400 + b"."


def memory_by_a_million_lists() -> bytes:
    return b"\x80\x02" + b"]" * 2_000_000 + b"."


def memory_by_a_million_references() -> bytes:
    return b"\x80\x02]" + b"2" * 2_000_000 + b"."


def memory_by_doubling() -> bytes:
    double = b"".join(bytes([0x68, i, 0x68, i, 0x86, 0x71, i + 1]) for i in range(200))
    return b"\x80\x02K\x01q\x00" + double + b"."


def memory_by_a_storage_count() -> bytes:
    data = one_number()
    return nvidia(
        synthesis__b4__const=Rebuilt(FromBytes(data[:-12] + struct.pack("<q", 1 << 40)), CONST, STRIDES)
    )


def memory_by_a_compressed_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    return buffer.getvalue()


def memory_by_an_archive_directory() -> bytes:
    data = bytearray(formats.torch_file({"G_ema": network()}))
    struct.pack_into("<H", data, data.rfind(b"PK\5\6") + 10, 0xFFFF)
    struct.pack_into("<Q", data, data.rfind(b"PK\6\6") + 32, 1 << 40)
    return bytes(data)


def memory_by_depth() -> bytes:
    return b"\x80\x02K\x01" + b"\x85" * 100_000 + b"."


def memory_by_depth_of_modules() -> bytes:
    inner = formats.Persistent("Block", {})
    for _ in range(100):
        inner = formats.Persistent("Block", {"_modules": {"x": inner}})
    return formats.pickled({"G_ema": inner})


def memory_by_a_module_in_itself() -> bytes:
    outer = network()
    state = outer.description["state"]
    # A module that was met before, by reference: pickle cannot make one that holds itself, but a tree of doubles.
    inner = formats.Persistent("Block", {})
    for _ in range(40):
        inner = formats.Persistent("Block", {"_modules": {"a": inner, "b": inner}})
    state["_modules"]["x"] = inner
    return formats.pickled({"G_ema": outer})


def memory_by_a_key() -> bytes:
    # a dict whose key is a nest of pairs: hashing it takes for ever
    double = b"".join(bytes([0x68, i, 0x68, i, 0x86, 0x71, i + 1]) for i in range(100))
    return b"\x80\x02}K\x01q\x00" + double + b"K\x01s."


# Damage


def damage_by_truncation() -> bytes:
    return nvidia()[:-2000]


def damage_by_truncated_archive() -> bytes:
    return formats.torch_file({"G_ema": network()})[:-2000]


def damage_by_truncated_stream() -> bytes:
    return formats.torch_file(
        formats.rosinality(randomised(stylegan2.Generator(**GENERATOR))), archive=False
    )[:-100]


def damage_by_a_wrong_shape() -> bytes:
    return nvidia(synthesis__b16__conv1__weight=torch.zeros(9, 8, 3, 3))


def damage_by_a_shape_that_fits_no_neighbour() -> bytes:
    return nvidia(synthesis__b16__conv0__weight=torch.zeros(8, 15, 3, 3))


def damage_by_a_scalar() -> bytes:
    return nvidia(synthesis__b8__conv1__weight=torch.zeros([]))


def damage_by_an_empty_weight() -> bytes:
    return nvidia(synthesis__b4__const=torch.zeros(0, 4, 4))


def damage_by_nan() -> bytes:
    return nvidia(synthesis__b4__const=torch.full(CONST, float("nan")))


def damage_by_infinity() -> bytes:
    return nvidia(synthesis__b4__const=torch.full(CONST, float("inf")))


def damage_by_numbers_too_large_for_float32() -> bytes:
    return nvidia(synthesis__b4__const=torch.full(CONST, 1e300, dtype=torch.float64))


def damage_by_a_missing_weight() -> bytes:
    return nvidia(synthesis__b8__conv1__weight=None)


def damage_by_an_unknown_layer() -> bytes:
    described = network()
    extra = formats.persistent(torch.nn.Linear(4, 4))
    described.description["state"]["_modules"]["surprise"] = extra
    return formats.pickled({"G_ema": described})


def damage_by_a_layer_that_works_otherwise() -> bytes:
    return nvidia(synthesis__b8__conv0__up=4)


def damage_by_another_gain() -> bytes:
    return nvidia(synthesis__b8__conv1__affine__weight_gain=0.5)


def damage_by_grey_pictures() -> bytes:
    return formats.pickled(
        {"G_ema": formats.persistent(randomised(stylegan2.Generator(**{**GENERATOR, "img_channels": 1})))}
    )


def damage_by_a_network_that_is_none() -> bytes:
    return formats.torch_file({"state_dict": torch.nn.Linear(4, 4).state_dict()})


def damage_by_a_list() -> bytes:
    return pickle.dumps([1, 2, 3])


def damage_by_a_plain_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("network.pkl", nvidia())
    return buffer.getvalue()


def damage_by_html() -> bytes:
    return b"\n<!DOCTYPE html><html><head><title>Sign in</title></head></html>"


def damage_by_a_git_lfs_placeholder() -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 381673535\n"


def damage_by_nothing() -> bytes:
    return b""


def damage_by_a_picture() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(100)


def damage_by_protocol_0() -> bytes:
    return pickle.dumps({"G_ema": 1}, 0)


def damage_by_old_tensorflow() -> bytes:
    old = formats.Network()
    old.__dict__ = {"version": 3, "variables": [], "components": {}, "static_kwargs": {}}
    return formats.pickled((old, old, old))


HOSTILE = {
    name: value
    for name, value in sorted(globals().items())
    if name.startswith(("code_", "memory_", "damage_")) and callable(value)
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gets_a_sentence_and_changes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = HOSTILE[name]()
    path = tmp_path / "network.pkl"
    path.write_bytes(content)
    monkeypatch.setattr(os, "system", _forbidden)
    for opened in (models.find, models.load):
        if opened is models.find and name not in _SEEN_AT_ONCE:
            continue  # what lies in weights is seen when they are loaded
        with pytest.raises(PullfaceError) as caught:
            opened(path)
        assert caught.value.code == "bad_model"
        assert caught.value.message.startswith("“network.pkl” ")
        assert caught.value.message.endswith(".")
        assert caught.value.message.count("\n") == 0
        assert len(caught.value.message) < 250
        assert caught.value.hint
    assert [one.name for one in tmp_path.iterdir()] == ["network.pkl"]
    assert path.read_bytes() == content


def _forbidden(command: str) -> None:
    raise AssertionError(f"{command} was run")


_SEEN_AT_ONCE = {"code_at_the_top", "code_in_an_attribute", "damage_by_html", "damage_by_truncation"}

SENTENCES = {
    "code_at_the_top": "posix.system",
    "code_in_a_nested_storage": "posix.system",
    "code_in_an_object_array": "posix.system",
    "damage_by_nan": "no finite numbers",
    "damage_by_truncation": "not complete",
    "damage_by_html": "a web page",
    "damage_by_a_plain_zip": "a zip archive",
    "damage_by_a_wrong_shape": "synthesis.b16.conv0.weight is",
    "memory_by_a_million_lists": "memory",
}


@pytest.mark.skipif(os.name != "posix", reason="names its functions otherwise")
@pytest.mark.parametrize("name", SENTENCES)
def test_the_sentence_says_what_is_wrong(name: str, tmp_path: Path) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(HOSTILE[name]())
    with pytest.raises(PullfaceError, match=SENTENCES[name]):
        models.load(path)


def test_the_traps_are_traps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the readers refuse does harm where it is unpickled."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises((RuntimeError, pickle.UnpicklingError, ModuleNotFoundError)), formats.original_names():
        pickle.loads(nvidia())  # noqa: S301 - of our own making
    if os.name == "posix":
        pickle.loads(code_at_the_top())  # noqa: S301 - this is the harm: it makes a file in an empty folder
        assert (tmp_path / CANARY).exists()


def test_a_number_that_overflows_in_a_sum_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(nvidia(synthesis__b4__const=torch.full(CONST, 3e38)))
    assert models.load(path).generator.synthesis.b4.const.max() == 3e38  # type: ignore[union-attr]


def test_a_file_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(PullfaceError) as caught:
        models.load(tmp_path / "none.pkl")
    assert caught.value.code == "unknown_model"
    with pytest.raises(PullfaceError) as caught:
        readers.read(tmp_path / "none.pkl")
    assert caught.value.code == "bad_model"


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.startswith("memory_")])
def test_a_bomb_takes_no_more_than_four_times_its_size(name: str, tmp_path: Path) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(HOSTILE[name]())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        with pytest.raises(PullfaceError):
            models.load(path)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < max(4 * path.stat().st_size, 1 << 20)
