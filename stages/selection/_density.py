"""What the strategies that cluster by density share: the space they do it in, and what they take of each cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch import Tensor

from stages.base import draws
from stages.base.errors import UserError
from stages.base.numbers import Several
from stages.geometry.silhouette import silhouette
from stages.geometry.turns import by_shares, by_turns
from stages.selection import Curve, Selection, check, mask, normalised
from stages.selection._reduction import Reduction, reduced

LARGEST = 0.9  # a cluster of more than this share of the clustered images leaves the others next to nothing


class Density(BaseModel, extra="forbid", frozen=True):
    """`normalise`: features to length 1 first; `reduction`: then to `dimensions`, which none passes over; `metric`: of
    the clustering, after that; `min_samples`: an image is dense if so many, itself counted, lie near.
    `pick`: of each cluster any image at random, or the nearest to its mean; `balance`: even, by which the clusters take
    turns, or proportional to their sizes."""

    strategy: str
    extractor: str
    normalise: bool
    reduction: Reduction
    dimensions: int = Field(ge=1, le=16_384)
    metric: Literal["euclidean", "cosine"]
    min_samples: Several
    pick: Literal["random", "nearest"]
    balance: Literal["even", "proportional"]


@dataclass(frozen=True)
class Clustering:
    """What a strategy finds: `clusters` int64 [n], -1 for noise; `points` float32 [n, d], which it clustered;
    `remedies`: what to try if the clusters are too few; `figures` and `curve` as of a Selection."""

    clusters: np.ndarray
    points: Tensor
    remedies: tuple[str, ...]
    figures: Mapping[str, float | None]
    curve: Curve | None = None


Block = TypeVar("Block", bound=Density)
Cluster = Callable[[Tensor, Block], Clustering]


def select(
    cluster: Cluster[Block],
    features: np.ndarray,
    budget: int,
    settings: Block,
    *,
    labelled: np.ndarray,
    seed: int,
    device: torch.device,
) -> Selection:
    """A selection from the clusters that `cluster(points, settings)` finds, in which a labelled image counts as one
    that its cluster gave.

    The reason of each image is its `distance` to the mean of its cluster, in the space of the clustering. Once the
    clusters have given all their images, noise is drawn from at random, and a note says so. Raises UserError for fewer
    than two clusters.
    """
    check(budget, features, labelled)
    # only UMAP changes with the seed: without it, the clusters of the seed before are those of this one
    clustering = _clustered(cluster, _Itself(features), settings, seed if settings.reduction == "umap" else 0, device)
    rng = draws.rng(seed, "selection.density")
    distances = _to_means(clustering.points, clustering.clusters)
    order = distances if settings.pick == "nearest" else rng.random(len(features))
    spread = by_turns if settings.balance == "even" else by_shares
    taken = mask(labelled, len(features))
    indices = spread(clustering.clusters, order, budget, taken)
    notes = []
    sizes = np.bincount(clustering.clusters[clustering.clusters >= 0])
    if sizes.max() > LARGEST * sizes.sum():
        notes.append(f"one of the {len(sizes)} clusters holds {sizes.max():,} of the {sizes.sum():,} images in any")
    if missing := budget - len(indices):
        held = f"the clusters hold only {len(indices):,} images{' without a label' * bool(len(labelled))}"
        notes.append(f"{held}: {missing:,} of {budget:,} were drawn at random among noise")
        noise = rng.permutation(np.flatnonzero((clustering.clusters < 0) & ~taken))
        indices = np.concatenate([indices, noise[:missing]])
    reasons = {"distance": distances[indices]}
    return Selection(indices, clustering.clusters, reasons, clustering.figures, clustering.curve, tuple(notes))


def space(features: np.ndarray, settings: Density, *, seed: int, device: torch.device) -> Tensor:
    """The points that are clustered, float32 [n, d']: normalised, reduced, and for the cosine metric, which is half the
    squared distance of these, of length 1. Zeros are at right angles to all others."""
    points = normalised(features, settings.normalise)
    points = reduced(points, settings.reduction, settings.dimensions, seed=seed, device=device)
    if settings.metric == "cosine":
        points = normalised(points, True)
        if (zeros := ~points.any(axis=1)).any():
            points = np.column_stack([points, zeros.astype(points.dtype)])
    return torch.from_numpy(points).to(device)


def measured(squared: np.ndarray, settings: Density) -> np.ndarray:
    """Distances of the metric, from squared ones in `space`."""
    return squared / 2 if settings.metric == "cosine" else np.sqrt(squared)


class _Itself:
    """An array as a key: it equals itself alone."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.array is other.array

    def __hash__(self) -> int:
        return id(self.array)


@lru_cache(maxsize=1)
def _clustered(
    cluster: Cluster[Block], features: _Itself, settings: Block, seed: int, device: torch.device
) -> Clustering:
    """At least two clusters, the largest first, with their figures."""
    clustering = cluster(space(features.array, settings, seed=seed, device=device), settings)
    inside = clustering.clusters >= 0
    _, which, sizes = np.unique(clustering.clusters[inside], return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        what = f"{len(sizes)} cluster{'s' * (len(sizes) != 1)}, {(~inside).sum():,} of {len(inside):,} images are noise"
        by = "".join(f" with {name}={value:.4g}" for name, value in clustering.figures.items())
        tries = [*clustering.remedies, *([] if settings.reduction == "umap" else ["set reduction=umap"])]
        raise UserError(f"{settings.strategy}: {what}{by}; {', '.join(tries[:-1])} or {tries[-1]}")
    clusters = np.full(len(inside), -1, dtype=np.int64)
    clusters[inside] = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")[which]
    points = clustering.points.cpu().numpy()
    figures = {
        "clusters": len(sizes),
        "noise": int((~inside).sum()),
        **clustering.figures,
        "silhouette": silhouette(points[inside], clusters[inside]),
    }
    return Clustering(clusters, clustering.points, clustering.remedies, figures, clustering.curve)


def _to_means(points: Tensor, clusters: np.ndarray) -> np.ndarray:
    """The distance of each point [n, d] to the mean of its cluster, float64 [n]; NaN for noise."""
    distances = np.full(len(points), np.nan)
    by_cluster = np.argsort(clusters, kind="stable")
    bounds = np.searchsorted(clusters[by_cluster], np.arange(clusters.max() + 2))
    for members in np.split(by_cluster, bounds)[1:-1]:
        x = points[torch.from_numpy(members).to(points.device)].double()
        distances[members] = (x - x.mean(0)).norm(dim=1).cpu().numpy()
    return distances
