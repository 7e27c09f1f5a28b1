"""The images for which the model wavers most between two classes (Scheffer, Decomain and Wrobel 2001)."""

from __future__ import annotations

from typing import Literal

import torch

from stages.acquisition import Acquisition, Candidates, Query, highest


class Settings(Acquisition):
    name: Literal["margin"]


def query(candidates: Candidates, settings: Settings) -> Query:
    """By 1 - (p1 - p2), where p1 and p2 are the largest two probabilities. With a single class all images are equal."""
    probabilities = candidates.probabilities()
    if probabilities.shape[1] == 1:
        return highest(candidates, torch.zeros_like(probabilities[:, 0]))
    first, second = probabilities.topk(2, 1).values.unbind(1)
    return highest(candidates, 1 - (first - second))
