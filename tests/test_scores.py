"""Figures against scikit-learn and against what can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stages import scores

LABELS = np.array([0, 0, 1, 1, 2, -1])
PREDICTIONS = np.array([0, 1, 1, 1, 3, 0])


def test_accuracy_leaves_out_unknown_labels() -> None:
    assert scores.accuracy(LABELS, PREDICTIONS) == pytest.approx(3 / 5)
    assert scores.accuracy(np.array([-1, -1]), np.array([0, 1])) is None


def test_accuracy_of_each_class() -> None:
    assert scores.per_class_accuracy(LABELS, PREDICTIONS, 4) == [0.5, 1, 0, None]


def test_subset_counts_predictions_of_other_classes_as_wrong() -> None:
    assert scores.subset_accuracy(LABELS, PREDICTIONS, [0, 2]) == pytest.approx(1 / 3)
    assert scores.subset_accuracy(LABELS, PREDICTIONS, [3]) is None


def test_confusion_has_true_classes_as_rows() -> None:
    expected = [[1, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert scores.confusion(LABELS, PREDICTIONS, 4).tolist() == expected


def test_clustering_of_a_perfect_and_of_a_useless_partition() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    assert set(scores.clustering(labels, np.array([5, 5, 3, 3, 4, 4])).values()) == {1}
    useless = scores.clustering(labels, np.zeros(6, int))
    assert {key: useless[key] for key in ("ari", "nmi", "ami", "homogeneity")} == {
        "ari": 0,
        "nmi": 0,
        "ami": 0,
        "homogeneity": 0,
    }
    assert useless["completeness"] == 1


def test_clustering_leaves_out_unknown_labels() -> None:
    known = scores.clustering(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    assert scores.clustering(np.array([0, 0, 1, 1, -1, -1]), np.array([0, 1, 1, 1, 0, 2])) == known
    nothing = scores.clustering(np.array([-1]), np.array([0]))
    assert nothing.keys() == known.keys() and set(nothing.values()) == {None}


def test_silhouette_of_all_or_of_a_fixed_sample() -> None:
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(0)
    clusters = rng.integers(3, size=600)
    features = (np.eye(3)[clusters] + 0.2 * rng.standard_normal((600, 3))).astype(np.float32)
    whole = scores.silhouette(features, clusters)
    assert whole == pytest.approx(silhouette_score(features, clusters))
    sampled = scores.silhouette(features, clusters, images=200)
    assert sampled == scores.silhouette(features, clusters, images=200)
    assert sampled != whole and sampled == pytest.approx(whole, abs=0.05)


def test_silhouette_of_no_clusters_is_none() -> None:
    assert scores.silhouette(np.eye(3, dtype=np.float32), np.zeros(3, int)) is None
    assert scores.silhouette(np.eye(3, dtype=np.float32), np.arange(3)) is None


def test_forgetting_is_the_best_less_the_last() -> None:
    found = scores.forgetting(np.array([0.5, 0.9, 0.6]))
    assert found == {"best_validation": 0.9, "last_validation": 0.6, "forgetting": pytest.approx(0.3)}
    assert set(scores.forgetting(np.array([])).values()) == {None}
