"""Intervals and distances whose true values are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.evaluation.estimates import bootstrap_interval, mahalanobis


def test_the_interval_is_that_of_the_normal_law_for_many_values() -> None:
    values = np.random.default_rng(3).normal(5.0, 2.0, 400)
    low, high = bootstrap_interval(values) or (0, 0)
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert bootstrap_interval(values) == (low, high)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(4)
    covered = 0
    for _ in range(60):
        interval = bootstrap_interval(random.exponential(1.0, 60), confidence=0.8)
        assert interval is not None
        covered += interval[0] <= 1.0 <= interval[1]
    assert 39 <= covered <= 57  # 48 are expected


def test_equal_values_leave_no_doubt_and_one_value_says_nothing_of_it() -> None:
    assert bootstrap_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)
    assert bootstrap_interval([2.0]) is None
    assert bootstrap_interval([]) is None


def test_mahalanobis_counts_in_deviations() -> None:
    covariance = torch.diag(torch.tensor([4.0, 0.25, 1.0]))
    change = torch.zeros(2, 3)
    change[0] = torch.tensor([2.0, 0.5, 0.0])  # one deviation along each of two axes
    change[1, 2] = 3.0
    assert mahalanobis(change, covariance) == pytest.approx(np.sqrt(1 + 1 + 9), rel=1e-5)
    assert mahalanobis(torch.zeros(2, 3), covariance) == 0


def test_mahalanobis_knows_what_varies_together() -> None:
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]])
    together = mahalanobis(torch.tensor([[1.0, 1.0]]), covariance)
    apart = mahalanobis(torch.tensor([[1.0, -1.0]]), covariance)
    assert together == pytest.approx(np.sqrt(2 / 1.9), rel=1e-4)
    assert apart == pytest.approx(np.sqrt(2 / 0.1), rel=1e-4)


def test_mahalanobis_of_random_latents_is_what_the_law_says() -> None:
    mixing = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    draws = torch.randn(4000, 2, 8, generator=torch.Generator().manual_seed(2)) @ mixing.t()
    covariance = mixing @ mixing.t()
    squares = [mahalanobis(one[:1] - one[1:], covariance) ** 2 for one in draws[:500]]
    assert np.mean(squares) == pytest.approx(2 * 8, rel=0.08)


def test_a_covariance_without_full_rank() -> None:
    covariance = torch.diag(torch.tensor([1.0, 0.0]))
    assert mahalanobis(torch.tensor([[2.0, 0.0]]), covariance) == pytest.approx(2.0, rel=1e-3)
    assert np.isfinite(mahalanobis(torch.tensor([[0.0, 1.0]]), covariance))
