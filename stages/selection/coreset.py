"""Coreset selection by k-centre greedy (Sener and Savarese, 2018): the pool is covered by the smallest
balls."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel

from stages.k_centre import k_centre
from stages.selection import Selection, check_budget, normalised


class Settings(BaseModel, extra="forbid", frozen=True):
    """`normalise`: features to length 1 first."""

    strategy: Literal["coreset"]
    extractor: str
    normalise: bool


def select(features: np.ndarray, budget: int, settings: Settings, *, seed: int, device: torch.device) -> Selection:
    """The first image at random, then always the one farthest from all those chosen."""
    check_budget(budget, features)
    first = int(np.random.default_rng([seed, 4]).integers(len(features)))
    points = torch.from_numpy(normalised(features, settings.normalise)).to(device)
    return Selection(k_centre(points, budget, first=first).cpu().numpy(), None)
