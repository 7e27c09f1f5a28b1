"""What a choice of images is worth, whichever strategy made it: how much of the pool it covers, and what simple
classifiers make of the validation images once the chosen are labelled."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from stages.geometry.neighbours import knn_accuracy
from stages.measures.choice import told_enough
from stages.measures.linear_probe import probe_accuracy


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
