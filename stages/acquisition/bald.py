"""BALD: the images about which the model's own variants, made by dropout, disagree most (Houlsby et al. 2011; Gal,
Islam and Ghahramani 2017)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stages.acquisition import Acquisition, Candidates, Query, highest
from stages.base.numbers import Fraction

ROWS = 4096  # images at a time


class Settings(Acquisition):
    """`dropout`: the share of what the head's weights see that is dropped; `passes`: variants of the model. The encoder
    has no dropout and runs once: what is uncertain here is the head.

    Departs from the papers on purpose: training has no dropout (as in Loquercio, Segu and Scaramuzza 2020), so that the
    model which is measured is the one that every other acquisition has."""

    name: Literal["bald"]
    dropout: Fraction
    passes: int = Field(ge=2, le=1000)


@torch.no_grad()
def query(candidates: Candidates, settings: Settings) -> Query:
    """The score is H(mean p) - mean H(p) over the passes, in nats: the information that the label has about the model;
    the largest comes first. A pass drops the same entries for all images, as one variant of the model judges all."""
    inputs, head = candidates.inputs(), cast(nn.Linear, candidates.head)
    drawn = candidates.rng().random((settings.passes, inputs.shape[1])) >= settings.dropout
    variants = torch.from_numpy(drawn).to(inputs) / (1 - settings.dropout)
    scores = []
    for rows in candidates.askable.split(ROWS):
        seen = inputs[rows]
        passes = (functional.linear(seen * one, head.weight, head.bias) for one in variants)
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
