"""Motion that dies away at a border, and colours that are spread from one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.engine.fading import border_distance, fade
from backend.engine.membrane import membrane
from backend.engine.sharpening import enlarged


def test_the_distance_from_the_border() -> None:
    inside = np.zeros((40, 40), bool)
    inside[5:35, 8:32] = True
    distance = border_distance(inside, 100)
    assert (distance[~inside] == 0).all()
    assert distance[20, 8] == 1
    assert distance[20, 15] == 8
    assert distance[20, 20] == 12
    assert border_distance(inside, 3).max() == 3
    assert border_distance(np.ones((9, 9), bool), 50)[4, 4] == 5  # the grid's own border counts


@pytest.mark.parametrize("direction", [(9.0, 0.0), (-9.0, 0.0), (0.0, 9.0)])
def test_a_faded_motion_is_whole_inside_and_never_folds(direction: tuple[float, float]) -> None:
    support = torch.zeros(96, 96)
    support[:, 20:] = 1
    flow = torch.tensor(direction)[:, None, None].expand(2, 96, 96).clone()
    factors = fade(flow, support)
    assert (factors[:, :21] == 0).all()
    assert factors[48, 60] > 0.95
    faded = (flow * factors)[:, 48, 15:60]
    assert torch.diff(faded.norm(dim=0)).min() > -0.05  # it only grows
    # Where the picture is read from goes on from left to right, at no more than double the stretch.
    places = torch.arange(15, 60) + faded[0]
    assert torch.diff(places).min() > 0.3


def test_a_motion_that_arrives_close_to_the_border() -> None:
    """Squeezed against the border, what was 12 cells from it reaches 4."""
    support = torch.zeros(96, 96)
    support[:, 20:] = 1
    flow = torch.zeros(2, 96, 96)
    flow[0] = 8.0
    assert 24 + float((flow * fade(flow, support))[0, 48, 24]) > 30


def test_a_membrane_goes_on_smoothly_from_what_is_known() -> None:
    y, x = torch.meshgrid(torch.arange(50.0), torch.arange(61.0), indexing="ij")
    plane = torch.stack([0.3 * x - 0.1 * y, torch.full_like(x, 5.0)])
    known = torch.ones(50, 61)
    known[10:40, 12:50] = 0
    values = plane.clone()
    values[:, 10:40, 12:50] = 777.0  # does not count
    filled = membrane(values, known)
    torch.testing.assert_close(filled[:, known > 0], plane[:, known > 0])
    assert (filled[0] - plane[0]).abs().max() < 0.8  # of 18
    torch.testing.assert_close(filled[1], plane[1], atol=1e-3, rtol=0)
    assert (membrane(plane, torch.zeros(50, 61)) == 0).all()


def test_enlarging_sharpens_without_halos_and_keeps_thin_lines() -> None:
    small = torch.full((3, 40, 40), 0.8)
    small[:, :, 20:] = 0.3
    small[:, 10, :15] = 0.1
    soft = torch.nn.functional.avg_pool2d(small[None], 3, stride=1, padding=1, count_include_pad=False)[0]
    large = enlarged(soft, 4)
    plain = torch.nn.functional.interpolate(soft[None], [160, 160], mode="bicubic")[0]
    assert large.shape == (3, 160, 160)
    assert large.min() >= 0.1 - 0.06
    assert large.max() <= 0.8 + 0.06
    across = [(picture[0, 120] > 0.35) & (picture[0, 120] < 0.75) for picture in (large, plain)]
    assert 0 < int(across[0].sum()) <= 0.8 * int(across[1].sum())
    assert large[0, 40:44, 20].min() <= plain[0, 40:44, 20].min() + 0.02
