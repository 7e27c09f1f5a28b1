"""Features in fewer dimensions, in which density tells clusters apart."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from stages.geometry import maps
from stages.geometry.neighbours import nearest

Reduction = Literal["none", "pca", "umap"]

# what UMAP's documentation advises for clustering: the shape of more than a few points, drawn as near as they lie
NEIGHBOURS = 30
MIN_DIST = 0.0


def reduced(
    features: np.ndarray, reduction: Reduction, dimensions: int, *, seed: int, device: torch.device
) -> np.ndarray:
    """float32 [n, dimensions] by PCA, which no seed changes, or by UMAP; [n, d] as given for none. Of fewer components
    than asked for, the others are zero."""
    if reduction == "none":
        return features
    if reduction == "pca" or len(features) <= 3 or (features == features[0]).all():
        return maps.pca(features, dimensions)
    points = torch.from_numpy(features).to(device)
    distances, indices = nearest(points, points, min(NEIGHBOURS, len(features) - 1) - 1, exclude_self=True)
    itself = np.arange(len(features))[:, None]
    neighbours = (np.hstack([itself, indices.cpu().numpy()]), np.hstack([0.0 * itself, distances.cpu().numpy()]))
    return maps.umap(features, seed, dimensions=dimensions, min_dist=MIN_DIST, neighbours=neighbours)
