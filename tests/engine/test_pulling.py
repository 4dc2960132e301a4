"""The motion that handles ask for by themselves, and when it takes the place of the model's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.engine.alignment import Crop
from backend.engine.change import Change
from backend.engine.compositing import composite
from backend.engine.pulling import known, own_motion, own_picture, pulled
from tests.engine.scene import draw, opaque

SIZE = 256
WHOLE = Crop(0, 0, SIZE)
CORNERS = torch.tensor([[[95.0, 174.0], [88.0, 166.0]], [[161.0, 174.0], [168.0, 166.0]]])


def face(height: float) -> np.ndarray:
    """RGB of a face whose mouth is at this part of the picture's height."""
    return draw(SIZE, mouth=(0.5, height)).copy()


def read(flow: torch.Tensor, place: tuple[int, int]) -> list[float]:
    x, y = place
    return [float(value) for value in flow[:, y, x]]


def test_handles_arrive_and_what_is_far_stays():
    flow, follows = own_motion([CORNERS], (SIZE, SIZE))
    for begin, end in CORNERS:
        x, y = (int(value) for value in end)
        assert read(flow, (x, y)) == pytest.approx((begin - end).tolist(), abs=0.5)
        assert follows[y, x] > 0.95
    assert abs(read(flow, (128, 174))[0]) < 0.1  # midway between two that go apart nothing goes sideways
    assert -0.1 < read(flow, (128, 174))[1] < 3  # and hardly up: a smile, no lift
    assert not flow[:, :100].any()
    assert not flow[:, 235:].any()


def test_a_lone_handle_takes_along_what_lies_across_its_pull():
    lid = torch.tensor([[[128.0, 100.0], [128.0, 109.0]]])
    flow, _ = own_motion([lid], (SIZE, SIZE))
    assert read(flow, (116, 109))[1] < -5  # most of the lid
    assert read(flow, (128, 130))[1] > -1.5  # but not what lies below it


@pytest.mark.parametrize("length", [2.0, 9.0, 25.0])
@pytest.mark.parametrize("direction", [0.0, 0.7, 1.6, 3.9])
def test_it_never_folds(length, direction):
    begin = torch.tensor([128.0, 128.0])
    end = begin + length * torch.tensor([np.cos(direction), np.sin(direction)], dtype=torch.float32)
    flow, _ = own_motion([torch.stack([begin, end])[None]], (SIZE, SIZE))
    (xy, xx), (yy, yx) = (torch.gradient(plane) for plane in flow)
    assert ((1 + xx) * (1 + yy) - xy * yx).min() > 0.2


def test_a_pin_holds_its_place():
    pin = torch.tensor([[[106.0, 170.0], [106.0, 170.0]]])
    free, _ = own_motion([CORNERS], (SIZE, SIZE))
    held, _ = own_motion([torch.cat([CORNERS, pin])], (SIZE, SIZE))
    assert free[:, 170, 106].norm() > 4 * held[:, 170, 106].norm()


def test_handles_that_contradict_each_other_meet():
    crossed = torch.tensor([[[120.0, 128.0], [126.0, 128.0]], [[126.0, 129.0], [120.0, 129.0]]])
    flow, _ = own_motion([crossed], (SIZE, SIZE))
    assert flow.abs().max() < 9


def test_a_second_drag_goes_on_where_the_first_ended():
    at_once = torch.tensor([[[95.0, 174.0], [88.0, 160.0]]])
    middle = torch.tensor([[[95.0, 174.0], [91.5, 167.0]]])
    further = torch.tensor([[[91.5, 167.0], [88.0, 160.0]]])
    whole, _ = own_motion([at_once], (SIZE, SIZE))
    parts, follows = own_motion([middle, further], (SIZE, SIZE))
    assert read(parts, (88, 160)) == pytest.approx(read(whole, (88, 160)), abs=1)
    assert follows[160, 88] > 0.9


def change_to(before: np.ndarray, after: np.ndarray) -> Change:
    return Change.between(before, after, torch.device("cpu"))


def test_where_the_model_knows_the_drawing_its_motion_counts():
    before, after = face(0.68), face(0.65)
    change = change_to(before, after)
    assert known(change, before, CORNERS) == 1
    assert torch.equal(pulled(change, before, [CORNERS], 0.3).motion.flow, change.motion.flow)
    sideways = torch.tensor([[[95.0, 174.0], [80.0, 174.0]]])
    moved = pulled(change, before, [sideways], 0.03).motion.flow
    assert moved[0].abs().max() < 2  # the model says up, and so it goes


def test_where_it_does_not_the_artists_line_goes_with_the_handles():
    source = face(0.68)
    # What the model made of it: another mouth, higher, which it moves down.
    before, after = face(0.63), face(0.66)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[140:205, 60:196] = 255
    window = opaque(source)
    edit = composite(
        window, (0, 0), WHOLE, change_to(before, after), mask, source, [CORNERS.numpy().astype(float)]
    )
    result = window.copy()
    x, y, width, height = edit.rect
    result[y : y + height, x : x + width] = edit.pixels
    dark = (255.0 - result[150:200, :, :3].mean(axis=2)).clip(120) - 120

    def line(column: int) -> float:
        return float((dark[:, column] * np.arange(150, 200)).sum() / dark[:, column].sum())

    assert line(90) < 170  # the corner is up where it was pulled, from 174,
    assert line(128) > line(90) + 3  # and the middle has stayed behind
    assert np.array_equal(result[mask == 0], window[mask == 0])


def test_a_head_moves_as_the_model_says_however_strange():
    source = face(0.68)
    before, after = face(0.60), face(0.63)
    change = change_to(before, after)
    assert known(change, source, CORNERS) < 0.1
    assert torch.equal(pulled(change, source, [CORNERS], 0.4).motion.flow, change.motion.flow)


def test_before_the_first_step_nothing_moves():
    source, other = face(0.68), face(0.60)
    still = torch.stack([CORNERS[:, 0], CORNERS[:, 0]], dim=1)
    change = pulled(change_to(other, other), source, [still], 0.03)
    assert not change.motion.flow.any()
    assert not change.motion.change.any()


def test_during_a_pull_the_artists_own_picture_is_shown_where_the_model_does_not_know_it():
    source, before = face(0.68), face(0.60)
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[140:205, 60:196] = 1
    picture = own_picture(before, source, mask, [CORNERS])
    assert picture is not None
    assert np.array_equal(picture[:130], source[:130])
    assert picture[166, 90].max() < source[166, 90].min()  # the line has come here
    assert np.array_equal(
        own_picture(before, source, mask, [torch.stack([CORNERS[:, 0], CORNERS[:, 0]], dim=1)]), source
    )
    assert own_picture(source, source, mask, [CORNERS]) is None
    assert own_picture(before, source, np.ones_like(mask), [CORNERS]) is None
