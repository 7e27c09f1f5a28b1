"""The images whose classes are most evenly likely: the entropy of the prediction (Shannon 1948)."""

from __future__ import annotations

from typing import Literal

import torch

from stages.acquisition import Acquisition, Candidates, Query, highest


class Settings(Acquisition):
    name: Literal["entropy"]


def query(candidates: Candidates, settings: Settings) -> Query:
    """The score is the entropy -sum p log p, in nats; the largest comes first."""
    return highest(candidates, torch.special.entr(candidates.probabilities()).sum(1))
