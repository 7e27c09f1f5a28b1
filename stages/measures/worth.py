"""What a choice of images is worth, whichever strategy made it: how much of the pool it covers, and what simple
classifiers make of the validation images once the chosen are labelled."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from stages.base import draws
from stages.geometry.neighbours import knn_accuracy, nearest
from stages.measures.choice import told_enough
from stages.measures.linear_probe import probe_accuracy

SHARE = 0.01  # of the pool, the nearest of which lie within the radius of the median image
SAMPLE = 1000  # images that the radius is measured at


def common_radius(features: np.ndarray, device: torch.device) -> float:
    """A Euclidean distance that hangs on the features [n, d] of the pool's pictures alone, copies once, so that it is
    one for all strategies, budgets and seeds: within it lie the nearest 1 %, in the median of a fixed sample. 0 where
    most have the same features."""
    n = len(features)
    points = torch.from_numpy(features).to(device)
    sample = np.sort(draws.rng(0, "measures.common_radius").choice(n, min(SAMPLE, n), replace=False))
    others = min(max(1, round(SHARE * n)), n - 1)
    distances, _ = nearest(points[torch.from_numpy(sample).to(device)], points, 1 + others)  # the first is itself
    return distances[:, -1].median().item()


def worth(
    features: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    validation_features: np.ndarray,
    validation_labels: np.ndarray,
    distances: Tensor,
    *,
    radius: float,
    device: torch.device,
) -> tuple[dict[str, float | None], list[str]]:
    """Figures of one choice from a pool, and notes on what could not be measured.

    features, validation_features: float32 [n, d] and [m, d]; labels, validation_labels: int64 [n] and [m], -1 unknown,
    left out; chosen: int64 [budget], images of the pool; distances: Euclidean, of each picture of the pool, copies
    once, to the nearest chosen. coverage: share of the pictures within `radius` of a chosen image, None for a radius of
    0. one_nn, linear_probe: accuracy on the validation images by the nearest chosen image (cosine) and by a linear
    classifier, from the labels of the chosen alone; None where too few of them have one.
    """
    told_apart = radius > 0 or len(distances) == 1
    figures: dict[str, float | None] = {
        "coverage": (distances <= radius).double().mean().item() if told_apart else None,
        "one_nn": None,
        "linear_probe": None,
    }
    notes = [] if told_apart else ["coverage: most pictures have the same features as others; take another extractor"]
    told = labels[chosen]
    missing = told_enough(told) or (None if (validation_labels >= 0).any() else "no validation image has a label")
    if missing:
        return figures, [*notes, f"one_nn, linear_probe: {missing}"]
    arrays = (validation_features, validation_labels, features[chosen], told)
    queries, query_labels, database, database_labels = (torch.from_numpy(part).to(device) for part in arrays)
    figures["one_nn"] = knn_accuracy(queries, query_labels, database, database_labels, 1, metric="cosine")
    figures["linear_probe"] = probe_accuracy(features[chosen], told, validation_features, validation_labels)
    return figures, notes
