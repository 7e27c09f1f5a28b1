"""The images nearest to, or drawn from around, the centroids of k-means."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel

from stages.base import draws
from stages.base.numbers import Amount
from stages.geometry.kmeans import kmeans
from stages.geometry.turns import by_turns
from stages.selection import Selection, check, mask, normalised


class Settings(BaseModel, extra="forbid", frozen=True):
    """`per_centroid`: images of each centroid, of which there are labels / per_centroid, rounded up; `pick`:
    the nearest to it, or any of its cluster at random; `normalise`: features to length 1 first."""

    strategy: Literal["kmeans"]
    extractor: str
    per_centroid: Amount
    pick: Literal["nearest", "random"]
    normalise: bool


def select(
    features: np.ndarray, budget: int, settings: Settings, *, labelled: np.ndarray, seed: int, device: torch.device
) -> Selection:
    """Round by round one image of each cluster, the largest first, so that the first images of the ranking are spread
    as well; a labelled image counts as one that its cluster gave. The reason of each is its `distance` to the centroid.

    Where a cluster has fewer images than it should give, the others give more, in further rounds.
    """
    check(budget, features, labelled)
    points = torch.from_numpy(normalised(features, settings.normalise)).to(device)
    centres, labels, _ = kmeans(points, -(-(len(labelled) + budget) // settings.per_centroid), seed=seed)
    clusters = labels.cpu().numpy()
    distances = torch.cat([(x - centres[c]).norm(dim=1) for x, c in _blocks(points, labels)]).cpu().numpy()
    order = distances if settings.pick == "nearest" else draws.rng(seed, "selection.kmeans").random(len(features))
    indices = by_turns(clusters, order, budget, mask(labelled, len(features)))
    return Selection(indices, clusters, {"distance": distances[indices]})


def _blocks(points: torch.Tensor, labels: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(zip(torch.split(points, 4096), torch.split(labels, 4096), strict=True))
