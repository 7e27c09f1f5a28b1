"""Images at random, each as likely as any other."""

from __future__ import annotations

from typing import Literal

import torch

from stages.acquisition import Acquisition, Asked, Candidates


class Settings(Acquisition):
    name: Literal["random"]


def ask(candidates: Candidates, settings: Settings) -> Asked:
    order = candidates.rng().permutation(len(candidates.askable))[: candidates.count]
    return Asked(candidates.askable[torch.from_numpy(order).to(candidates.askable.device)], None)
