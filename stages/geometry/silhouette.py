"""How well clusters part the points, without any label."""

from __future__ import annotations

import numpy as np

from stages.base import draws

SILHOUETTE_IMAGES = 10_000  # all pairs of them are compared


def silhouette(features: np.ndarray, clusters: np.ndarray, *, images: int = SILHOUETTE_IMAGES) -> float | None:
    """Mean silhouette (Rousseeuw, 1987) by Euclidean distance of features [n, d]; of a fixed sample beyond
    `images`.

    None for fewer than 2 clusters, or as many as images.
    """
    from sklearn.metrics import silhouette_score

    if len(features) > images:
        sample = np.sort(draws.rng(0, "geometry.silhouette").choice(len(features), images, replace=False))
        features, clusters = features[sample], clusters[sample]
    if not 2 <= len(np.unique(clusters)) < len(features):
        return None
    return float(silhouette_score(features, clusters))
