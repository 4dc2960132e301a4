from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from backend.engine import Crop, FaceEditor, InversionSettings
from backend.engine.change import Change
from backend.engine.device import choose_device, memory_guard
from backend.engine.face_editor import KEPT_GENERATORS
from backend.errors import PullfaceError

from .conftest import small_model

PAIR = [[[30.5, 30.5], [40.5, 30.5]]]


def code_of(call) -> str:
    with pytest.raises(PullfaceError) as caught:
        call()
    return caught.value.code


def test_out_of_order_and_mixed_up_calls_get_readable_errors(editor, inversion, picture):
    assert code_of(lambda: editor.drag(None, PAIR)) == "not_inverted"
    assert code_of(lambda: editor.render(None)) == "not_inverted"
    assert code_of(lambda: editor.invert(picture[:32])) == "wrong_picture_size"
    assert code_of(lambda: editor.invert(picture.astype(np.float32))) == "wrong_picture_size"
    assert code_of(lambda: editor.render(inversion, torch.zeros(1, 3, 5))) == "wrong_model"
    other = FaceEditor(small_model(64, seed=1))
    assert code_of(lambda: other.drag(inversion, PAIR)) == "wrong_model"
    assert code_of(lambda: FaceEditor(small_model(32)).render(inversion)) == "wrong_model"


def test_two_pictures_do_not_disturb_each_other(editor, picture, inversion):
    second = editor.invert(255 - picture, settings=InversionSettings(4, 4))
    first_drag, second_drag = editor.drag(inversion, PAIR), editor.drag(second, PAIR)
    shown = [editor.render(one) for one in (inversion, second)]
    for _ in range(2):
        next(first_drag)
        next(second_drag)
    assert np.array_equal(editor.render(inversion), shown[0])
    assert np.array_equal(editor.render(second), shown[1])
    assert not np.array_equal(*shown)


def test_only_few_tuned_generators_are_held(editor, model, inversion):
    shown = editor.render(inversion)
    for _ in range(KEPT_GENERATORS + 1):
        tensors, metadata = inversion.to_tensors()
        editor.render(type(inversion).from_tensors(tensors, metadata))
    gc.collect()
    assert len(editor._tuned) == KEPT_GENERATORS
    assert np.array_equal(editor.render(inversion), shown)
    editor.forget()
    assert np.array_equal(editor.render(inversion), shown)


def test_a_picture_through_inversion_drag_and_compositing(editor, picture, inversion):
    layer = np.dstack([np.kron(picture, np.ones((3, 3, 1), np.uint8)), np.full((192, 192), 255, np.uint8)])
    crop = Crop(0, 0, 192)
    mask = np.zeros((192, 192), np.uint8)
    mask[30:150, 40:180] = 255
    *_, last = editor.drag(inversion, [[[30.5, 30.5], [36.5, 30.5]]], mask=mask[1::3, 1::3])
    before, after = editor.render(inversion), last.preview()
    edit = editor.composite(layer, crop, before, after, mask)
    assert edit.changed.any()
    x, y, width, height = edit.rect
    still = mask[y : y + height, x : x + width] == 0
    assert not edit.changed[still].any()
    moved = editor.composite(layer, Crop(5, 7, 192), before, after, mask, offset=(5, 7))
    assert moved.rect == (x + 5, y + 7, width, height)
    assert np.array_equal(moved.pixels, edit.pixels)
    # What was inverted may be handed in, and then the layer is not looked at again.
    given = editor.composite(layer, crop, before, after, mask, seen=picture)
    assert np.array_equal(given.pixels, edit.pixels)
    other = editor.composite(layer, crop, before, after, mask, seen=255 - picture)
    assert not np.array_equal(other.pixels, edit.pixels)


def test_the_change_between_two_pictures_is_found_once(editor, picture, monkeypatch):
    asked = []

    def between(*pictures):
        asked.append(pictures)
        return original(*pictures)

    original = Change.between
    monkeypatch.setattr(Change, "between", between)
    editor.forget()
    layer = np.dstack([picture, np.full((64, 64), 255, np.uint8)])
    afters = [np.roll(picture, shift, axis=1) for shift in (2, 3, 4)]
    first, again, *_, last = (
        editor.composite(layer, Crop(0, 0, 64), picture, afters[number]) for number in (0, 0, 1, 0, 2, 0, 1)
    )
    assert len(asked) == 4  # 0, 1, 2, and 1 again, which 2 had pushed out
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.changed, last.changed)


def test_default_learning_rate_follows_the_scale_of_w(editor, model):
    assert editor.default_learning_rate() == pytest.approx(0.02 * float(model.w_std.square().mean().sqrt()))


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device().type in ("cpu", "cuda", "mps", "xpu")
    assert code_of(lambda: choose_device("abacus")) == "no_device"
    if not torch.cuda.is_available():
        assert code_of(lambda: choose_device("cuda")) == "no_device"
        assert code_of(lambda: FaceEditor(small_model(32), device="cuda")) == "no_device"


def test_a_failed_allocation_becomes_a_readable_error():
    def allocate():
        with memory_guard("hold this picture"):
            torch.empty(1 << 60, dtype=torch.uint8)

    assert code_of(allocate) == "out_of_memory"
    with pytest.raises(RuntimeError, match="something else"), memory_guard("test"):
        raise RuntimeError("something else")
