"""Coreset on what the model has learnt: the pool is covered by the smallest balls about the images labelled and asked
about (Sener and Savarese 2018)."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn import functional

from stages.acquisition import Acquisition, Asked, Candidates
from stages.k_centre import further


class Settings(Acquisition):
    """`normalise`: embeddings to length 1 first."""

    name: Literal["coreset"]
    normalise: bool


def ask(candidates: Candidates, settings: Settings) -> Asked:
    """Always the image farthest from all those labelled and chosen; the first at random if there is none."""
    labelled, askable = candidates.labelled, candidates.askable
    points = candidates.embedding[torch.cat([labelled, askable])]
    if settings.normalise:
        points = functional.normalize(points, dim=1)
    given = torch.arange(len(labelled), device=points.device)
    if not len(labelled):
        given = torch.tensor([int(candidates.rng().integers(len(askable)))], device=points.device)
        rest = further(points, candidates.count - 1, given)
        return Asked(askable[torch.cat([given, rest])], None)
    return Asked(askable[further(points, candidates.count, given) - len(labelled)], None)
