"""TypiClust on what the model has learnt: of the clusters with the fewest labels the most typical image (Hacohen, Dekel
and Weinshall 2022)."""

from __future__ import annotations

from typing import Literal

import torch

from stages.acquisition import Acquisition, Candidates, Query
from stages.base.numbers import Amount, AmountOrNone
from stages.geometry.typicality import typical


class Settings(Acquisition):
    """`normalise`: embeddings to length 1 first; `max_clusters`: there are as many as there will be labels, up to this;
    `neighbours`: typicality is the inverse of the mean distance to so many; `smallest`: clusters of so many images or
    fewer are passed over. The paper: length 1, 500, 20, 5."""

    name: Literal["typiclust"]
    normalise: bool
    max_clusters: Amount
    neighbours: Amount
    smallest: AmountOrNone


def query(candidates: Candidates, settings: Settings) -> Query:
    """Clusters anew in each round, of the images labelled and those that may be queried. The score is the typicality;
    the largest of a cluster comes first."""
    labelled = len(candidates.labelled)
    indices, _, typicality = typical(
        candidates.joined(settings.normalise),
        candidates.count,
        torch.arange(labelled, device=candidates.embedding.device),
        seed=int(candidates.rng().integers(2**63 - 1)),
        max_clusters=settings.max_clusters,
        neighbours=settings.neighbours,
        smallest=settings.smallest,
    )
    return Query(candidates.askable[indices - labelled], typicality)
