"""HDBSCAN (Campello, Moulavi and Sander, 2013): images from each cluster that lasts over densities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from stages.base.numbers import Several
from stages.geometry.reachability import Walk, core_squares, walk
from stages.selection import Selection, _density
from stages.selection._density import Clustering, Density, measured

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Settings(Density):
    """`min_cluster_size`: what is smaller falls off a cluster and makes none; `cluster_selection`: of clusters within
    clusters eom takes those that last longest, often few and large, leaf the innermost. The others: `Density` in
    _density.py."""

    strategy: Literal["hdbscan"]
    min_cluster_size: Several
    cluster_selection: Literal["eom", "leaf"]


def select(
    features: np.ndarray, budget: int, settings: Settings, *, labelled: np.ndarray, seed: int, device: torch.device
) -> Selection:
    """Clusters are those of scikit-learn's HDBSCAN, up to its order of equal distances, on which they may depend. There
    are many, since one core distance counts towards several neighbours: its own clusters change with the images'
    order."""
    return _density.select(cluster, features, budget, settings, labelled=labelled, seed=seed, device=device)


def cluster(points: Tensor, settings: Settings) -> Clustering:
    """The tree of distances is ours, in memory of the points alone; what it says is scikit-learn's."""
    from sklearn.cluster import HDBSCAN

    steps = walk(points, core_squares(points, settings.min_samples), mutual=True)
    # core distances are in the tree already: with min_samples=1 they are those to the nearest, which change nothing
    model = HDBSCAN(
        min_cluster_size=settings.min_cluster_size,
        min_samples=1,
        metric="precomputed",
        cluster_selection_method=settings.cluster_selection,
        copy=True,
    )
    clusters = model.fit_predict(_tree(steps, settings))
    return Clustering(clusters.astype(np.int64), points, ("lower min_cluster_size", "lower min_samples"), {})


def _tree(steps: Walk, settings: Settings) -> csr_array:
    """The steps as a symmetric graph, n x n with 2 (n - 1) entries."""
    from scipy.sparse import csr_array

    to = np.flatnonzero(steps.origin >= 0)
    origin = steps.origin[to]
    # a graph holds no distance of 0
    lengths = np.maximum(measured(steps.squared[to], settings), np.finfo(np.float32).tiny)
    ends = np.concatenate([to, origin]), np.concatenate([origin, to])
    return csr_array((np.tile(lengths, 2), ends), shape=(len(steps.origin),) * 2)
