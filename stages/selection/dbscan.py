"""DBSCAN (Ester et al., 1996): images from each of the parts in which the pool lies denser than `eps` says."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from stages.base.numbers import Distance
from stages.geometry.distances import squares
from stages.geometry.neighbours import nearest
from stages.geometry.reachability import core_squares, walk
from stages.selection import Curve, Selection, _density
from stages.selection._density import Clustering, Density, measured
from stages.selection._elbow import elbow

POINTS = 500  # of the curve that is drawn


class Settings(Density):
    """`eps`: how near is near, as a distance of the metric; null: the elbow of the curve of the distances to the
    min_samples-th nearest. The others: `Density` in _density.py."""

    strategy: Literal["dbscan"]
    eps: Distance | None


def select(
    features: np.ndarray, budget: int, settings: Settings, *, labelled: np.ndarray, seed: int, device: torch.device
) -> Selection:
    """Clusters are as scikit-learn's DBSCAN has them, but that an image on the border of several is of the one whose
    dense image is nearest, and that zeros, of which a cosine says nothing, are copies of each other."""
    return _density.select(cluster, features, budget, settings, labelled=labelled, seed=seed, device=device)


def cluster(points: Tensor, settings: Settings) -> Clustering:
    """With the figure eps. In memory of the points alone, where scikit-learn's holds every pair nearer than eps."""
    core = core_squares(points, settings.min_samples)
    rising = np.sort(core.cpu().numpy())
    if settings.eps is None:
        at = elbow(measured(rising, settings))
        limit, eps = float(rising[at]), float(measured(rising[at], settings))
        curve = _curve(measured(rising, settings), eps, settings.min_samples)
    else:
        limit, eps, curve = 2 * settings.eps if settings.metric == "cosine" else settings.eps**2, settings.eps, None
    clusters = dense_parts(points, core, limit)
    remedies = ("raise eps", "lower min_samples") if clusters.max() < 0 else ("lower eps", "raise min_samples")
    return Clustering(clusters, points, remedies, {"eps": eps}, curve)


def dense_parts(points: Tensor, core: Tensor, limit: float) -> np.ndarray:
    """int64 [n]: which part each point is of, -1 for none. points [n, d]; core: squared core distances [n]; limit: the
    squared eps."""
    clusters = np.full(len(points), -1, dtype=np.int64)
    dense, sparse = (core <= limit).nonzero()[:, 0], (core > limit).nonzero()[:, 0]
    if not len(dense):
        return clusters
    steps = walk(points[dense], core[dense], mutual=True)
    of_dense = np.empty(len(dense), dtype=np.int64)
    # the walk leaves a part for the next, by a step too long, when it has been through all of it
    of_dense[steps.order] = np.cumsum(steps.squared[steps.order] > limit) - 1
    clusters[dense.cpu().numpy()] = of_dense
    if len(sparse):
        _, to = nearest(points[sparse], points[dense], 1)
        near = (squares(points, points, sparse, dense[to[:, 0]]) <= limit).cpu().numpy()
        clusters[sparse.cpu().numpy()[near]] = of_dense[to[:, 0].cpu().numpy()[near]]
    return clusters


def _curve(rising: np.ndarray, eps: float, min_samples: int) -> Curve:
    """The curve of the k-distances, by distance: how many images are dense with an eps."""
    which = np.unique(np.linspace(0, len(rising) - 1, POINTS).astype(np.int64))
    label = f"share of dense images ({min_samples} within eps)"
    return Curve(rising[which], (which + 1) / len(rising), eps, "eps", label)
