"""OPTICS (Ankerst et al., 1999): images from each part of the pool that is denser than what lies around it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from stages.base.numbers import Fraction, Several
from stages.geometry.reachability import core_squares, walk
from stages.selection import Selection, _density
from stages.selection._density import Clustering, Density, measured


class Settings(Density):
    """`xi`: by which share distances fall, at least, from around a cluster to within it; `min_cluster_size`: null for
    as many as `min_samples`. The others: `Density` in _density.py."""

    strategy: Literal["optics"]
    xi: Fraction
    min_cluster_size: Several | None


def select(
    features: np.ndarray, budget: int, settings: Settings, *, labelled: np.ndarray, seed: int, device: torch.device
) -> Selection:
    """Clusters are those of scikit-learn's OPTICS by its method xi, with no bound on distances."""
    return _density.select(cluster, features, budget, settings, labelled=labelled, seed=seed, device=device)


def cluster(points: Tensor, settings: Settings) -> Clustering:
    """The walk is ours, in memory of the points alone; what is read off it is scikit-learn's."""
    from sklearn.cluster import cluster_optics_xi

    steps = walk(points, core_squares(points, settings.min_samples), mutual=False)
    smallest = settings.min_cluster_size or settings.min_samples
    with np.errstate(divide="ignore"):  # from one of several equal points to the next
        clusters, _ = cluster_optics_xi(
            reachability=measured(steps.squared, settings),
            predecessor=steps.origin,
            ordering=steps.order,
            min_samples=settings.min_samples,
            min_cluster_size=min(smallest, len(points)),
            xi=settings.xi,
        )
    return Clustering(clusters.astype(np.int64), points, ("lower xi", "lower min_samples"), {})
