"""The images whose likeliest class is least likely (Lewis and Gale 1994)."""

from __future__ import annotations

from typing import Literal

from stages.acquisition import Acquisition, Candidates, Query, highest


class Settings(Acquisition):
    name: Literal["least_confidence"]


def query(candidates: Candidates, settings: Settings) -> Query:
    """The score is 1 - max p; the largest comes first."""
    return highest(candidates, 1 - candidates.probabilities().amax(1))
