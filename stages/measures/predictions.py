"""Every figure that is reported of predictions, clusters and histories.

Labels and predictions are class ids int64 [n]. A label of -1 is unknown: its image is left out. A figure that
cannot be measured, as nothing is labelled, is None.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Share of the labelled images whose prediction is right."""
    known = labels >= 0
    return float((labels == predictions)[known].mean()) if known.any() else None


def balanced_accuracy(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """The mean of the accuracies on the images of each class; classes without images are left out."""
    classes = np.unique(labels[labels >= 0])
    if not len(classes):
        return None
    return float(np.mean([subset_accuracy(labels, predictions, [c]) for c in classes]))


def macro_f1(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """The mean over classes of F1 = 2 right / (images of the class + predictions of it); classes without images are
    left out. Unlike balanced accuracy it tells a class that draws images of others, also in a test part of equal
    classes."""
    known = labels >= 0
    true, predicted = labels[known], predictions[known]
    classes = np.unique(true)
    if not len(classes):
        return None
    right = [((true == c) & (predicted == c)).sum() for c in classes]
    both = [(true == c).sum() + (predicted == c).sum() for c in classes]
    return float(np.mean(2 * np.array(right) / np.array(both)))


def subset_accuracy(labels: np.ndarray, predictions: np.ndarray, subset: Collection[int]) -> float | None:
    """The accuracy on the images of some classes. A prediction of any other class is wrong, not left out."""
    inside = np.isin(labels, list(subset))
    return accuracy(labels[inside], predictions[inside])


def confusion(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Counts int64 [classes, classes]: rows are true classes, columns predicted ones."""
    known = labels >= 0
    pairs = labels[known] * classes + predictions[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def clustering(labels: np.ndarray, clusters: np.ndarray) -> dict[str, float | None]:
    """Agreement of clusters with classes: ari, nmi, ami (arithmetic means), homogeneity, completeness,
    v_measure."""
    from sklearn import metrics

    known = labels >= 0
    if not known.any():
        return dict.fromkeys(["ari", "nmi", "ami", "homogeneity", "completeness", "v_measure"])
    true, given = labels[known], clusters[known]
    homogeneity, completeness, v_measure = metrics.homogeneity_completeness_v_measure(true, given)
    return {
        "ari": float(metrics.adjusted_rand_score(true, given)),
        "nmi": float(metrics.normalized_mutual_info_score(true, given)),
        "ami": float(metrics.adjusted_mutual_info_score(true, given)),
        "homogeneity": float(homogeneity),
        "completeness": float(completeness),
        "v_measure": float(v_measure),
    }


def cluster_accuracy(labels: np.ndarray, clusters: np.ndarray) -> float | None:
    """Share of the labelled images that are in the cluster of their class, if classes and clusters are paired, one to
    one, in the best way there is (Hungarian method; Kuhn, 1955). A cluster or class left over counts as wrong."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    known = labels >= 0
    if not known.any():
        return None
    counts = contingency_matrix(labels[known], clusters[known])
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / known.sum())


def forgetting(accuracies: np.ndarray) -> dict[str, float | None]:
    """Of one class's accuracies through the epochs, [n]: best, last, and what was forgotten, best minus last."""
    if not len(accuracies):
        return dict.fromkeys(["best_validation", "last_validation", "forgetting"])
    best, last = float(accuracies.max()), float(accuracies[-1])
    return {"best_validation": best, "last_validation": last, "forgetting": best - last}
