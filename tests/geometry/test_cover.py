"""Balls and what they cover, against loops over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from stages.geometry import cover
from stages.geometry.cover import Balls, max_cover, to_others

NONE = np.zeros(0, dtype=np.int64)


def cloud(n: int, dims: int = 5) -> Tensor:
    return torch.randn(n, dims, generator=torch.Generator().manual_seed(0))


def distances(points: Tensor) -> Tensor:
    return (points.double()[:, None] - points.double()).norm(dim=2)


def halves(points: Tensor) -> tuple[Tensor, Tensor]:
    """Three clusters, the middle one empty, and how far apart they are."""
    clusters = 2 * (points[:, 0] > 0).long()
    return clusters, to_others(points, clusters)


POOLS = [
    pytest.param(cloud(300), 1.2, id="cloud"),
    pytest.param(cloud(300), 0.3, id="balls purer than asked"),
    pytest.param(cloud(300), 9, id="all within one ball"),
    pytest.param(cloud(300) + 1000, 1.2, id="far from the origin"),
    pytest.param(torch.cat([cloud(300), torch.full((1, 5), 1e7)]), 1.2, id="one far outlier"),
    pytest.param(cloud(20).repeat(10, 1), 1e-9, id="equal points and next to no radius"),
    pytest.param(torch.randint(0, 4, (300, 3), generator=torch.manual_seed(0)).float(), 1, id="a lattice"),
    pytest.param(torch.full((30, 3), 0.1), 0, id="all the same"),
]


@pytest.mark.parametrize("kept", [0, cover.KEPT])
@pytest.mark.parametrize(("points", "radius"), POOLS)
def test_balls_hold_what_is_nearer(points: Tensor, radius: float, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover, "KEPT", kept)
    monkeypatch.setattr(cover, "BLOCK", 2000)
    balls = Balls(points, radius, *halves(points))
    expected = distances(points)
    for index in range(len(points)):
        inside = (expected[index] < radius) | (expected[index] == 0)
        assert sorted(balls.of(index)) == inside.nonzero()[:, 0].tolist()
        assert balls.sizes[index] == inside.sum()
    some = np.arange(0, len(points), 3)
    inside = (expected < radius) | (expected == 0)
    assert balls.holding(some).tolist() == inside[some].sum(0).tolist()


def test_distance_to_the_nearest_of_another_cluster() -> None:
    points = cloud(200)
    for count in (2, 3, 7, 150):
        clusters = torch.randint(count, (200,), generator=torch.Generator().manual_seed(1))
        expected = distances(points).masked_fill(clusters[:, None] == clusters, torch.inf).amin(1)
        torch.testing.assert_close(to_others(points, clusters).double(), expected, rtol=1e-6, atol=0)
    assert to_others(points, torch.zeros(200, dtype=torch.int64)).isinf().all()


@pytest.mark.parametrize("kept", [0, cover.KEPT])
def test_same_picks_as_counting_anew_each_time(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover, "KEPT", kept)
    points = cloud(250)
    rank = np.random.default_rng(0).permutation(250)
    picks, gains = max_cover(Balls(points, 1.5, *halves(points)), 250, rank, NONE)
    inside = (distances(points) < 1.5).numpy()
    covered, chosen = np.zeros(250, dtype=bool), []
    for pick, gain in zip(picks, gains, strict=True):
        new = (inside & ~covered).sum(1)
        left = [i for i in range(250) if i not in chosen]
        assert pick == max(left, key=lambda i: (new[i], rank[i])) and gain == new[pick]
        covered |= inside[pick]
        chosen.append(pick)
    assert covered.all() and gains[-1] == 0  # then in the order of the rank


def test_a_smaller_budget_buys_the_first_of_a_larger() -> None:
    points, rank = cloud(100), np.arange(100)
    balls = Balls(points, 1.0, *halves(points))
    assert max_cover(balls, 5, rank, NONE)[0].tolist() == max_cover(balls, 50, rank, NONE)[0][:5].tolist()
