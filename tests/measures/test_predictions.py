"""Figures against scikit-learn and against what can be counted by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from stages.measures import predictions

LABELS = np.array([0, 0, 1, 1, 2, -1])
PREDICTIONS = np.array([0, 1, 1, 1, 3, 0])


def test_accuracy_leaves_out_unknown_labels() -> None:
    assert predictions.accuracy(LABELS, PREDICTIONS) == pytest.approx(3 / 5)
    assert predictions.accuracy(np.array([-1, -1]), np.array([0, 1])) is None


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_balanced_accuracy_and_macro_f1_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import balanced_accuracy_score, f1_score

    rng = np.random.default_rng(0)
    labels = rng.choice(5, 400, p=[0.6, 0.2, 0.1, 0.06, 0.04])
    predicted = np.where(rng.random(400) < 0.6, labels, rng.integers(6, size=400))
    assert predictions.balanced_accuracy(labels, predicted) == pytest.approx(balanced_accuracy_score(labels, predicted))
    expected = f1_score(labels, predicted, labels=range(5), average="macro")  # class 5 has no image
    assert predictions.macro_f1(labels, predicted) == pytest.approx(expected)


def test_classes_that_are_guessed_alone_or_not_at_all_count_as_one_class_each() -> None:
    labels, predicted = np.array([0] * 8 + [1, -1, -1]), np.zeros(11, int)
    assert predictions.accuracy(labels, predicted) == pytest.approx(8 / 9)
    assert predictions.balanced_accuracy(labels, predicted) == 0.5
    assert predictions.macro_f1(labels, predicted) == pytest.approx((16 / 17 + 0) / 2)


def test_in_equal_classes_balanced_accuracy_is_accuracy_and_macro_f1_is_not() -> None:
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])
    assert predictions.balanced_accuracy(labels, predicted) == predictions.accuracy(labels, predicted) == 0.75
    assert predictions.macro_f1(labels, predicted) == pytest.approx((4 / 5 + 2 / 3) / 2)


@pytest.mark.parametrize("score", [predictions.accuracy, predictions.balanced_accuracy, predictions.macro_f1])
def test_without_a_label_there_is_no_figure(score: Any) -> None:
    assert score(np.array([-1, -1]), np.array([0, 1])) is None
    assert score(np.empty(0, int), np.empty(0, int)) is None


def test_subset_counts_predictions_of_other_classes_as_wrong() -> None:
    assert predictions.subset_accuracy(LABELS, PREDICTIONS, [0, 2]) == pytest.approx(1 / 3)
    assert predictions.subset_accuracy(LABELS, PREDICTIONS, [3]) is None


def test_confusion_has_true_classes_as_rows() -> None:
    expected = [[1, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert predictions.confusion(LABELS, PREDICTIONS, 4).tolist() == expected


def test_clustering_of_a_perfect_and_of_a_useless_partition() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    assert set(predictions.clustering(labels, np.array([5, 5, 3, 3, 4, 4])).values()) == {1}
    useless = predictions.clustering(labels, np.zeros(6, int))
    assert {key: useless[key] for key in ("ari", "nmi", "ami", "homogeneity")} == {
        "ari": 0,
        "nmi": 0,
        "ami": 0,
        "homogeneity": 0,
    }
    assert useless["completeness"] == 1


def test_clustering_leaves_out_unknown_labels() -> None:
    known = predictions.clustering(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    assert predictions.clustering(np.array([0, 0, 1, 1, -1, -1]), np.array([0, 1, 1, 1, 0, 2])) == known
    nothing = predictions.clustering(np.array([-1]), np.array([0]))
    assert nothing.keys() == known.keys() and set(nothing.values()) == {None}


@pytest.mark.parametrize(("classes", "clusters"), [(4, 4), (4, 3), (3, 5), (1, 2)])
def test_cluster_accuracy_is_that_of_the_best_pairing(classes: int, clusters: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, classes, 60)
    found = 10 * rng.integers(clusters, size=60) + 7  # ids of any kind
    ids = 10 * np.arange(clusters) + 7
    best = 0.0
    # a class without a cluster is paired with one that is not there
    for pairing in itertools.permutations([*ids, *range(-classes, 0)], classes):
        best = max(best, float((np.array(pairing)[labels] == found)[labels >= 0].mean()))
    assert predictions.cluster_accuracy(labels, found) == pytest.approx(best)


def test_cluster_accuracy_of_a_perfect_partition_and_of_no_label() -> None:
    assert predictions.cluster_accuracy(np.array([0, 0, 1, -1, 2]), np.array([2, 2, 0, 2, 1])) == 1
    assert predictions.cluster_accuracy(np.array([-1, -1]), np.array([0, 1])) is None


def test_forgetting_is_the_best_less_the_last() -> None:
    found = predictions.forgetting(np.array([0.5, 0.9, 0.6]))
    assert found == {"best_validation": 0.9, "last_validation": 0.6, "forgetting": pytest.approx(0.3)}
    assert set(predictions.forgetting(np.array([])).values()) == {None}
