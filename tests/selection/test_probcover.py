"""ProbCover beside scikit-activeml, the radius that it reads off, and what it says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from stages.geometry.kmeans import kmeans
from stages.selection import NONE, Selection
from stages.selection.probcover import Settings, _radius, select
from tests.blocks import settings

CPU = torch.device("cpu")


def ask(pool: np.ndarray, budget: int, seed: int = 0, **changes: Any) -> Selection:
    block: Settings = settings(
        "strategies", "probcover", **({"normalise": False, "clusters": 4, "purity": 0.95} | changes)
    )
    return select(pool, budget, block, labelled=NONE, seed=seed, device=CPU)


def cloud(n: int, dims: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dims)).astype(np.float32)


def heaps(n: int, spread: float = 0.1) -> np.ndarray:
    """Four, far apart, of very different sizes."""
    rng = np.random.default_rng(1)
    middles = 10 * np.eye(4)
    return (middles[rng.choice(4, n, p=[0.6, 0.25, 0.1, 0.05])] + spread * rng.standard_normal((n, 4))).astype(
        np.float32
    )


def all_distances(pool: np.ndarray) -> np.ndarray:
    return np.linalg.norm(pool[:, None].astype(np.float64) - pool, axis=2)


def purity_at(pool: np.ndarray, radius: float) -> float:
    """By definition: the share of open balls in which all points are of one pseudo-label."""
    _, labels, _ = kmeans(torch.from_numpy(pool), 4, seed=0)
    other = labels.numpy()[:, None] != labels.numpy()
    return 1 - ((all_distances(pool) < radius) & other).any(1).mean()


@pytest.mark.parametrize("purity", [0.5, 0.9, 0.95, 1.0])
def test_the_radius_is_the_largest_at_which_so_many_balls_are_pure(purity: float) -> None:
    pool = cloud(400)
    found = ask(pool, 5, purity=purity)
    radius = found.figures["radius"]
    assert found.figures["purity"] == pytest.approx(purity_at(pool, radius * (1 - 1e-6)))
    assert purity_at(pool, radius * (1 - 1e-6)) >= purity > purity_at(pool, radius * (1 + 1e-6))


def test_rounding_loses_no_ball() -> None:
    assert _radius(np.arange(10.0), 0.7) == 3  # 0.7 * 10 is more than 7 in floating point
    assert _radius(np.arange(10.0), 0.9) == 1
    assert _radius(np.arange(10.0), 1) == 0
    assert _radius(np.arange(10.0), 1e-12) == 9  # not one of the balls need be pure: then it is that of the last


def test_the_curve_is_read_at_the_radius() -> None:
    pool = cloud(400)
    found = ask(pool, 5, purity=0.8)
    assert found.curve is not None and found.curve.at == found.figures["radius"]
    for radius, share in zip(found.curve.x[::20], found.curve.y[::20], strict=True):
        assert share == pytest.approx(purity_at(pool, radius * (1 - 1e-6)))
    assert np.interp(found.curve.at, found.curve.x, found.curve.y) == pytest.approx(0.8, abs=0.01)


@pytest.mark.filterwarnings("ignore:The maximum purity was -1")  # of one radius it measures none
def test_same_picks_as_scikit_activeml() -> None:
    """Theirs has closed balls, of a radius from a list, and draws among equals: here the radius is given, since the one
    read off hangs on the clusters; no distance is near it, and as many picks are asked for as have no equal."""
    from skactiveml.pool import ProbCover

    pool, radius = cloud(1000, seed=35), 0.8
    found = ask(pool, 10, radius=radius)
    distances = all_distances(pool)
    assert np.abs(distances - radius).min() > 1e-5
    inside = distances < radius
    for pick in found.indices:
        new = np.sort(inside.sum(1))
        assert new[-1] > new[-2]
        inside &= ~inside[pick]
    theirs = ProbCover(deltas=[radius], random_state=0).query(pool, np.full(1000, np.nan), batch_size=10)
    assert found.indices.tolist() == theirs.tolist()


def test_scikit_activeml_finds_the_same_radius_among_those_it_tries() -> None:
    from skactiveml.pool import ProbCover
    from sklearn.base import BaseEstimator, ClusterMixin

    pool = cloud(600)
    _, labels, _ = kmeans(torch.from_numpy(pool), 4, seed=0)

    class Given(ClusterMixin, BaseEstimator):  # type: ignore[misc]
        def __init__(self, n_clusters: int = 0) -> None:
            self.n_clusters = n_clusters

        def fit_predict(self, X: np.ndarray, y: None = None) -> np.ndarray:  # noqa: N803
            return labels.numpy()

    tried = np.linspace(0.05, 1, 96)
    theirs = ProbCover(n_classes=4, deltas=tried, alpha=0.95, cluster_algo=Given, random_state=0)
    theirs.query(pool, np.full(600, np.nan))
    radius = ask(pool, 5).figures["radius"]
    assert theirs.delta_max_ == tried[tried < radius][-1]


def test_heaps_are_covered_largest_first_and_the_rest_is_drawn() -> None:
    pool = heaps(400)
    found = ask(pool, 12, purity=1)
    heap = pool.argmax(1)
    sizes = np.bincount(heap)
    assert heap[found.indices[:4]].tolist() == np.argsort(-sizes).tolist()
    assert found.reasons["newly_covered"].tolist() == [*sorted(sizes, reverse=True), *[0] * 8]
    assert found.figures["covered"] == 1
    assert found.notes == ("covered: all of the pool before the budget is spent; the rest is chosen at random",)
    assert found.indices[4:].tolist() != ask(pool, 12, seed=1, purity=1).indices[4:].tolist()


def test_says_where_the_radius_holds_next_to_nothing() -> None:
    (radius, small) = ask(cloud(400, dims=30), 300).notes
    assert radius.startswith("radius: most images have no other within it") and "4 groups" in radius
    assert small.startswith("newly_covered: the last images chosen cover only themselves")
    assert ask(cloud(400), 5, purity=0.5).notes == ()


def test_a_radius_of_ones_own() -> None:
    pool = cloud(400)
    found = ask(pool, 3, radius=2.5)
    assert found.figures["radius"] == 2.5 and found.curve is not None and found.curve.at == 2.5
    assert found.figures["purity"] == pytest.approx(purity_at(pool, 2.5))
    covered = (all_distances(pool)[found.indices] < 2.5).any(0).mean()
    assert found.figures["covered"] == pytest.approx(covered)


def test_one_cluster_only_leaves_nothing_to_read_off() -> None:
    found = ask(np.full((30, 4), 0.1, np.float32), 3)
    assert found.curve is None and found.figures["radius"] == 0
    assert found.notes[0].startswith("radius: k-means finds one cluster only")
