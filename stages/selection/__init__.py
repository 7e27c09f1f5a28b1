"""Strategies that say which images of a pool to label first, from features and without labels; one file each.

A strategy has `Settings` and
`select(features float32 [n, d], budget, settings, *, seed, device) -> Selection`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from stages.base import draws, families
from stages.base.errors import UserError
from stages.geometry.copies import alike, repeats, tiers

if TYPE_CHECKING:
    import torch
    from pydantic import BaseModel


class Block(Protocol):
    """What every block of strategies says."""

    @property
    def strategy(self) -> str: ...

    @property
    def extractor(self) -> str: ...


class Member(Protocol):
    """What a file of this package holds; the block that it is handed is of its own Settings."""

    Settings: type[BaseModel]

    def select(
        self, features: np.ndarray, budget: int, settings: Block, *, seed: int, device: torch.device
    ) -> Selection: ...


def member(name: str) -> Member:
    """The strategy of that name. Raises UserError where no file bears it."""
    return cast("Member", families.load("selection", name))


@dataclass(frozen=True)
class Curve:
    """What a strategy read a parameter of its own off, for a picture: `y` against `x`, float [m], read at `at`."""

    x: np.ndarray
    y: np.ndarray
    at: float
    x_label: str
    y_label: str


@dataclass(frozen=True)
class Selection:
    """`indices`: int64 [budget], images in the order to label them; `clusters`: int64 [n], the strategy's
    own (-1 for noise), or None; `reasons`: by name, why each was chosen, float [budget], such as its distance to the
    centroid; `figures`: what the strategy found out, such as a radius; `curve`: what it read that off; `notes`: what
    the user should know."""

    indices: np.ndarray
    clusters: np.ndarray | None
    reasons: Mapping[str, np.ndarray] = field(default_factory=dict)
    figures: Mapping[str, float | None] = field(default_factory=dict)
    curve: Curve | None = None
    notes: tuple[str, ...] = ()


def choose(
    strategy: Member,
    features: np.ndarray,
    budget: int,
    settings: Block,
    *,
    first: np.ndarray,
    seeds: Sequence[int],
    device: torch.device,
) -> list[Selection]:
    """A selection for each seed, in which no image comes twice while others are left.

    features: float32 [n, d]; first: int64 [n], of each image the first equal picture of the pool. The strategy is
    handed one image of each kind. With a budget above that come images whose features are those of one before, then
    copies, both at random, without reasons. Raises UserError for a budget above n.
    """
    check_budget(budget, features)
    same = alike(features)
    kinds, *others = tiers(np.arange(len(features)), first, same)
    points = features[kinds] if others else features
    found = [strategy.select(points, min(budget, len(kinds)), settings, seed=seed, device=device) for seed in seeds]
    if not others:
        return found
    groups = same[first]
    # where in `kinds` the one is that stands for each image
    place = np.zeros(len(features), dtype=np.int64)
    place[groups[kinds]] = np.arange(len(kinds))
    notes = _notes(same, first, budget)
    return [
        _of_all(one, kinds, others, place[groups], budget, seed, notes) for one, seed in zip(found, seeds, strict=True)
    ]


def _of_all(
    found: Selection,
    kinds: np.ndarray,
    others: list[np.ndarray],
    place: np.ndarray,
    budget: int,
    seed: int,
    notes: tuple[str, ...],
) -> Selection:
    """A selection among the images `kinds` as one of the whole pool, with as many of the others as are missing."""
    rng = draws.rng(seed, "selection.copies")
    more = np.concatenate([rng.permutation(tier) for tier in others])[: budget - len(found.indices)]
    return replace(
        found,
        indices=np.concatenate([kinds[found.indices], more]),
        clusters=None if found.clusters is None else found.clusters[place],
        reasons={name: np.append(values, np.full(len(more), np.nan)) for name, values in found.reasons.items()},
        notes=(*found.notes, *notes),
    )


def _notes(same: np.ndarray, first: np.ndarray, budget: int) -> tuple[str, ...]:
    every, none = np.arange(len(same)), np.zeros(0, dtype=np.int64)
    distinct = every[first == every]
    notes = []
    if repeated := int(repeats(distinct, same, none).sum()):
        notes.append(
            f"features: {repeated:,} images have those of another, though the pictures differ; they are chosen last"
        )
    if budget > len(distinct):
        copies = f"{budget - len(distinct):,} of the {budget:,} images chosen are copies"
        notes.append(f"{copies} of others chosen: the pool has {len(distinct):,} that differ")
    return tuple(notes)


def full_ranking(selection: Selection, first: np.ndarray, seed: int) -> np.ndarray:
    """All n images, int64: the chosen first, in their order, then the others in an order drawn by seed, copies last.
    first: int64 [n], of each image the first equal picture of the pool."""
    chosen, every = selection.indices, np.arange(len(first), dtype=np.int64)
    others = draws.rng(seed, "selection.others").permutation(np.setdiff1d(every, chosen))
    copies = repeats(others, first, chosen)
    return np.concatenate([chosen, others[~copies], others[copies]])


def check_budget(budget: int, features: np.ndarray) -> None:
    """Raises UserError for a budget that the pool cannot give."""
    if not 1 <= budget <= len(features):
        raise UserError(f"labels.budget: {budget} labels asked for in a pool of {len(features)} images")


def normalised(features: np.ndarray, wanted: bool) -> np.ndarray:
    """Features [n, d] of length 1, if wanted, for which Euclidean distances order as cosine ones; zeros stay
    zeros."""
    if not wanted:
        return features
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1)
