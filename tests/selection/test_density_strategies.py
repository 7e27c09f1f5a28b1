"""DBSCAN, OPTICS and HDBSCAN beside scikit-learn run directly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import cluster
from sklearn.metrics import adjusted_rand_score

from stages.base import families
from stages.base.errors import UserError
from stages.selection import NONE, Selection, _density, dbscan
from tests.blocks import settings

CPU = torch.device("cpu")


def clouds(sizes: tuple[int, ...] = (150, 80, 40), dims: int = 12, noise: int = 30) -> np.ndarray:
    """Clouds of different width, then noise around them."""
    rng = np.random.default_rng(0)
    parts = [
        6 * rng.standard_normal(dims) / np.sqrt(dims) + 3 + width * rng.standard_normal((size, dims)) / np.sqrt(dims)
        for size, width in zip(sizes, (0.5, 1.0, 1.5), strict=True)
    ]
    return np.concatenate([*parts, rng.uniform(-6, 9, (noise, dims))]).astype(np.float32)


def plain(strategy: str, **changes: Any) -> Any:
    return settings(
        "strategies", strategy, **{"normalise": False, "reduction": "none", "metric": "euclidean"} | changes
    )


def select(strategy: str, pool: np.ndarray, budget: int = 10, **changes: Any) -> Selection:
    block = plain(strategy, **changes)
    return families.load("selection", strategy).select(pool, budget, block, labelled=NONE, seed=0, device=CPU)


def assert_same(found: Selection, expected: np.ndarray) -> None:
    """The same clusters, whatever their numbers."""
    assert found.clusters is not None
    np.testing.assert_array_equal(found.clusters < 0, expected < 0)
    assert adjusted_rand_score(found.clusters, expected) == 1
    assert found.figures["clusters"] == len(set(expected[expected >= 0].tolist())) >= 2
    assert found.figures["noise"] == (expected < 0).sum()


METRICS = pytest.mark.parametrize("metric", ["euclidean", "cosine"])


class TestDBSCAN:
    @METRICS
    def test_clusters_are_those_of_scikit_learn(self, metric: str) -> None:
        pool = clouds()
        for eps, min_samples in {"euclidean": [(0.9, 4), (1.5, 8)], "cosine": [(0.01, 4), (0.03, 8)]}[metric]:
            theirs = cluster.DBSCAN(eps=eps, min_samples=min_samples, metric=metric).fit_predict(pool.astype(float))
            assert_same(select("dbscan", pool, metric=metric, eps=eps, min_samples=min_samples), theirs)

    @pytest.mark.parametrize(("metric", "radii"), [("euclidean", (1, 1.5, 2)), ("cosine", (0.01, 0.06, 0.21))])
    def test_of_small_pools_with_ties_and_copies(self, metric: str, radii: tuple[float, ...]) -> None:
        """The same are dense and the same are noise, and the dense ones fall into the same parts; one on a border is of
        the part of a dense one that is nearest. By cosine, no eps here is a distance, which rounds either way."""
        parts = borders = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            count, min_samples, eps = int(rng.integers(7, 60)), int(rng.integers(2, 7)), float(rng.choice(radii))
            points = rng.integers(0, 7, (count, 3)).astype(float)
            points = points[rng.integers(0, count, count)] + (metric == "cosine")  # of zeros, cosines say nothing
            theirs = cluster.DBSCAN(eps=eps, min_samples=min_samples, metric=metric).fit(points)
            block = plain("dbscan", metric=metric, eps=eps, min_samples=min_samples)
            space = _density.space(points.astype(np.float32), block, seed=0, device=CPU)
            found = dbscan.cluster(space, block).clusters
            np.testing.assert_array_equal(found < 0, theirs.labels_ < 0)
            dense = np.isin(np.arange(count), theirs.core_sample_indices_)
            both = set(zip(found[dense], theirs.labels_[dense], strict=True))
            assert len(both) == len(set(found[dense])) == len(set(theirs.labels_[dense]))
            distances = torch.cdist(space.double(), space[torch.from_numpy(dense)].double()).numpy()
            for image in np.flatnonzero(~dense & (found >= 0)):
                near = distances[image] <= distances[image].min() + 1e-6
                assert found[image] in found[dense][near]
                borders += 1
            parts += len(both)
        assert parts > 40 and borders > 20

    def test_an_image_on_the_border_of_two_is_of_the_nearer(self) -> None:
        right, left, between = [1.92, 2, 2.1, 2.2], [0, 0.1, 0.2, 0.3], [1.1]
        line = np.array([*right, *left, *between], np.float32)[:, None]
        assert cluster.DBSCAN(eps=0.85, min_samples=4).fit_predict(line).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 0]
        found = select("dbscan", line, 3, eps=0.85, min_samples=4)
        assert found.clusters is not None
        # 0.82 from the right, 0.8 from the left, and so not dense itself
        assert found.clusters.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0]

    @METRICS
    def test_eps_is_read_off_the_elbow_which_is_drawn(self, metric: str) -> None:
        found = select("dbscan", clouds((900, 400, 200)), metric=metric, eps=None, min_samples=5)
        assert found.curve is not None
        assert found.figures["eps"] == found.curve.at
        assert len(found.curve.x) == len(found.curve.y) == 500
        assert (np.diff(found.curve.x) >= 0).all() and found.curve.y[-1] == 1
        # farthest from the chord, as eye and ruler would have it
        x = (found.curve.x - found.curve.x[0]) / (found.curve.x[-1] - found.curve.x[0])
        assert abs(found.curve.x[(found.curve.y - x).argmax()] - found.curve.at) <= np.diff(found.curve.x).max()
        given = select("dbscan", clouds((900, 400, 200)), metric=metric, eps=found.curve.at * (1 + 1e-9))
        assert given.curve is None
        np.testing.assert_array_equal(found.clusters, given.clusters)

    @pytest.mark.parametrize(
        ("eps", "said"),
        [
            (0.001, "0 clusters, 300 of 300 images are noise with eps=0.001; raise eps, lower min_samples or"),
            (99, "1 cluster, 0 of 300 images are noise with eps=99; lower eps, raise min_samples or"),
        ],
    )
    def test_says_what_to_do_with_eps(self, eps: float, said: str) -> None:
        with pytest.raises(UserError, match=said):
            select("dbscan", clouds(), eps=eps)


class TestOPTICS:
    @METRICS
    @pytest.mark.parametrize(
        ("min_samples", "smallest", "xi"),
        [(2, None, 0.05), (5, None, 0.05), (4, 20, 0.05), (5, None, 0.01), (5, 20, 0.1)],
    )
    def test_clusters_are_those_of_scikit_learn(
        self, metric: str, min_samples: int, smallest: int | None, xi: float
    ) -> None:
        pool = clouds()
        theirs = cluster.OPTICS(
            min_samples=min_samples,
            min_cluster_size=smallest,
            xi=xi,
            metric="minkowski" if metric == "euclidean" else "cosine",
        )
        found = select("optics", pool, metric=metric, min_samples=min_samples, min_cluster_size=smallest, xi=xi)
        assert_same(found, theirs.fit_predict(pool.astype(float)))

    def test_a_cluster_size_above_the_pool_finds_none(self) -> None:
        with pytest.raises(UserError, match="images are noise; lower xi, lower min_samples or set reduction=umap"):
            select("optics", clouds(), min_cluster_size=10_000)


class TestHDBSCAN:
    @METRICS
    @pytest.mark.parametrize("kind", ["eom", "leaf"])
    @pytest.mark.parametrize("min_samples", [2, 5])
    def test_clusters_are_those_of_scikit_learn(self, metric: str, kind: str, min_samples: int) -> None:
        pool, common = clouds(), {"min_cluster_size": 15, "min_samples": min_samples, "metric": metric}
        theirs = cluster.HDBSCAN(**common, cluster_selection_method=kind, copy=True).fit_predict(pool.astype(float))
        assert_same(select("hdbscan", pool, **common, cluster_selection=kind), theirs)

    def test_says_what_to_lower(self) -> None:
        with pytest.raises(UserError, match=r"0 clusters, .*; lower min_cluster_size, lower min_samples or set"):
            select("hdbscan", clouds(), min_cluster_size=280)
