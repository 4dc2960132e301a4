"""The augmentations before the discriminator: strengths, gradients, and ADA's rule."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from backend.training.augment import AdaptiveAugment, DiffAugment, NoAugment


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def pictures(n: int = 16) -> Tensor:
    return torch.rand(n, 3, 32, 32) * 2 - 1


def test_with_p_0_nothing_changes() -> None:
    x = pictures()
    assert torch.equal(AdaptiveAugment(p=0)(x), x)
    assert torch.equal(NoAugment()(x), x)


@pytest.mark.parametrize("augment", [AdaptiveAugment(p=0.8), DiffAugment()], ids=["ada", "diffaugment"])
def test_gradients_reach_the_pictures(augment: AdaptiveAugment | DiffAugment) -> None:
    x = pictures().requires_grad_(True)
    y = augment(x)
    assert y.shape == x.shape
    assert bool(y.isfinite().all())
    assert not torch.equal(y, x)
    y.square().sum().backward()
    assert x.grad is not None
    assert (x.grad.flatten(1).abs().amax(dim=1) > 0).all()


def test_more_p_changes_more_pictures() -> None:
    x = pictures(200)

    def changed(p: float) -> float:
        difference = (AdaptiveAugment(p=p)(x) - x).abs().mean(dim=[1, 2, 3])
        return float((difference > 1e-3).float().mean())

    few, many = changed(0.02), changed(0.5)
    assert 0.02 < few < 0.4
    assert many > 0.9


def test_ada_moves_up_when_the_discriminator_is_sure_and_down_when_it_is_not() -> None:
    augment = AdaptiveAugment(target=0.6, images=100)
    sure, unsure = torch.ones(8, 1), torch.cat([torch.ones(4, 1), -torch.ones(4, 1)])
    for _ in range(3):
        augment.observe(sure)
    assert augment.p == 0
    augment.observe(sure)
    assert augment.p == pytest.approx(0.32)
    for _ in range(4):
        augment.observe(unsure)
    assert augment.p == 0
    for _ in range(40):
        augment.observe(sure)
    assert augment.p == 1
    fixed = AdaptiveAugment(p=0.3, fixed=True)
    for _ in range(8):
        fixed.observe(sure)
    assert fixed.p == 0.3


def test_ada_goes_on_where_it_was() -> None:
    first, second = AdaptiveAugment(images=50), AdaptiveAugment(images=50)
    for _ in range(6):
        first.observe(torch.ones(8, 1))
    second.restore(first.state())
    for augment in (first, second):
        augment.observe(torch.ones(8, 1))
        augment.observe(torch.ones(8, 1))
    assert first.p == second.p > 0


def test_ada_keeps_pictures_in_place_when_only_colours_change() -> None:
    """Rotations about the grey axis and the like leave the mean colour of a grey picture grey."""
    matrix = AdaptiveAugment(p=1.0)._colour(64)
    grey = torch.tensor([0.3, 0.3, 0.3, 1.0])
    result = matrix @ grey
    torch.testing.assert_close(result[:, 0], result[:, 1], atol=1e-5, rtol=0)
    torch.testing.assert_close(result[:, 1], result[:, 2], atol=1e-5, rtol=0)


def test_diffaugment_shifts_by_at_most_an_eighth_and_cuts_a_hole() -> None:
    augment = DiffAugment()
    x = torch.zeros(300, 3, 32, 32)
    x[:, :, 16, 16] = 100.0
    y = augment(x).mean(dim=1)
    brightest = y.flatten(1).argmax(dim=1)
    shown = y.flatten(1).amax(dim=1) > 20
    rows, columns = brightest // 32, brightest % 32
    assert (rows[shown] - 16).abs().max() == 4
    assert (columns[shown] - 16).abs().max() == 4
    assert 0.05 < 1 - shown.float().mean() < 0.5  # the hole took some
