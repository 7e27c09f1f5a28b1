"""TypiClust (Hacohen et al., 2022): of each cluster of k-means the most typical image, for small budgets."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel

from stages.base.numbers import Amount, AmountOrNone
from stages.geometry.typicality import typical
from stages.selection import Selection, check, normalised


class Settings(BaseModel, extra="forbid", frozen=True):
    """`max_clusters`: there are as many as labels, up to this; `neighbours`: typicality is the inverse of the mean
    distance to so many; `smallest`: clusters of so many images or fewer are passed over; `normalise`: features to
    length 1 first. The paper: 500, 20, 5, and length 1."""

    strategy: Literal["typiclust"]
    extractor: str
    normalise: bool
    max_clusters: Amount
    neighbours: Amount
    smallest: AmountOrNone


def select(
    features: np.ndarray, budget: int, settings: Settings, *, labelled: np.ndarray, seed: int, device: torch.device
) -> Selection:
    """Of the clusters with the fewest labels the largest first; with more labels than clusters, round after round. The
    reason of each is its `typicality`."""
    check(budget, features, labelled)
    points = torch.from_numpy(normalised(features, settings.normalise)).to(device)
    indices, clusters, typicality = typical(
        points,
        budget,
        torch.from_numpy(labelled).to(device),
        seed=seed,
        max_clusters=settings.max_clusters,
        neighbours=settings.neighbours,
        smallest=settings.smallest,
    )
    return Selection(indices.cpu().numpy(), clusters.cpu().numpy(), {"typicality": typicality.cpu().numpy()})
