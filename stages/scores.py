"""Every figure that is reported of predictions, clusters and histories.

Labels and predictions are class ids int64 [n]. A label of -1 is unknown: its image is left out. A figure that
cannot be measured, as nothing is labelled, is None.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

SILHOUETTE_IMAGES = 10_000  # all pairs of them are compared


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Share of the labelled images whose prediction is right."""
    known = labels >= 0
    return float((labels == predictions)[known].mean()) if known.any() else None


def per_class_accuracy(labels: np.ndarray, predictions: np.ndarray, classes: int) -> list[float | None]:
    """The accuracy on the images of each class; None for a class without images."""
    return [subset_accuracy(labels, predictions, [c]) for c in range(classes)]


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
    true, found = labels[known], clusters[known]
    homogeneity, completeness, v_measure = metrics.homogeneity_completeness_v_measure(true, found)
    return {
        "ari": float(metrics.adjusted_rand_score(true, found)),
        "nmi": float(metrics.normalized_mutual_info_score(true, found)),
        "ami": float(metrics.adjusted_mutual_info_score(true, found)),
        "homogeneity": float(homogeneity),
        "completeness": float(completeness),
        "v_measure": float(v_measure),
    }


def silhouette(features: np.ndarray, clusters: np.ndarray, *, images: int = SILHOUETTE_IMAGES) -> float | None:
    """Mean silhouette (Rousseeuw, 1987) by Euclidean distance of features [n, d]; of a fixed sample beyond
    `images`.

    None for fewer than 2 clusters, or as many as images.
    """
    from sklearn.metrics import silhouette_score

    if len(features) > images:
        sample = np.sort(np.random.default_rng(0).choice(len(features), images, replace=False))
        features, clusters = features[sample], clusters[sample]
    if not 2 <= len(np.unique(clusters)) < len(features):
        return None
    return float(silhouette_score(features, clusters))


def forgetting(
    accuracies: np.ndarray, classes_seen: Sequence[int], order: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """For each class when it was introduced and what was kept of it.

    accuracies: [epochs, classes], NaN where not measured. classes_seen: a number for each epoch, of classes
    taken from `order` (class ids; ascending if None). Returns one mapping for each class: introduced_epoch
    (from 1; None: never), best and last accuracy measured, and forgetting, best minus last.
    """
    found: list[dict[str, Any]] = []
    rank = {c: place for place, c in enumerate(range(accuracies.shape[1]) if order is None else order)}
    for c in range(accuracies.shape[1]):
        introduced = (epoch for epoch, seen in enumerate(classes_seen, 1) if c in rank and rank[c] < seen)
        measured = accuracies[:, c][~np.isnan(accuracies[:, c])]
        best, last = (float(measured.max()), float(measured[-1])) if len(measured) else (None, None)
        lost = best - last if best is not None and last is not None else None
        found.append({"introduced_epoch": next(introduced, None), "best": best, "last": last, "forgetting": lost})
    return found


def mean_and_spread(values: Sequence[float | None]) -> dict[str, float | int | None]:
    """mean, std of a sample (n - 1) and n of what was measured; std is None for n < 2, both for n = 0."""
    numbers = [value for value in values if value is not None and not math.isnan(value)]
    return {
        "mean": float(np.mean(numbers)) if numbers else None,
        "std": float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None,
        "n": len(numbers),
    }
