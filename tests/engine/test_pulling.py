"""The motion that handles ask for by themselves, and when it takes the place of the model's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.engine.alignment import Crop
from backend.engine.change import Change
from backend.engine.compositing import composite
from backend.engine.own_motion import own_motion
from backend.engine.pulling import known, own_picture, pulled
from tests.engine.scene import draw, opaque

SIZE = 256
WHOLE = Crop(0, 0, SIZE)
EMPTY = torch.ones(3, SIZE, SIZE)
CORNERS = torch.tensor([[[95.0, 174.0], [88.0, 166.0]], [[161.0, 174.0], [168.0, 166.0]]])


def face(height: float) -> np.ndarray:
    """RGB of a face whose mouth is at this part of the picture's height."""
    return draw(SIZE, mouth=(0.5, height)).copy()


def motion(*drags: torch.Tensor, mask: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The handles' own in an empty picture."""
    own = own_motion(drags, EMPTY, mask_around(128, 140, 60, 60) if mask is None else mask)
    return own.flow, own.follows


def mask_around(x: int, y: int, across: int, down: int) -> torch.Tensor:
    mask = torch.zeros(SIZE, SIZE)
    mask[y - down : y + down, x - across : x + across] = 1
    return mask


def read(flow: torch.Tensor, place: tuple[int, int]) -> list[float]:
    x, y = place
    return [float(value) for value in flow[:, y, x]]


def test_handles_arrive_and_what_is_far_stays():
    flow, follows = motion(CORNERS)
    for begin, end in CORNERS:
        x, y = (int(value) for value in end)
        assert read(flow, (x, y)) == pytest.approx((begin - end).tolist(), abs=0.5)
        assert follows[y, x] > 0.95
    assert abs(read(flow, (128, 174))[0]) < 0.1  # midway between two that go apart nothing goes sideways
    assert -0.1 < read(flow, (128, 174))[1] < 3  # and hardly up: a smile, no lift
    assert not flow[:, :100].any()
    assert not flow[:, 235:].any()


LID = torch.tensor([[[128.0, 110.0], [128.0, 119.0]]])
EYE = mask_around(128, 122, 30, 24)


def test_a_lid_comes_down_over_the_iris_and_its_ends_stay():
    flow, _ = motion(LID, mask=EYE)
    assert read(flow, (128, 119))[1] == pytest.approx(-9, abs=0.5)
    assert read(flow, (120, 119))[1] < -5  # most of the lid
    assert read(flow, (128, 117))[1] == pytest.approx(
        read(flow, (128, 119))[1], abs=0.5
    )  # the lash is moved whole
    assert abs(read(flow, (128, 128))[1]) < 0.5  # the iris is covered and not squeezed
    assert abs(read(flow, (104, 122))[1]) < 0.5  # the eye's corner
    assert abs(read(flow, (128, 90))[1]) < 0.5  # and the brow


def test_a_thick_lash_moves_whole_and_the_thin_one_takes_little_skin_along():
    thick, thin = torch.ones(2, 3, SIZE, SIZE).unbind()
    thick[:, 103:112] = 0
    thin[:, 109:112] = 0
    moved = [read(own_motion([LID], lash, EYE).flow, (128, 113))[1] for lash in (thick, thin)]
    assert moved[0] < -8.5 < moved[1]


def test_what_a_lid_covers_is_what_was_there_and_shows_its_edge_sharply():
    own = own_motion([LID], EMPTY, EYE)
    stays = own.stays(0.6)
    assert stays[119, 128] == 0
    assert stays[122, 128] == 1
    assert own.flow[1, 121, 128] < -6  # up to the edge all goes along: nothing is squeezed
    assert ((stays > 0) & (stays < 1)).sum(dim=0).max() <= 1
    sideways = torch.tensor([[[128.0, 128.0], [134.0, 128.0]]])
    assert own_motion([LID, sideways], EMPTY, EYE).stays(0.6)[122, 128] == 0  # the second has moved that


def test_two_lids_one_after_the_other_both_cover():
    left, right = (torch.tensor([[[x, 110.0], [x, 119.0]]]) for x in (80.0, 176.0))
    both = torch.maximum(mask_around(80, 122, 30, 24), mask_around(176, 122, 30, 24))
    for drags in ([left, right], [torch.cat([left, right])]):
        stays = own_motion(drags, EMPTY, both).stays(0.6)
        assert stays[122, 80] == stays[122, 176] == 1
        assert stays[119, 80] == stays[119, 176] == 0


def test_a_closing_lid_covers_an_iris_on_the_layer():
    source = np.full((SIZE, SIZE, 3), 230, np.uint8)
    source[104:140, 116:140] = (40, 90, 200)  # an iris
    source[120:124, 122:126] = 255  # and a light in it, which the lid will just not reach
    source[108:112, 100:156] = 20  # the lash
    mask = (EYE.numpy() * 255).astype(np.uint8)
    window, blur_of_it = opaque(source), np.full_like(source, 180)
    lid = [np.array([[[128.0, 110.0], [128.0, 116.0]]])]
    edit = composite(window, (0, 0), WHOLE, change_to(blur_of_it, blur_of_it), mask, source, lid)
    result = window.copy()
    x, y, width, height = edit.rect
    result[y : y + height, x : x + width] = edit.pixels
    assert np.array_equal(result[121:140, 116:140], window[121:140, 116:140])
    lash = result[100:120, 128, :3].mean(axis=1) < 100
    assert lash[14:18].all()
    assert 3 <= lash.sum() <= 6  # as thick as it was


def test_a_lid_that_opens_leaves_the_skin_above_alone():
    flow, _ = motion(torch.tensor([[[128.0, 110.0], [128.0, 102.0]]]), mask=EYE)
    assert read(flow, (128, 102))[1] == pytest.approx(8, abs=0.5)
    assert abs(read(flow, (128, 94))[1]) < 0.5
    assert read(flow, (128, 110))[1] > 2  # what was under it is drawn out


def test_one_corner_of_a_mouth_bends_only_its_end():
    flow, _ = motion(CORNERS[:1], mask=mask_around(128, 174, 44, 26))
    x, y = (int(value) for value in CORNERS[0, 1])
    assert read(flow, (x, y)) == pytest.approx([7, 8], abs=0.6)
    assert abs(read(flow, (135, 174))[1]) < 0.8


def test_a_wide_mouth_is_one_feature():
    wide = torch.tensor([[[86.0, 174.0], [80.0, 164.0]], [[170.0, 174.0], [176.0, 164.0]]])
    flow, _ = motion(wide, mask=mask_around(128, 174, 56, 26))
    line = flow[1, 174, 90:167]
    assert 0.2 < line[38] < 3  # bent down to its middle,
    assert (torch.diff(line, n=2).abs() < 0.25).all()  # and evenly


def test_two_eyes_are_two_features():
    lids = torch.tensor([[[80.0, 110.0], [80.0, 118.0]], [[176.0, 110.0], [176.0, 118.0]]])
    both = torch.maximum(mask_around(80, 122, 30, 24), mask_around(176, 122, 30, 24))
    flow, _ = motion(lids, mask=both)
    alone, _ = motion(lids[:1], mask=mask_around(80, 122, 30, 24))
    assert torch.allclose(flow[:, :, :120], alone[:, :, :120], atol=0.3)
    assert flow[1, 118, 176] < -7


@pytest.mark.parametrize("length", [2.0, 9.0, 25.0])
@pytest.mark.parametrize("direction", [0.0, 0.7, 1.6, 3.9])
def test_it_never_folds(length, direction):
    begin = torch.tensor([128.0, 128.0])
    end = begin + length * torch.tensor([np.cos(direction), np.sin(direction)], dtype=torch.float32)
    flow, _ = motion(torch.stack([begin, end])[None])
    (xy, xx), (yy, yx) = (torch.gradient(plane) for plane in flow)
    assert ((1 + xx) * (1 + yy) - xy * yx).min() > 0


def test_a_pin_holds_its_place():
    pin = torch.tensor([[[106.0, 170.0], [106.0, 170.0]]])
    free, _ = motion(CORNERS)
    held, _ = motion(torch.cat([CORNERS, pin]))
    assert free[:, 170, 106].norm() > 4 * held[:, 170, 106].norm()


def test_handles_that_contradict_each_other_meet():
    crossed = torch.tensor([[[120.0, 128.0], [126.0, 128.0]], [[126.0, 129.0], [120.0, 129.0]]])
    flow, _ = motion(crossed)
    assert flow.abs().max() < 9


def test_a_second_drag_goes_on_where_the_first_ended():
    at_once = torch.tensor([[[95.0, 174.0], [88.0, 160.0]]])
    middle = torch.tensor([[[95.0, 174.0], [91.5, 167.0]]])
    further = torch.tensor([[[91.5, 167.0], [88.0, 160.0]]])
    whole, _ = motion(at_once)
    parts, follows = motion(middle, further)
    assert read(parts, (88, 160)) == pytest.approx(read(whole, (88, 160)), abs=1)
    assert follows[160, 88] > 0.9


def part(share: float) -> np.ndarray:
    """What may move: this part of the picture, around the mouth."""
    half = round(SIZE * share**0.5 / 2)
    return mask_around(128, 150, min(half, 106), min(half, 106)).numpy()


def change_to(before: np.ndarray, after: np.ndarray) -> Change:
    return Change.between(before, after, torch.device("cpu"))


def test_where_the_model_knows_the_drawing_its_motion_counts():
    before, after = face(0.68), face(0.65)
    change = change_to(before, after)
    assert known(change, before, CORNERS) == 1
    assert torch.equal(pulled(change, before, part(0.3), [CORNERS]).motion.flow, change.motion.flow)
    sideways = torch.tensor([[[95.0, 174.0], [80.0, 174.0]]])
    moved = pulled(change, before, part(0.03), [sideways]).motion.flow
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
    assert torch.equal(pulled(change, source, part(0.4), [CORNERS]).motion.flow, change.motion.flow)


def test_before_the_first_step_nothing_moves():
    source, other = face(0.68), face(0.60)
    still = torch.stack([CORNERS[:, 0], CORNERS[:, 0]], dim=1)
    change = pulled(change_to(other, other), source, part(0.03), [still])
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
