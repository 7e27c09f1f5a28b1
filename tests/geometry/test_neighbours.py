"""Nearest neighbours against scikit-learn and against distances computed one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.geometry import neighbours
from stages.geometry.neighbours import Metric, knn_accuracy, nearest


def cloud(n: int, dims: int = 40, seed: int = 0) -> Tensor:
    return torch.randn(n, dims, generator=torch.Generator().manual_seed(seed))


def lattice(n: int, seed: int = 0) -> Tensor:
    """Points with so few places to be that most distances are tied."""
    return torch.randint(0, 3, (n, 4), generator=torch.Generator().manual_seed(seed)).float()


def by_definition(queries: Tensor, database: Tensor, k: int, exclude_self: bool = False) -> Tensor:
    """Indices [m, k] by rising distance, ties by the lower index."""
    distances = (queries.double()[:, None] - database.double()).norm(dim=2)
    if exclude_self:
        distances.fill_diagonal_(torch.inf)
    return torch.from_numpy(np.argsort(distances.numpy(), axis=1, kind="stable")[:, :k])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_agrees_with_scikit_learn(metric: Metric) -> None:
    from sklearn.neighbors import NearestNeighbors

    queries, database = cloud(300, seed=1) + 2, cloud(5000) + 2
    oracle = NearestNeighbors(n_neighbors=10, metric=metric, algorithm="brute").fit(database.double().numpy())
    expected_distances, expected = oracle.kneighbors(queries.double().numpy())
    distances, indices = nearest(queries, database, 10, metric=metric)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-5)
    assert (distances.dtype, indices.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize(
    "database",
    [
        pytest.param(cloud(1000) + 1000, id="far from the origin"),
        pytest.param(cloud(1000) * torch.logspace(-3, 3, 1000)[:, None], id="of many sizes"),
        pytest.param(torch.cat([cloud(999), torch.full((1, 40), 1e6)]), id="one far outlier"),
        pytest.param(cloud(20).repeat(50, 1), id="each point fifty times"),
        pytest.param(lattice(1000), id="on a lattice"),
        pytest.param(torch.full((600, 40), 0.1), id="all the same"),
        pytest.param(cloud(7), id="hardly more than are asked for"),
    ],
)
@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("block", [2**24, 16 * 64])
def test_exact_where_coarse_distances_mislead(
    database: Tensor, exclude_self: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    monkeypatch.setattr(neighbours, "QUERIES", 16)
    queries = database if exclude_self else database[::7] + (0 if len(database) > 7 else 0.01)
    _, indices = nearest(queries, database, 5, exclude_self=exclude_self)
    assert torch.equal(indices, by_definition(queries, database, 5, exclude_self))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_same_answer_in_every_fast_type(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "fast_type", lambda device: dtype)
    queries, database = cloud(200, seed=1), cloud(3000)
    assert torch.equal(nearest(queries, database, 5)[1], by_definition(queries, database, 5))


def test_a_vector_of_zeros_is_as_far_by_cosine_as_one_at_right_angles() -> None:
    database = torch.tensor([[0.0, 0.0], [0.0, 2.0], [3.0, 1.0], [-1.0, 0.0]])
    distances, indices = nearest(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), database, 4, metric="cosine")
    assert indices[0].tolist() == [2, 0, 1, 3]
    np.testing.assert_allclose(distances, np.array([[1 - 3 / 10**0.5, 1, 1, 2], [1, 1, 1, 1]]), rtol=1e-6)


def test_refuses_more_neighbours_than_there_are() -> None:
    with pytest.raises(UserError, match="5 nearest neighbours"):
        nearest(cloud(5), cloud(5), 5, exclude_self=True)


def test_refuses_what_is_not_finite() -> None:
    broken = cloud(50)
    broken[3, 3] = torch.nan
    for queries, database in ((cloud(5), broken), (broken, cloud(50))):
        with pytest.raises(ValueError, match="not finite"):
            nearest(queries, database, 5)


def test_accuracy_is_a_majority_vote_with_ties_to_the_nearer() -> None:
    database, labels = torch.tensor([[1.0], [2.0], [3.0], [4.0]]), torch.tensor([5, 0, 0, 5])
    query = torch.zeros(1, 1)
    assert knn_accuracy(query, torch.tensor([0]), database, labels, 3) == 1  # 5, 0, 0
    assert knn_accuracy(query, torch.tensor([5]), database, labels, 2) == 1  # 5, 0: the nearer
    assert knn_accuracy(query, torch.tensor([5]), database, labels, 4) == 1  # 5, 0, 0, 5


def test_accuracy_leaves_out_unknown_labels() -> None:
    points = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    labels = torch.tensor([0, -1, 1, 1])
    assert knn_accuracy(points, labels, points, labels, 1) == 1
    assert knn_accuracy(points, labels, points, labels, 1, exclude_self=True) == pytest.approx(2 / 3)
    assert knn_accuracy(points, torch.full((4,), -1), points, labels, 1) is None
