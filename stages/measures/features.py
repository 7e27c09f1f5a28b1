"""How well features tell the classes apart: nearest neighbours, a linear probe, k-means."""

from __future__ import annotations

import numpy as np
import torch

from stages.geometry import kmeans, neighbours
from stages.measures import predictions
from stages.measures.linear_probe import probe_accuracy

NEIGHBOURS = 10


def quality(
    pool: np.ndarray,
    pool_labels: np.ndarray,
    validation: np.ndarray,
    validation_labels: np.ndarray,
    *,
    seed: int,
    device: torch.device,
) -> dict[str, object]:
    """How well features [n, d] tell the classes apart; labels [n] are class ids, -1 where unknown.

    knn_euclidean, knn_cosine: accuracy of 10-NN on the labelled validation images among the labelled images of the
    pool; linear_probe: of a linear classifier with their labels. kmeans_accuracy, kmeans_nmi, kmeans_ari: k-means on
    the whole pool, with as many clusters as it has classes, against the labels that are known. A figure that cannot be
    measured is None, and `notes` says why.
    """
    pool_known, validation_known = pool_labels >= 0, validation_labels >= 0
    figures: dict[str, float | None] = {
        "dimensions": pool.shape[1],
        "knn_euclidean": None,
        "knn_cosine": None,
        "linear_probe": probe_accuracy(pool, pool_labels, validation, validation_labels),
        "kmeans_accuracy": None,
        "kmeans_nmi": None,
        "kmeans_ari": None,
        "left_out": int((~pool_known).sum() + (~validation_known).sum()),
    }
    notes = []
    for part, known in (("pool", pool_known), ("validation part", validation_known)):
        if known.any() and not known.all():
            notes.append(
                f"figures of features: on the {known.sum():,} of {len(known):,} images of the {part} with a label"
            )

    if not validation_known.any():
        notes.append("knn, linear probe: no validation image has a label")
    elif pool_known.sum() < NEIGHBOURS:
        notes.append(f"knn: fewer than {NEIGHBOURS} images of the pool have a label")
    else:
        parts = (validation, validation_labels, pool, pool_labels)
        queries, query_labels, database, database_labels = (torch.from_numpy(part).to(device) for part in parts)
        for metric in ("euclidean", "cosine"):
            figures[f"knn_{metric}"] = neighbours.knn_accuracy(
                queries, query_labels, database, database_labels, NEIGHBOURS, metric=metric
            )

    if validation_known.any() and not pool_known.any():
        notes.append("linear probe: no image of the pool has a label")

    classes = len(np.unique(pool_labels[pool_known]))
    if classes < 2:
        notes.append("kmeans: the labelled images of the pool are of fewer than 2 classes")
    else:
        _, clusters, _ = kmeans.kmeans(torch.from_numpy(pool).to(device), classes, seed=seed)
        found = clusters.cpu().numpy()
        agreement = predictions.clustering(pool_labels, found)
        figures["kmeans_accuracy"] = predictions.cluster_accuracy(pool_labels, found)
        figures["kmeans_nmi"], figures["kmeans_ari"] = agreement["nmi"], agreement["ari"]

    return {**figures, "notes": notes}
