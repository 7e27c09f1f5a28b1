"""The walk beside slow loops, and beside scikit-learn's OPTICS."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.cluster import OPTICS

from stages.base.errors import UserError
from stages.geometry import reachability
from stages.geometry.reachability import core_squares, walk


def clouds(n: int, dims: int, seed: int = 0) -> torch.Tensor:
    """Five clouds of different width, float32, away from the origin."""
    rng = np.random.default_rng(seed)
    middles, widths = 3 * rng.standard_normal((5, dims)) + 20, rng.uniform(0.3, 1.5, 5)
    which = np.arange(n) % 5
    return torch.from_numpy((middles[which] + widths[which, None] * rng.standard_normal((n, dims))).astype(np.float32))


def slow_squares(points: torch.Tensor) -> np.ndarray:
    x = points.double().numpy()
    return np.asarray(((x[:, None] - x[None]) ** 2).sum(-1))


def slow_walk(squares: np.ndarray, core: np.ndarray, mutual: bool) -> tuple[list[int], np.ndarray, np.ndarray]:
    n = len(squares)
    reach, origin, order = np.full(n, np.inf), np.full(n, -1), [0]
    while len(order) < n:
        here = order[-1]
        for other in set(range(n)) - set(order):
            length = max(squares[here, other], core[here], core[other] if mutual else 0)
            if length < reach[other]:
                reach[other], origin[other] = length, here
        order.append(min(set(range(n)) - set(order), key=lambda other: (reach[other], other)))
    return order, reach, origin


@pytest.mark.parametrize("min_samples", [2, 5, 60])
def test_core_distance_is_that_of_the_kth_nearest_itself_counted(min_samples: int) -> None:
    points = clouds(60, 4)
    expected = np.sort(slow_squares(points), axis=1)[:, min_samples - 1]
    np.testing.assert_allclose(core_squares(points, min_samples), expected, rtol=1e-12)


def test_more_neighbours_than_points_are_refused() -> None:
    with pytest.raises(UserError, match="min_samples=9 among 8 images whose features differ; lower it"):
        core_squares(clouds(8, 4), 9)


@pytest.mark.parametrize("mutual", [False, True])
@pytest.mark.parametrize("make", [lambda: clouds(150, 6), lambda: clouds(150, 2).round(), lambda: torch.ones(20, 3)])
def test_goes_where_a_slow_loop_goes(
    make: Callable[[], torch.Tensor], mutual: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachability, "STEPS", 32)
    points = make()
    core = core_squares(points, 4)
    order, reach, origin = slow_walk(slow_squares(points), core.numpy(), mutual)
    found = walk(points, core, mutual=mutual)
    assert found.order.tolist() == order
    np.testing.assert_allclose(found.squared, reach, rtol=1e-12)
    np.testing.assert_array_equal(found.origin, origin)


def test_a_mutual_walk_is_a_minimum_spanning_tree() -> None:
    from scipy.sparse.csgraph import minimum_spanning_tree

    points = clouds(400, 8)
    core = core_squares(points, 5)
    mutual = np.maximum(np.maximum(slow_squares(points), core.numpy()), core.numpy()[:, None])
    np.fill_diagonal(mutual, 0)
    found = walk(points, core, mutual=True)
    assert found.squared[1:].sum() == pytest.approx(minimum_spanning_tree(mutual).sum(), rel=1e-12)


@pytest.mark.parametrize(("n", "dims", "min_samples"), [(1300, 3, 2), (1100, 12, 6)])
def test_reaches_as_optics_of_scikit_learn(n: int, dims: int, min_samples: int) -> None:
    points = clouds(n, dims)
    theirs = OPTICS(min_samples=min_samples).fit(points.double().numpy())
    ours = walk(points, core_squares(points, min_samples), mutual=False)
    np.testing.assert_array_equal(ours.order, theirs.ordering_)
    np.testing.assert_array_equal(ours.origin, theirs.predecessor_)
    np.testing.assert_allclose(np.sqrt(ours.squared), theirs.reachability_, rtol=1e-9)


def test_one_point() -> None:
    found = walk(torch.zeros(1, 3), torch.zeros(1, dtype=torch.float64), mutual=True)
    assert (found.order.tolist(), found.squared.tolist(), found.origin.tolist()) == ([0], [np.inf], [-1])
