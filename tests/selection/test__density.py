"""What is taken of clusters that are given, and what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from stages.base.errors import UserError
from stages.selection import NONE, _density
from stages.selection._density import Clustering, select, space
from stages.selection.dbscan import Settings

CPU = torch.device("cpu")
LINE = np.arange(40, dtype=np.float32)[:, None] ** 2
SIZES = (2, 20, 8)  # then 10 of noise


def settings(**changes: Any) -> Settings:
    block = {"strategy": "dbscan", "extractor": "any", "normalise": False, "reduction": "none", "dimensions": 1}
    block |= {"metric": "euclidean", "min_samples": 3, "pick": "random", "balance": "even", "eps": None}
    return Settings.model_validate(block | changes)


def given(points: torch.Tensor, settings: Settings) -> Clustering:
    clusters = np.repeat([0, 1, 2, -1], [*SIZES, 10])
    return Clustering(clusters, points, ("lower this", "raise that"), {"eps": 2.5})


def test_even_takes_turns_and_clusters_are_numbered_by_size() -> None:
    found = select(given, LINE, 9, settings(), labelled=NONE, seed=0, device=CPU)
    assert found.clusters is not None
    assert np.bincount(found.clusters[found.clusters >= 0]).tolist() == [20, 8, 2]
    assert found.clusters[found.indices].tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 0]


def test_proportional_follows_the_sizes() -> None:
    found = select(given, LINE, 15, settings(balance="proportional"), labelled=NONE, seed=0, device=CPU)
    assert found.clusters is not None
    assert np.bincount(found.clusters[found.indices]).tolist() == [10, 4, 1]


def test_nearest_takes_those_at_the_mean_and_says_how_near() -> None:
    found = select(given, LINE, 3, settings(pick="nearest"), labelled=NONE, seed=0, device=CPU)
    means = [LINE[2:22].mean(), LINE[22:30].mean(), LINE[:2].mean()]
    # ties of the cluster of two go to the lower index
    expected = [2 + np.abs(LINE[2:22] - means[0]).argmin(), 22 + np.abs(LINE[22:30] - means[1]).argmin(), 0]
    assert found.indices.tolist() == expected
    np.testing.assert_allclose(found.reasons["distance"], np.abs(LINE[found.indices, 0] - means))


def test_random_differs_by_seed_within_the_same_clusters() -> None:
    one, other = (select(given, LINE, 12, settings(), labelled=NONE, seed=seed, device=CPU) for seed in (0, 1))
    assert one.indices.tolist() != other.indices.tolist()
    np.testing.assert_array_equal(one.clusters, other.clusters)


def test_noise_is_the_last_resort_and_is_noted() -> None:
    within = select(given, LINE, 30, settings(), labelled=NONE, seed=0, device=CPU)
    assert within.notes == () and within.indices.max() < 30
    beyond = select(given, LINE, 34, settings(), labelled=NONE, seed=0, device=CPU)
    assert set(beyond.indices[:30]) == set(range(30)) and beyond.indices[30:].min() >= 30
    assert len(set(beyond.indices.tolist())) == 34 and np.isnan(beyond.reasons["distance"][30:]).all()
    assert beyond.notes == ("the clusters hold only 30 images: 4 of 34 were drawn at random among noise",)


def test_a_cluster_that_holds_nearly_all_is_noted() -> None:
    def one(points: torch.Tensor, settings: Settings) -> Clustering:
        return Clustering(np.repeat([0, 1], [37, 3]), points, (), {})

    found = select(one, LINE, 4, settings(), labelled=NONE, seed=0, device=CPU)
    assert found.notes == ("one of the 2 clusters holds 37 of the 40 images in any",)


def test_the_figures_need_no_label() -> None:
    found = select(given, LINE, 3, settings(), labelled=NONE, seed=0, device=CPU)
    assert list(found.figures) == ["clusters", "noise", "eps", "silhouette"]
    assert (found.figures["clusters"], found.figures["noise"], found.figures["eps"]) == (3, 10, 2.5)
    from sklearn.metrics import silhouette_score

    expected = silhouette_score(LINE[:30], np.repeat([0, 1, 2], SIZES))
    assert found.figures["silhouette"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("clusters", "reduction", "said"),
    [
        (np.full(40, -1), "none", "dbscan: 0 clusters, 40 of 40 images are noise with eps=0.5; "),
        (np.repeat([0, -1], [36, 4]), "pca", "dbscan: 1 cluster, 4 of 40 images are noise with eps=0.5; "),
    ],
)
def test_fewer_than_two_clusters_are_refused_with_what_to_try(clusters: np.ndarray, reduction: str, said: str) -> None:
    def few(points: torch.Tensor, settings: Settings) -> Clustering:
        return Clustering(clusters, points, ("lower this", "raise that"), {"eps": 0.5})

    with pytest.raises(UserError) as refusal:
        select(few, LINE, 3, settings(reduction=reduction), labelled=NONE, seed=0, device=CPU)
    assert str(refusal.value) == said + "lower this, raise that or set reduction=umap"


def test_the_clusters_are_found_once_for_all_seeds_but_with_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(points: torch.Tensor, settings: Settings) -> Clustering:
        asked.append(settings.reduction)
        return given(points, settings)

    monkeypatch.setattr(_density, "reduced", lambda features, *_, **__: features)
    for reduction in ("pca", "umap"):
        for seed in range(3):
            select(counted, LINE, 3, settings(reduction=reduction), labelled=NONE, seed=seed, device=CPU)
    select(counted, LINE.copy(), 3, settings(reduction="umap"), labelled=NONE, seed=2, device=CPU)
    assert asked == ["pca", "umap", "umap", "umap", "umap"]


def test_cosine_is_half_the_squared_distance_and_zeros_are_far_from_all() -> None:
    from sklearn.metrics.pairwise import cosine_distances

    features = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    features[[3, 7]] = 0
    points = space(features, settings(metric="cosine"), seed=0, device=CPU).numpy().astype(np.float64)
    found = ((points[:, None] - points[None]) ** 2).sum(-1) / 2
    expected = cosine_distances(features)
    expected[3, 7] = expected[7, 3] = 0  # equal images
    np.testing.assert_allclose(found, expected, atol=1e-6)
