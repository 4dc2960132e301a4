"""Sub-pixel reading, following of patches, and the least-squares step, each against something computed otherwise."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from backend.engine.following import Follower
from backend.engine.holding import Held, calm_costs, fixed_costs
from backend.engine.jacobian import basis, corrected, pull_back
from backend.engine.least_squares import damped_step
from backend.engine.points import Taps

SIZE, SIDE = 128, 32


def waves(dx: float = 0.0, dy: float = 0.0, channels: int = 12) -> torch.Tensor:
    """A smooth map [C, m, m] whose content has been moved by (dx, dy) px."""
    random = torch.Generator().manual_seed(3)
    x = (torch.arange(SIDE) + 0.5) * SIZE / SIDE
    planes = []
    for _ in range(channels):
        a, b, phase = (torch.rand(3, generator=random) * 2 - 1).tolist()
        planes.append(
            torch.sin(0.12 * (a * (x[None] - dx) + b * (x[:, None] - dy)) + math.pi * phase)
            + 0.5 * torch.cos(0.07 * (b * (x[None] - dx) - a * (x[:, None] - dy)))
        )
    return torch.stack(planes)


def test_reading_equals_grid_sample_and_spreading_is_its_adjoint():
    torch.manual_seed(0)
    features = torch.randn(5, SIDE, SIDE)
    positions = torch.rand(40, 2) * (SIZE + 20) - 10
    taps = Taps.at(positions, SIZE / SIDE, (SIDE, SIDE))
    grid = (positions / SIZE * 2 - 1)[None, None]
    wanted = F.grid_sample(features[None], grid, align_corners=False, padding_mode="border")[0, :, 0].t()
    torch.testing.assert_close(taps.read(features), wanted, atol=1e-4, rtol=1e-4)
    values, group = torch.randn(40, 5), torch.randint(0, 3, (40,))
    maps = taps.spread(values, group, 3)
    for number in range(3):
        chosen = group == number
        torch.testing.assert_close(
            (maps[number] * features).sum(), (values[chosen] * taps.read(features)[chosen]).sum()
        )


def test_a_moved_patch_is_found_to_a_fraction_of_a_pixel():
    handles = torch.tensor([[40.0, 50.0], [41.0, 50.0], [90.3, 30.7], [20.0, 110.0]])
    follower = Follower(waves(), handles, (SIZE, SIZE))
    for dx, dy in ((0.0, 0.0), (0.4, -0.3), (2.1, 1.7), (-3.0, 2.5)):
        found = follower.find(waves(dx, dy), handles, handles, 12.0)
        moved = handles + torch.tensor([dx, dy])  # a cell is 4 px
        torch.testing.assert_close(found.positions, moved, atol=0.25, rtol=0)
        assert (found.confidence > 0.9).all()


def test_positions_do_not_drift_on_a_long_way_there_and_back():
    handles = torch.tensor([[60.0, 60.0]])
    follower = Follower(waves(), handles, (SIZE, SIZE))
    positions = handles
    for step in [*range(1, 16), *range(14, -1, -1)]:
        positions = follower.find(waves(step, -0.5 * step), positions, positions, 12.0).positions
    torch.testing.assert_close(positions, handles, atol=0.05, rtol=0)


def test_in_a_flat_map_a_handle_is_where_it_is_expected():
    random = torch.Generator().manual_seed(1)
    features = waves()
    features[:, 8:24, 8:24] = 0.2 + 1e-3 * torch.randn(12, 16, 16, generator=random)
    handles = torch.tensor([[64.0, 64.0]])
    follower = Follower(features, handles, (SIZE, SIZE))
    later = features + 1e-3 * torch.randn(features.shape, generator=random)
    expected = handles + torch.tensor([[1.5, -1.0]])
    found = follower.find(later, expected, handles, 12.0)
    torch.testing.assert_close(found.positions, expected, atol=0.4, rtol=0)


def test_a_patch_that_is_gone_has_no_confidence():
    handles = torch.tensor([[60.0, 60.0], [90.0, 40.0]])
    follower = Follower(waves(), handles, (SIZE, SIZE))
    torch.manual_seed(5)
    found = follower.find(torch.randn(12, SIDE, SIDE) * 2, handles, handles, 12.0)
    assert (found.confidence < 0.3).all()
    assert (torch.linalg.norm(found.positions - handles, dim=1) <= 12.0 + 1e-3).all()


def test_motion_maps_tell_how_far_the_content_moved():
    handles = torch.tensor([[40.0, 50.0], [90.0, 30.0], [20.0, 110.0]])
    follower = Follower(waves(), handles, (SIZE, SIZE))
    maps = follower.motion_maps(waves(), handles, torch.arange(6))
    moved = (maps * (waves(0.3, -0.2) - waves())).sum(dim=(1, 2, 3)).reshape(3, 2)
    torch.testing.assert_close(moved, torch.tensor([[0.3, -0.2]]).expand(3, 2), atol=0.06, rtol=0)
    torch.testing.assert_close(follower.motion_maps(waves(), handles, torch.tensor([3])), maps[3:4])


def test_rows_pulled_back_are_the_derivative():
    torch.manual_seed(0)
    unknowns = torch.randn(2, 3, requires_grad=True)
    weights = torch.randn(6, 4 * 5 * 5)
    features = torch.tanh(unknowns.reshape(1, -1) @ weights).reshape(1, 4, 5, 5)
    maps = torch.randn(7, 4, 5, 5)
    rows = pull_back(features, unknowns, maps)
    nudge = 1e-3 * torch.randn(2, 3)
    moved = torch.tanh((unknowns + nudge).reshape(1, -1) @ weights).reshape(1, 4, 5, 5) - features
    torch.testing.assert_close(
        rows @ nudge.flatten(), (maps * moved.detach()).sum(dim=(1, 2, 3)), atol=2e-3, rtol=0.02
    )


def test_the_step_minimises_what_it_says():
    torch.manual_seed(0)
    rows, wanted, centre = torch.randn(5, 30), torch.randn(5), torch.randn(30)
    step = damped_step(rows, wanted, centre, 0.7).requires_grad_(True)
    cost = (rows @ step - wanted).square().sum() + 0.7 * (step - centre).square().sum()
    (slope,) = torch.autograd.grad(cost, step)
    assert float(slope.abs().max()) < 1e-4


def held_problem():
    """What is held, a linear map from 20 unknowns to features, and its exact Jacobian of the weighted change."""
    torch.manual_seed(0)
    first, weights = torch.randn(6, 16, 16), torch.randn(20, 6 * 16 * 16)
    weights = weights * torch.logspace(0, -2, 20)[:, None]  # some unknowns change little of what is held
    mask = torch.zeros(64, 64)
    mask[:, 32:] = 1
    held = Held(first, 3.0 * fixed_costs(mask, (16, 16)), torch.ones(6), unknowns=20)

    def features(x):
        return first + (x @ weights).reshape(first.shape)

    exact = torch.stack([held.change(features(unit)).flatten() for unit in torch.eye(20)], dim=1)
    return held, features, lambda maps: maps.flatten(1) @ weights.t(), exact


def test_what_may_move_and_is_not_pulled_costs_too_on_a_feature_and_not_on_a_head():
    mask = torch.zeros(64, 64)
    mask[20:32, 16:44] = 1
    ways = torch.tensor([[[20.0, 28.0], [20.0, 22.0]]])
    costs = calm_costs(mask, (64, 64), ways)
    assert float(costs.sum()) == pytest.approx(1.0)
    assert not costs[mask == 0].any()
    # Next to nothing along the way, all of it some way off.
    assert float(costs[28, 40]) > 20 * float(costs[25, 20])
    assert float(costs[28, 40]) == pytest.approx(float(costs.max()), rel=1e-3)
    assert not calm_costs(torch.ones(64, 64), (64, 64), ways).any()
    # A map of other cells, a picture of another shape.
    assert calm_costs(mask[:, :32], (16, 8), ways).shape == (16, 8)


def test_only_what_is_held_costs_and_the_rows_give_the_slope():
    held, features, pull_back, exact = held_problem()
    first = features(torch.zeros(20))
    moved = first.clone()
    moved[:, :, 8:] += 5.0
    assert float(held.change(moved).square().sum()) == 0
    moved[:, :, :8] += 2.0
    assert float(held.change(moved).square().sum()) == pytest.approx(3.0 * 4.0, rel=1e-3)
    x = torch.randn(20)
    change = held.change(features(x))
    held.begin(change, pull_back)
    rows, wishes = held.rows()
    torch.testing.assert_close(rows[0] * wishes[0], -exact.t() @ change.flatten(), atol=1e-3, rtol=1e-3)
    assert len(rows) == 1


def test_directions_that_steps_found_are_held_back():
    """Steps are held back in the directions that those before found; after a few the rows know all that matters."""
    held, features, pull_back, exact = held_problem()
    held.begin(held.change(features(torch.zeros(20))), pull_back)
    asked = torch.randn(1, 20)
    costs = []
    for _ in range(6):
        rows, _ = held.rows()
        rows = torch.cat([10 * asked, 30 * rows])
        wishes = torch.zeros(len(rows))
        wishes[0] = 10.0
        change = held.change(features(damped_step(rows, wishes, torch.zeros(20), 1e-2)))
        costs.append(float(change.square().sum()))
        held.begin(change, pull_back)
    assert costs[-1] < 0.25 * costs[0]
    # Directions stay orthonormal or nothing, so nothing counts twice.
    known, wishes = held.rows()
    gram = exact.t() @ exact
    for vector in torch.randn(5, 20):
        assert float((known[: len(held._directions)] @ vector).square().sum()) < 1.01 * float(
            vector @ gram @ vector
        )


def test_sums_of_motions_are_those_of_the_single_ones():
    handles = torch.tensor([[40.0, 50.0], [90.3, 30.7], [20.0, 110.0]])
    follower = Follower(waves(), handles, (SIZE, SIZE))
    features = waves(0.8, -0.5)
    shares = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(1))
    single = follower.motion_maps(features, handles + 1, torch.arange(6))
    sums = follower.motion_sums(features, handles + 1, shares)
    torch.testing.assert_close(sums, torch.einsum("rm,mchw->rchw", shares.flatten(1), single))


def test_rows_are_corrected_along_some_directions_and_nowhere_else():
    torch.manual_seed(0)
    right, rows, asked = torch.randn(6, 9), torch.randn(6, 9), torch.randn(2, 6)
    along = basis(torch.stack([asked[0], 3 * asked[0], asked[1]]))
    assert len(along) == 2  # the second adds nothing
    better = corrected(rows, along, along @ right)
    torch.testing.assert_close(asked @ better, asked @ right)
    across = torch.linalg.svd(asked).Vh[2:]
    torch.testing.assert_close(across @ better, across @ rows)
