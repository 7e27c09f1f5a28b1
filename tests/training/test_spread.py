from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stages.training.spread import COLLAPSED, FLAT, effective_rank, flat, spread


def test_nothing_spreads_where_all_point_one_way() -> None:
    one_way = torch.ones(50, 8) * torch.rand(50, 1)
    assert spread(one_way) < 1e-3 < COLLAPSED


def test_it_is_one_where_all_cancel_out() -> None:
    torch.manual_seed(0)
    assert spread(torch.cat([torch.eye(8), -torch.eye(8)])) == 1
    assert 0.95 < spread(torch.randn(500, 64)) <= 1


def test_it_is_the_root_of_the_summed_variances_at_length_one() -> None:
    torch.manual_seed(0)
    points = torch.rand(40, 5, dtype=torch.float64)
    at_length_one = points / points.norm(dim=1, keepdim=True)
    expected = at_length_one.var(dim=0, unbiased=False).sum().sqrt()
    assert abs(spread(points) - float(expected)) < 1e-6


def test_the_rank_counts_the_directions_in_which_points_vary() -> None:
    both_ways = torch.cat([torch.eye(8), -torch.eye(8)])
    assert effective_rank(both_ways) == pytest.approx(8)
    assert effective_rank(both_ways[[0, 1, 2, 8, 9, 10]]) == pytest.approx(3)
    assert effective_rank(both_ways[[0, 8]]) == pytest.approx(1)
    # whatever their lengths
    assert effective_rank(both_ways * torch.arange(1.0, 17)[:, None]) == pytest.approx(8)


def test_the_rank_sees_a_collapse_that_spread_does_not() -> None:
    """Two opposite clouds lie on a line: they spread as far as may be."""
    torch.manual_seed(0)
    line = torch.where(torch.arange(200)[:, None] % 2 == 0, 1.0, -1.0) * torch.eye(64)[:1] + 1e-3 * torch.randn(200, 64)
    assert spread(line) > 0.99
    assert effective_rank(line) < 1.1


def test_the_rank_by_a_slow_loop_over_eigenvalues() -> None:
    points = np.random.default_rng(0).normal(size=(50, 6)) * [3, 2, 1, 1, 0.5, 0.1] + 0.7
    at_length_one = points / np.linalg.norm(points, axis=1, keepdims=True)
    shares = np.linalg.eigvalsh(np.cov(at_length_one.T))
    shares = shares / shares.sum()
    expected = math.exp(-sum(share * math.log(share) for share in shares))
    assert effective_rank(torch.from_numpy(points)) == pytest.approx(expected)


@pytest.mark.parametrize("one", [torch.ones(8), torch.rand(8), torch.zeros(8)])
def test_equal_points_have_no_rank(one: torch.Tensor) -> None:
    assert effective_rank(one.expand(20, 8)) == 0
    assert effective_rank(one[None]) == 0


def test_few_images_are_not_blamed_for_what_they_cannot_do() -> None:
    torch.manual_seed(0)
    for count in range(2, 8):
        healthy = torch.randn(count, 64)
        assert not flat(effective_rank(healthy), healthy)
    # of SwAV without batch norm, which was 9 points behind, and of the least that learnt
    assert flat(3.3, torch.empty(256, 64)) and not flat(5.0, torch.empty(256, 64))
    assert flat(FLAT - 0.1, torch.empty(256, 128)) and not flat(FLAT + 0.1, torch.empty(256, 128))
