"""k-means against scikit-learn's, and on data that leave clusters empty."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.geometry import kmeans as module
from stages.geometry.kmeans import kmeans


def blobs(n: int, centres: int, dims: int = 16, spread: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    middles = 3 * torch.randn(centres, dims, generator=generator)
    noise = spread * torch.randn(n, dims, generator=generator)
    return middles[torch.randint(centres, (n,), generator=generator)] + noise


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("k", "structure"), [(10, 10), (60, 20), (60, 1)])
def test_inertia_within_one_percent_of_scikit_learn(
    k: int, structure: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.cluster import KMeans

    monkeypatch.setattr(module, "fast_type", lambda device: dtype)
    points = blobs(3000, structure)
    expected = KMeans(k, n_init=3, random_state=0).fit(points.numpy()).inertia_
    assert kmeans(points, k, seed=0, starts=3)[2] < 1.01 * expected


def test_result_is_a_fixed_point() -> None:
    points = blobs(2000, 8) + 100
    centres, labels, inertia = kmeans(points, 8, seed=0)
    squares = torch.cdist(points.double(), centres.double()).square()
    assert torch.equal(labels, squares.argmin(1))
    assert inertia == pytest.approx(squares.amin(1).sum().item(), rel=1e-6)
    means = torch.stack([points[labels == c].mean(0) for c in range(8)])
    torch.testing.assert_close(centres, means, atol=1e-3, rtol=0)


def test_same_seed_same_answer_and_other_seed_another() -> None:
    points = blobs(1000, 1)
    first, again, other = (kmeans(points, 20, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1]) and first[2] == again[2]
    assert not torch.equal(first[0], other[0])


def test_more_starts_are_no_worse() -> None:
    points = blobs(1000, 30)
    assert kmeans(points, 30, seed=0, starts=5)[2] <= kmeans(points, 30, seed=0)[2]


def test_empty_clusters_take_the_farthest_points() -> None:
    points = torch.tensor([[0.0], [1.0], [10.0], [20.0]])
    labels, closeness = torch.zeros(4, dtype=torch.int64), torch.tensor([0.0, -1, -100, -400])
    moved = module._means(points, labels, closeness, torch.zeros(3, 1))
    assert moved.tolist() == [[0.5], [20.0], [10.0]]


@pytest.mark.parametrize("k", [1, 5, 50])
def test_fewer_distinct_points_than_centres(k: int) -> None:
    points = torch.tensor([[0.0, 1.0], [2.0, 3.0], [5.0, 5.0]]).repeat(20, 1)
    centres, labels, inertia = kmeans(points, k, seed=0)
    assert centres.shape == (k, 2) and centres.isfinite().all()
    assert (labels >= 0).all() and (labels < k).all()
    if k > 3:
        assert inertia == pytest.approx(0, abs=1e-6)


def test_refuses_more_centres_than_points() -> None:
    with pytest.raises(UserError, match="6 k-means centres asked for among 5"):
        kmeans(blobs(5, 1), 6, seed=0)
