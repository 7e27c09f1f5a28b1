"""What k-means takes from each of its clusters."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from stages.selection import NONE
from stages.selection.kmeans import Settings, select

CPU = torch.device("cpu")


def settings(
    per_centroid: int = 1, pick: Literal["nearest", "random"] = "nearest", normalise: bool = False
) -> Settings:
    return Settings(strategy="kmeans", extractor="any", per_centroid=per_centroid, pick=pick, normalise=normalise)


def piles(sizes: list[int]) -> np.ndarray:
    """Far apart on a line; within a pile the first point lies at the middle, others in pairs around it."""
    rng = np.random.default_rng(0)
    rows = []
    for place, size in enumerate(sizes):
        half, middle = rng.uniform(0.1, 0.4, ((size - 1) // 2, 2)), np.array([[10.0 * place, 0]])
        rows += [middle, middle + half, middle - half]
    return np.concatenate(rows).astype(np.float32)


def test_one_per_centroid_takes_the_middle_of_each_pile() -> None:
    found = select(piles([21, 21, 21]), 3, settings(), labelled=NONE, seed=0, device=CPU)
    assert sorted(found.indices.tolist()) == [0, 21, 42]


@pytest.mark.parametrize("pick", ["nearest", "random"])
def test_every_prefix_is_balanced(pick: Literal["nearest", "random"]) -> None:
    found = select(piles([21, 31, 41]), 12, settings(4, pick), labelled=NONE, seed=0, device=CPU)
    assert found.clusters is not None and len(set(found.clusters.tolist())) == 3
    for count in (3, 6, 9, 12):
        assert np.bincount(found.clusters[found.indices[:count]]).tolist() == [count // 3] * 3


def test_nearest_takes_the_nearest_of_each_cluster() -> None:
    pool = np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32)
    found = select(pool, 20, settings(5), labelled=NONE, seed=0, device=CPU)
    assert found.clusters is not None
    for cluster in range(4):
        members = np.flatnonzero(found.clusters == cluster)
        distances = np.linalg.norm(pool[members] - pool[members].mean(0), axis=1)
        expected = members[np.argsort(distances)[:5]]
        assert len(set(expected) & set(found.indices)) >= 4  # centroids are converged, not exact, means


def test_random_takes_others_with_another_seed_from_the_same_clusters() -> None:
    pool = piles([41, 41])
    takes = {
        tuple(sorted(select(pool, 6, settings(3, "random"), labelled=NONE, seed=s, device=CPU).indices))
        for s in range(4)
    }
    assert len(takes) > 1


def test_small_clusters_are_made_up_for_by_large_ones() -> None:
    found = select(piles([1, 41]), 20, settings(10), labelled=NONE, seed=0, device=CPU)
    assert 0 in found.indices and len(set(found.indices.tolist())) == 20


def test_normalise_tells_directions_apart_not_lengths() -> None:
    directions = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    pool = np.concatenate([directions * length for length in (1, 5, 25)]).astype(np.float32)
    found = select(pool, 3, settings(normalise=True), labelled=NONE, seed=0, device=CPU)
    assert {index % 3 for index in found.indices.tolist()} == {0, 1, 2}


def test_the_reason_is_the_distance_to_the_middle() -> None:
    pool = piles([21, 21, 21])
    found = select(pool, 63, settings(21), labelled=NONE, seed=0, device=CPU)
    middles = pool[[0, 21, 42]][found.indices // 21]
    expected = np.linalg.norm(pool[found.indices] - middles, axis=1)
    np.testing.assert_allclose(found.reasons["distance"], expected, atol=1e-5)
