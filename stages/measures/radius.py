"""The radius within which a chosen image covers others, of the features' own scale."""

from __future__ import annotations

import numpy as np
import torch

from stages.base import draws
from stages.geometry.neighbours import nearest

SHARE = 0.01  # of the pool, the nearest of which lie within the radius of the median image
SAMPLE = 1000  # images that the radius is measured at


def common_radius(features: np.ndarray, first: np.ndarray, device: torch.device) -> float:
    """A Euclidean distance that hangs on the features [n, d] of the pool's pictures alone, copies once, so that it is
    one for all strategies, budgets and seeds: within it lie the nearest 1 %, in the median of a fixed sample. 0 where
    most have the same features. first: int64 [n], of each image the place of the first equal picture."""
    once = first == np.arange(len(first))
    points = torch.from_numpy(features if once.all() else features[once]).to(device)
    n = len(points)
    sample = np.sort(draws.rng(0, "measures.common_radius").choice(n, min(SAMPLE, n), replace=False))
    others = min(max(1, round(SHARE * n)), n - 1)
    distances, _ = nearest(points[torch.from_numpy(sample).to(device)], points, 1 + others)  # the first is itself
    return distances[:, -1].median().item()
