"""Acquisitions: the query of a model, which images it wants labelled next, from what it makes of the pool; a file each.

A member has `Settings(Acquisition)` (with `name`, its file's name, and its own options) and
`query(candidates, settings) -> Query`. It is told which images are labelled, and no label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor, nn
from torch.nn import functional

from stages.base import draws, families
from stages.base.errors import UserError
from stages.geometry.copies import alike, tiers


class Acquisition(BaseModel, extra="forbid", frozen=True):
    """The key `acquisition` of a model's block."""

    name: str


@dataclass(frozen=True)
class Candidates:
    """A pool of N images as the model sees it after a round, all on one device.

    embedding: float32 [N, d], the encoder's; head: a linear layer, which gives logits [N, C] of it. labelled: int64
    [l], images whose labels are told; askable: int64 [n], ascending, those shown and not queried so far; ranked: the
    same in the order of the ranking. count: how many to query, 1 to n. round: from 1, the one that is over.
    Raises UserError for a count that the images cannot give, and for an embedding or logits that are not finite.
    """

    embedding: Tensor
    head: nn.Module
    labelled: Tensor
    askable: Tensor
    ranked: Tensor
    count: int
    seed: int
    round: int

    @classmethod
    def among(
        cls,
        embedding: Tensor,
        head: nn.Module,
        *,
        labelled: np.ndarray,
        ranked: np.ndarray,
        count: int,
        seed: int,
        round: int,
    ) -> Candidates:
        """From the images labelled and those that may be queried, int64 [l] and [n], the latter in the order of the
        ranking."""

        def there(indices: np.ndarray) -> Tensor:
            return torch.from_numpy(indices).to(embedding.device)

        return cls(embedding, head, there(labelled), there(np.sort(ranked)), there(ranked), count, seed, round)

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(self.askable):
            raise UserError(
                f"{self.count} labels asked for among {len(self.askable)} images; ask for at least 1 of them"
            )
        for name, found in (("embeddings", self.embedding), ("logits", self.logits())):
            bad = int((~found.isfinite().all(1)).sum())
            if bad:
                raise UserError(f"{name} of {bad} images of the pool are not finite; lower the learning rate")

    @torch.no_grad()
    def logits(self) -> Tensor:
        """float32 [N, C]."""
        logits: Tensor = self.head(self.embedding)
        return logits.float()

    @torch.no_grad()
    def inputs(self) -> Tensor:
        """What the head's weights are multiplied with, float32 [N, d]: the embedding, or what the head makes of it
        first."""
        made: Callable[[Tensor], Tensor] = getattr(self.head, "inputs", lambda embedding: embedding)
        return made(self.embedding)

    def probabilities(self) -> Tensor:
        """Softmax of the logits of the images that may be queried, float64 [n, C]: in float32 too many of a sure
        model are 1."""
        return self.logits()[self.askable].double().softmax(1)

    def joined(self, normalise: bool) -> Tensor:
        """Embeddings of the images labelled, then of those that may be queried, float32 [l + n, d], of length 1 if
        so wanted; zeros stay zeros."""
        points = self.embedding[torch.cat([self.labelled, self.askable])]
        return functional.normalize(points, dim=1) if normalise else points

    def rng(self) -> np.random.Generator:
        """Draws of this seed and round."""
        return draws.rng(self.seed, "acquisition.query", self.round)


@dataclass(frozen=True)
class Query:
    """indices: int64 [count], distinct images of the pool, the most wanted first; scores: [count], by which they were
    chosen, as the member's `query` says, or None where no figure of a single image says it."""

    indices: Tensor
    scores: Tensor | None


class Member(Protocol):
    """What a file of this package holds; the settings that it is handed are its own."""

    Settings: type[Acquisition]

    def query(self, candidates: Candidates, settings: Acquisition) -> Query: ...


def member(name: str) -> Member:
    """The acquisition of that name. Raises UserError where no file bears it."""
    return cast("Member", families.load("acquisition", name))


def ask(candidates: Candidates, seen: np.ndarray, *, settings: Acquisition, first: np.ndarray) -> Query:
    """The query of the member that `settings` name, in which no image comes twice while others are left.

    seen: int64 [s], the images asked about before, with a label or without, whose copies are copies; first: int64 [N],
    of each image of the pool the first equal picture. The member is handed one image of each kind;
    where it is to ask about more, those whose embeddings are equal to one before, and copies last.
    """
    query, parts, missing = member(settings.name).query, list[Query](), candidates.count
    device = candidates.embedding.device
    same = alike(candidates.embedding.cpu().numpy())
    for tier in tiers(candidates.ranked.cpu().numpy(), first, same, seen):
        if missing:
            ranked, count = torch.from_numpy(tier).to(device), min(missing, len(tier))
            one = replace(candidates, ranked=ranked, askable=ranked.sort().values, count=count)
            parts.append(query(one, settings))
            missing -= count
    scores = [one.scores for one in parts if one.scores is not None]
    return Query(torch.cat([one.indices for one in parts]), torch.cat(scores) if scores else None)


def highest(candidates: Candidates, scores: Tensor) -> Query:
    """The images of the highest scores [n], those of `candidates.askable`; ties by the lower index."""
    return _first(candidates, *scores.sort(descending=True, stable=True))


def lowest(candidates: Candidates, scores: Tensor) -> Query:
    """The images of the lowest scores [n], those of `candidates.askable`; ties by the lower index."""
    return _first(candidates, *scores.sort(stable=True))


def _first(candidates: Candidates, scores: Tensor, order: Tensor) -> Query:
    return Query(candidates.askable[order[: candidates.count]], scores[: candidates.count])
