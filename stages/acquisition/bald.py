"""BALD: the images about which the model's own variants, made by dropout, disagree most (Houlsby et al. 2011; Gal,
Islam and Ghahramani 2017)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from stages.acquisition import Acquisition, Asked, Candidates, highest

ROWS = 4096  # images at a time


class Settings(Acquisition):
    """`dropout`: the share of the embedding that is dropped before the head, in training and here; `passes`: variants
    of the model. The encoder has no dropout and runs once: what is uncertain here is the head."""

    name: Literal["bald"]
    dropout: float = Field(gt=0, lt=1)
    passes: int = Field(ge=2)

    def dropped(self) -> float:
        return self.dropout


@torch.no_grad()
def ask(candidates: Candidates, settings: Settings) -> Asked:
    """By H(mean p) - mean H(p) over the passes, in nats: the information that the label has about the model."""
    embedding, kept = candidates.embedding, 1 - settings.dropout
    generator = torch.Generator(embedding.device).manual_seed(int(candidates.rng().integers(2**63 - 1)))
    scores = []
    for rows in candidates.askable.split(ROWS):
        points = embedding[rows]
        passes = (
            candidates.head(points * torch.empty_like(points).bernoulli_(kept, generator=generator) / kept)
            for _ in range(settings.passes)
        )
        scores.append(disagreement(logits.double().softmax(1) for logits in passes))
    return highest(candidates, torch.cat(scores))


def disagreement(passes: Iterable[Tensor]) -> Tensor:
    """H(mean p) - mean H(p), [n], of several predictions p [n, C] of the same images, one after the other."""
    total, entropies, count = torch.tensor(0.0), torch.tensor(0.0), 0
    for probabilities in passes:
        total = total.to(probabilities) + probabilities
        entropies = entropies.to(probabilities) + torch.special.entr(probabilities).sum(1)
        count += 1
    return torch.special.entr(total / count).sum(1) - entropies / count
