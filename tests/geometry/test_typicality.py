"""TypiClust against scikit-activeml and a loop, on clusters given and found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.geometry import typicality
from stages.geometry.typicality import mean_distances, typical

NONE = torch.zeros(0, dtype=torch.int64)


def cloud(n: int, dims: int = 8) -> Tensor:
    """Ten places of different density and size."""
    generator = torch.Generator().manual_seed(0)
    which = (10 * torch.rand(n, generator=generator).square()).long()
    spread = 0.5 + torch.rand(10, 1, generator=generator)
    middles = 2 * torch.randn(10, dims, generator=generator)
    return middles[which] + spread[which] * torch.randn(n, dims, generator=generator)


def ask(points: Tensor, budget: int, labelled: Tensor = NONE, smallest: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    return typical(points, budget, labelled, seed=0, max_clusters=500, neighbours=20, smallest=smallest)


def by_loop(points: Tensor, clusters: Tensor, labelled: list[int], budget: int, smallest: int) -> list[int]:
    """Anew for each image: the cluster with the fewest labels, then the largest, and the most typical in it."""
    of = clusters.tolist()
    size = {c: of.count(c) for c in set(of)}
    picks: list[int] = []
    while len(picks) < budget:
        told = labelled + picks
        open_ones = {of[i] for i in range(len(of)) if i not in told}
        large = [c for c in sorted(open_ones) if size[c] > smallest]
        cluster = min(large or sorted(open_ones), key=lambda c: (sum(of[i] == c for i in told), -size[c]))
        members = [i for i in range(len(of)) if of[i] == cluster]
        means = {}
        for i in members:
            others = sorted((points[i].double() - points[j].double()).norm().item() for j in members if j != i)
            near = others[: min(20, len(members) // 2)]
            means[i] = sum(near) / len(near) if near else float("inf")
        picks.append(min((i for i in members if i not in told), key=lambda i: means[i]))
    return picks


@pytest.mark.parametrize("labelled", [[], [3, 50, 51, 120, 121, 122]])
def test_same_picks_as_the_loop(labelled: list[int]) -> None:
    points = cloud(160)
    for budget in (1, 12, 60):
        picks, clusters, values = ask(points, budget, torch.tensor(labelled, dtype=torch.int64))
        assert picks.tolist() == by_loop(points, clusters, labelled, budget, 5)
        assert len(clusters.unique()) == len(labelled) + budget
        expected = mean_distances(points, clusters, 20)[picks]
        torch.testing.assert_close(values, torch.where(expected.isinf(), 0, 1 / expected))


@pytest.mark.parametrize("labelled", [[], [3, 50, 51]])
def test_same_picks_as_scikit_activeml_on_the_same_clusters(labelled: list[int]) -> None:
    """Theirs counts up to all of a cluster as neighbours, ours up to half; theirs passes over labelled clusters."""
    from skactiveml.pool import TypiClust
    from sklearn.base import BaseEstimator, ClusterMixin

    points = cloud(2000)
    picks, clusters, _ = ask(points, 10, torch.tensor(labelled, dtype=torch.int64))
    assert torch.bincount(clusters).min() > 40  # where both count 20 neighbours
    free = set(range(10 + len(labelled))) - set(clusters[labelled].tolist())
    assert len(free) >= 10

    class Given(ClusterMixin, BaseEstimator):  # type: ignore[misc]
        def __init__(self, n_clusters: int = 0) -> None:
            self.n_clusters = n_clusters

        def fit_predict(self, X: np.ndarray, y: None = None) -> np.ndarray:  # noqa: N803
            return clusters.numpy()

    told = np.full(len(points), np.nan)
    told[labelled] = 0
    theirs = TypiClust(cluster_algo=Given, k=20, random_state=0).query(points.numpy(), told, batch_size=10)
    assert picks.tolist() == theirs.tolist()


def test_more_than_one_of_each_cluster_round_after_round() -> None:
    picks, clusters, _ = typical(cloud(400), 30, NONE, seed=0, max_clusters=10, neighbours=20, smallest=5)
    given = torch.bincount(clusters[picks], minlength=10)
    assert given.max() - given.min() <= 1 and len(picks.unique()) == 30


def test_small_clusters_come_last() -> None:
    few = torch.tensor([[100.0, 0], [100, 1], [0, 100]])
    points = torch.cat([torch.randn(40, 2, generator=torch.Generator().manual_seed(0)), few])
    picks, clusters, _ = typical(points, 43, NONE, seed=0, max_clusters=3, neighbours=20, smallest=5)
    assert len(clusters.unique()) == 3
    assert picks[40:].tolist() == [40, 42, 41]
    picks, _, _ = typical(points, 3, NONE, seed=0, max_clusters=3, neighbours=20, smallest=0)
    assert set(picks[1:].tolist()) == {40, 42}


def test_duplicates_and_points_alone_have_finite_typicality() -> None:
    points = torch.tensor([[0.0], [0.0], [0.0], [9.0]])
    picks, _, values = typical(points, 4, NONE, seed=0, max_clusters=2, neighbours=20, smallest=0)
    assert picks.tolist() == [0, 3, 1, 2]
    torch.testing.assert_close(
        values, torch.tensor([1 / typicality.LEAST, 0, 1 / typicality.LEAST, 1 / typicality.LEAST])
    )


def test_a_far_outlier_hides_no_distance() -> None:
    points = torch.cat([cloud(30), torch.full((1, 8), 1e7)])
    found = mean_distances(points, torch.zeros(31, dtype=torch.int64), 20)
    distances = (points.double()[:, None] - points.double()).norm(dim=2).sort(1).values[:, 1:16]
    torch.testing.assert_close(found.double(), distances.mean(1), rtol=1e-3, atol=0)


def test_refuses_more_than_are_unlabelled() -> None:
    with pytest.raises(UserError, match="4 images asked for among 3 unlabelled"):
        ask(cloud(5), 4, torch.tensor([0, 1]))
