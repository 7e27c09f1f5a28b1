"""Coreset on what the model has learnt: the smallest balls about the images labelled and queried cover the pool (Sener
and Savarese 2018).

By k-centre greedy alone, without the paper's mixed-integer programme, as in `selection/coreset.py`.
"""

from __future__ import annotations

from typing import Literal

import torch

from stages.acquisition import Acquisition, Candidates, Query
from stages.geometry.k_centre import further, k_centre


class Settings(Acquisition):
    """`normalise`: embeddings to length 1 first."""

    name: Literal["coreset"]
    normalise: bool


def query(candidates: Candidates, settings: Settings) -> Query:
    """No score. Always the image farthest from all those labelled and chosen; the first at random if there is none."""
    points, labelled = candidates.joined(settings.normalise), len(candidates.labelled)
    if labelled:
        chosen = further(points, candidates.count, torch.arange(labelled, device=points.device)) - labelled
    else:
        chosen = k_centre(points, candidates.count, first=int(candidates.rng().integers(len(points))))
    return Query(candidates.askable[chosen], None)
