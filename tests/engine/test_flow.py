from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.engine.flow import blur, change_map, estimate_motion, warp, widest

from .scene import draw


def as_tensor(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize(
    ("size", "shift"), [(64, (0.5, 3.0)), (128, (6.0, -4.0)), (128, (-1.5, 9.0)), (256, (12.0, 8.0))]
)
def test_a_moved_mouth_is_followed(size, shift):
    before = as_tensor(draw(size))
    moved = (0.5 + shift[0] / size, 0.68 + shift[1] / size)
    after = as_tensor(draw(size, mouth=moved))
    motion = estimate_motion(before, after)
    x, y = round(moved[0] * size), round(moved[1] * size)
    # Along the mouth's line only the motion across it can be seen, so both are judged at its ends.
    at = motion.flow[:, y - 1 : y + 2, x - round(0.12 * size) : x + round(0.12 * size)]
    error = (at + torch.tensor(shift)[:, None, None]).norm(dim=0).mean()
    assert error < 0.35 * np.hypot(*shift)
    eyes = motion.flow[:, round(0.4 * size) : round(0.5 * size)]
    assert eyes.abs().max() < 0.3
    assert motion.confidence[y, x] > 0.7


def test_nothing_changed_is_exactly_nothing():
    picture = as_tensor(draw(64))
    motion = estimate_motion(picture, picture)
    assert not motion.flow.any()
    assert not motion.change.any()
    assert (motion.confidence == 1).all()
    # Rounding and a drift that nobody sees are nothing too.
    assert not change_map(picture, (picture + 1 / 255).clamp(0, 1)).any()


def test_flow_and_change_stay_near_what_changed():
    motion = estimate_motion(as_tensor(draw(128)), as_tensor(draw(128, bend=0.04)))
    assert motion.change[87, 64] > 0.9
    assert not motion.change[:60].any()
    assert not motion.flow[:, :55].any()


def test_what_no_motion_explains_has_no_confidence():
    motion = estimate_motion(as_tensor(draw(128)), as_tensor(draw(128, teeth=0.06)))
    assert motion.confidence[92, 58:71].min() < 0.3
    assert motion.confidence[:50].min() == 1


def test_a_change_of_light_keeps_its_lines():
    before = as_tensor(draw(128))
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    shade = 0.15 * torch.exp(-((x - 64) ** 2 + (y - 64) ** 2) / (2 * 30**2))
    motion = estimate_motion(before, before - shade)
    assert motion.change[64, 64] == 1
    assert motion.confidence.min() > 0.95
    assert motion.flow.norm(dim=0).mean() < 0.2


def test_warp_and_blur():
    image = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
    still = torch.zeros(2, 20, 30)
    torch.testing.assert_close(warp(image, still), image, atol=1e-5, rtol=0)
    right = still.clone()
    right[0] = 3
    torch.testing.assert_close(warp(image, right)[:, :, :-3], image[:, :, 3:], atol=1e-5, rtol=0)
    flat = torch.full((2, 9, 9), 0.7)
    torch.testing.assert_close(blur(flat, 2.0), flat)
    spot = torch.zeros(1, 21, 21)
    spot[0, 10, 10] = 1
    soft = blur(spot, 1.5)[0]
    assert float(soft.sum()) == pytest.approx(1, abs=1e-4)
    offsets = torch.arange(21.0) - 10
    assert float((soft.sum(dim=0) * offsets**2).sum()) == pytest.approx(1.5**2, rel=0.05)


def test_the_widest_within_a_reach():
    planes = torch.rand(2, 9, 14, generator=torch.Generator().manual_seed(0)) - 0.5
    for reach in (1, 2, 5):
        square = torch.nn.functional.max_pool2d(planes, 2 * reach + 1, stride=1, padding=reach)
        assert torch.equal(widest(planes, reach), square)


def test_many_pictures_are_warped_as_one_is():
    pictures = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    flows = 3 * torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    many = warp(pictures, flows)
    for picture, flow, warped in zip(pictures, flows, many, strict=True):
        assert torch.equal(warp(picture, flow), warped)
