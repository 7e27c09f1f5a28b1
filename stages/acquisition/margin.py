"""The images for which the model wavers most between two classes (Scheffer, Decomain and Wrobel 2001)."""

from __future__ import annotations

from typing import Literal

from stages.acquisition import Acquisition, Candidates, Query, lowest


class Settings(Acquisition):
    name: Literal["margin"]


def query(candidates: Candidates, settings: Settings) -> Query:
    """The score is the margin p1 - p2 of the largest two probabilities; the smallest, the least sure, comes first. With
    a single class p2 is 0, and all images are equal."""
    probabilities = candidates.probabilities()
    if probabilities.shape[1] == 1:
        return lowest(candidates, probabilities[:, 0])
    first, second = probabilities.topk(2, 1).values.unbind(1)
    return lowest(candidates, first - second)
