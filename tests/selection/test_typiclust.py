"""What TypiClust hands on; its choice is tested with stages/geometry/typicality.py."""

from __future__ import annotations

import numpy as np
import torch

from stages.geometry.typicality import mean_distances
from stages.selection import NONE
from stages.selection.typiclust import Settings, select

CPU = torch.device("cpu")


def settings(normalise: bool = False, max_clusters: int = 500) -> Settings:
    return Settings(
        strategy="typiclust", extractor="any", normalise=normalise, max_clusters=max_clusters, neighbours=20, smallest=5
    )


def test_the_reason_is_the_typicality() -> None:
    pool = np.random.default_rng(0).standard_normal((500, 4)).astype(np.float32)
    found = select(pool, 30, settings(max_clusters=10), labelled=NONE, seed=0, device=CPU)
    assert found.clusters is not None and len(set(found.clusters.tolist())) == 10
    distances = mean_distances(torch.from_numpy(pool), torch.from_numpy(found.clusters), 20).numpy()
    np.testing.assert_allclose(found.reasons["typicality"], 1 / distances[found.indices], rtol=1e-6)
    for cluster in range(10):  # the three nearest to their neighbours
        members = np.flatnonzero(found.clusters == cluster)
        assert set(members[np.argsort(distances[members])[:3]]) <= set(found.indices.tolist())


def test_takes_the_largest_cluster_first_and_no_outlier() -> None:
    rng = np.random.default_rng(0)
    middles = np.repeat([[0.0, 0], [50, 0], [0, 50]], [200, 100, 3], axis=0)
    pool = (middles + rng.standard_normal((303, 2))).astype(np.float32)
    found = select(pool, 3, settings(), labelled=NONE, seed=0, device=CPU)
    assert (found.indices[:2] < [200, 300]).all() and found.indices[1] >= 200
    assert found.indices[2] < 300  # the third cluster is too small: a second one of the largest


def test_normalise_tells_directions_apart_not_lengths() -> None:
    rng = np.random.default_rng(0)
    middles = np.repeat([[1.0, 0], [0, 1], [-1, 0]], 20, axis=0)
    pool = (middles + 0.01 * rng.standard_normal((60, 2))) * rng.uniform(1, 25, (60, 1))
    found = select(pool.astype(np.float32), 3, settings(normalise=True), labelled=NONE, seed=0, device=CPU)
    assert sorted(found.indices // 20) == [0, 1, 2]
