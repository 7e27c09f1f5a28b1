"""Coreset selection by k-centre greedy (Sener and Savarese, 2018): the pool is covered by the smallest
balls.

The paper goes on from there by a mixed-integer programme that may leave outliers uncovered. That is left out, as it is
by most who compare with it, so that outliers are chosen.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel

from stages.base import draws
from stages.geometry.k_centre import further, k_centre
from stages.selection import Selection, check, normalised


class Settings(BaseModel, extra="forbid", frozen=True):
    """`normalise`: features to length 1 first."""

    strategy: Literal["coreset"]
    extractor: str
    normalise: bool


def select(
    features: np.ndarray, budget: int, settings: Settings, *, labelled: np.ndarray, seed: int, device: torch.device
) -> Selection:
    """Always the image farthest from all those labelled or chosen, the first at random where none is; the reason of
    each is its `distance` to the nearest of them, NaN for the first at random."""
    check(budget, features, labelled)
    points = torch.from_numpy(normalised(features, settings.normalise)).to(device)
    given = torch.from_numpy(labelled).to(device)
    if len(labelled):
        picks = further(points, budget, given)
    else:
        first = int(draws.rng(seed, "selection.coreset").integers(len(features)))
        picks = k_centre(points, budget, first=first)
    distances = _to_earlier(points[torch.cat([given, picks])])[len(given) :]
    return Selection(picks.cpu().numpy(), None, {"distance": distances.cpu().numpy()})


def _to_earlier(points: torch.Tensor) -> torch.Tensor:
    """The distance of each point [n, d] to the nearest of those before it, float32 [n]."""
    found = [points.new_full((1,), torch.nan)]
    for start in range(1, len(points), 1024):
        block = points[start : start + 1024]
        # in float64, as it works by products, in which points far from the origin lose their distances
        distances = torch.cdist(block.double(), points[: start + len(block) - 1].double()).to(points.dtype)
        later = torch.ones_like(distances, dtype=torch.bool).triu(start)
        found.append(distances.masked_fill(later, torch.inf).amin(1))
    return torch.cat(found)
