"""Reading planes by matrix products gives what looking up every pixel gives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from backend.engine.enlarging import Enlarger


def looked_up(planes: torch.Tensor, corner: tuple[int, int], side: int, box: tuple[int, ...], mode: str):
    """The same in double precision by `grid_sample`."""
    axes = [
        (torch.arange(box[axis], box[axis + 2], dtype=torch.float64) + 0.5 - corner[axis]) * (2 / side) - 1
        for axis in (0, 1)
    ]
    y, x = torch.meshgrid(axes[1], axes[0], indexing="ij")
    grid = torch.stack([x, y], dim=-1)[None]
    double = planes[None].double()
    return F.grid_sample(double, grid, mode=mode, padding_mode="border", align_corners=False)[0]


@pytest.mark.parametrize("cubic", [False, True])
@pytest.mark.parametrize(("size", "side"), [(16, 200), (16, 16), (64, 23), (7, 1000), (1, 30)])
@pytest.mark.parametrize("corner", [(0, 0), (-13, 5)])
def test_any_part_of_any_square(size: int, side: int, corner: tuple[int, int], cubic: bool) -> None:
    planes = torch.rand(3, size, size, generator=torch.Generator().manual_seed(1))
    enlarger = Enlarger(corner, side, torch.device("cpu"))
    x, y = corner
    for part in ((0, 0, side, side), (3, 5, 9, 6), (side - 1, 0, side, side), (-4, 2, side + 6, 11)):
        box = (x + part[0], y + part[1], x + part[2], y + part[3])
        result = enlarger(planes, box, cubic)
        mode = "bicubic" if cubic else "bilinear"
        torch.testing.assert_close(
            result.double(), looked_up(planes, corner, side, box, mode), atol=3e-6, rtol=0
        )


def test_the_values_that_a_part_reads() -> None:
    planes = torch.arange(100.0).reshape(1, 10, 10)
    enlarger = Enlarger((0, 0), 100, torch.device("cpu"))
    box = (40, 0, 60, 10)
    part = enlarger.part(planes, box)
    assert part[0, 0].tolist() == [2, 3, 4, 5, 6, 7]
    assert part[0, :, 0].tolist() == [2, 12, 22]
    # Nothing else matters.
    other = torch.full_like(planes, 1e6)
    other[:, :3, 2:8] = part
    for cubic in (False, True):
        assert torch.equal(enlarger(planes, box, cubic), enlarger(other, box, cubic))
