"""Images at random, each as likely as any other."""

from __future__ import annotations

from typing import Literal

import torch

from stages.acquisition import Acquisition, Candidates, Query


class Settings(Acquisition):
    name: Literal["random"]


def query(candidates: Candidates, settings: Settings) -> Query:
    order = candidates.rng().permutation(len(candidates.askable))[: candidates.count]
    return Query(candidates.askable[torch.from_numpy(order).to(candidates.askable.device)], None)
