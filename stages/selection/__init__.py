"""Strategies that say which images of a pool to label next, from features and without labels; one file each.

A strategy has `Settings` and
`select(features float32 [n, d], budget, settings, *, labelled int64 [l], seed, device) -> Selection`. It is told which
images have a label already, never which label, and chooses `budget` others beside them.
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


NONE = np.zeros(0, dtype=np.int64)  # no image


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
        self,
        features: np.ndarray,
        budget: int,
        settings: Block,
        *,
        labelled: np.ndarray,
        seed: int,
        device: torch.device,
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
    labelled: np.ndarray,
    skipped: np.ndarray,
    seeds: Sequence[int],
    device: torch.device,
) -> list[Selection]:
    """A selection for each seed, of images neither labelled nor skipped, in which no image comes twice, nor one of
    those again, while others are left.

    features: float32 [n, d]; first: int64 [n], of each image the first equal picture of the pool; labelled, skipped:
    int64 [l] and [s], images that people gave a label, and could give none. The strategy is handed one image of each
    kind, and none that was skipped. With a budget above that come images whose features are those of one before, then
    copies, both at random, without reasons. Raises UserError for more images than are left.
    """
    known = np.concatenate([labelled, skipped])
    check(budget, features, known)
    groups = alike(features)[first]
    open_ = np.flatnonzero(~mask(known, len(features)))
    fresh = ~repeats(open_, groups, known)
    stand = labelled[~repeats(labelled, groups, NONE)]
    kinds = np.sort(np.concatenate([stand, open_[fresh]]))
    if len(kinds) == len(features):
        return [
            strategy.select(features, budget, settings, labelled=labelled, seed=seed, device=device) for seed in seeds
        ]
    given, count = np.flatnonzero(np.isin(kinds, stand)), min(budget, int(fresh.sum()))
    found = [
        strategy.select(features[kinds], count, settings, labelled=given, seed=seed, device=device)
        if count
        else Selection(NONE, None)
        for seed in seeds
    ]
    others = tiers(open_[~fresh], first, groups, np.concatenate([known, open_[fresh]]))
    # where in `kinds` the one is that stands for each image, -1 for what was skipped
    place = np.full(len(features), -1, dtype=np.int64)
    place[groups[kinds]] = np.arange(len(kinds))
    notes = _notes(groups, first, budget, known)
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
    more = np.concatenate([NONE, *(rng.permutation(tier) for tier in others)])[: budget - len(found.indices)]
    return replace(
        found,
        indices=np.concatenate([kinds[found.indices], more]),
        clusters=None if found.clusters is None else np.where(place < 0, -1, found.clusters[place]),
        reasons={name: np.append(values, np.full(len(more), np.nan)) for name, values in found.reasons.items()},
        notes=(*found.notes, *notes),
    )


def _notes(groups: np.ndarray, first: np.ndarray, budget: int, known: np.ndarray) -> tuple[str, ...]:
    every = np.arange(len(first))
    distinct = every[first == every]
    notes = []
    if repeated := int(repeats(distinct, groups, NONE).sum()):
        notes.append(
            f"features: {repeated:,} images have those of another, though the pictures differ; they are chosen last"
        )
    left = len(np.setdiff1d(distinct, first[known]))
    if budget > left:
        copies = f"{budget - left:,} of the {budget:,} images chosen are copies"
        of = "others chosen" if not len(known) else "what is labelled or chosen"
        notes.append(f"{copies} of {of}: the pool has {left:,} {'more ' * bool(len(known))}that differ")
    return tuple(notes)


def ranked(
    strategy: Member,
    features: np.ndarray,
    budget: int,
    settings: Block,
    *,
    first: np.ndarray,
    labelled: np.ndarray,
    skipped: np.ndarray,
    seeds: Sequence[int],
    device: torch.device,
) -> list[tuple[Selection, np.ndarray]]:
    """For each seed the first `budget` images and a ranking of all n, int64 [n]: the labelled, in the order in which
    the strategy would rank them if it knew of no label, so that a part of them is its part; what it chooses beside
    them, as `choose` does; then the others. A labelled image has no reasons, and where nothing is left to choose the
    clusters are those of the pool without labels."""

    def chosen(count: int, labelled: np.ndarray, skipped: np.ndarray) -> list[Selection]:
        known = {"labelled": labelled, "skipped": skipped}
        return choose(strategy, features, count, settings, first=first, **known, seeds=seeds, device=device)

    plain = chosen(budget, NONE, NONE)
    orders = [full_ranking(one.indices, first, seed) for one, seed in zip(plain, seeds, strict=True)]
    if not len(labelled) + len(skipped):
        return list(zip(plain, orders, strict=True))
    count = min(budget, len(features) - len(skipped)) - len(labelled)
    if count > 0:
        beside = chosen(count, labelled, skipped)
    else:
        beside = [replace(one, indices=NONE, reasons={}, notes=()) for one in plain]
    found = []
    for seed, order, one in zip(seeds, orders, beside, strict=True):
        known = order[np.isin(order, labelled)]
        bought = known[:budget]
        reasons = {name: np.append(np.full(len(bought), np.nan), values) for name, values in one.reasons.items()}
        ranking = full_ranking(np.concatenate([known, one.indices]), first, seed, skipped)
        found.append((replace(one, indices=np.append(bought, one.indices), reasons=reasons), ranking))
    return found


def full_ranking(chosen: np.ndarray, first: np.ndarray, seed: int, last: np.ndarray = NONE) -> np.ndarray:
    """All n images, int64: the chosen first, int64 [m], in their order, then the others in an order drawn by seed,
    copies after them, and `last`, what people skipped. first: int64 [n], of each image the first equal picture of the
    pool."""
    every = np.arange(len(first), dtype=np.int64)
    others = draws.rng(seed, "selection.others").permutation(np.setdiff1d(every, chosen))
    skipped = np.isin(others, last)
    open_ = others[~skipped]
    copies = repeats(open_, first, np.concatenate([chosen, last]))
    return np.concatenate([chosen, open_[~copies], open_[copies], others[skipped]])


def check(budget: int, features: np.ndarray, labelled: np.ndarray) -> None:
    """Raises UserError for a budget that the pool cannot give beside what is labelled, and for labelled images that are
    not of the pool."""
    n = len(features)
    if outside := [int(one) for one in labelled if not 0 <= one < n]:
        raise UserError(f"labelled: image {outside[0]} is not in a pool of {n} images; run `dvc repro split`")
    if len(np.unique(labelled)) < len(labelled):
        raise UserError("labelled: an image is named twice; run `dvc repro split`")
    left = n - len(labelled)
    if not 1 <= budget <= left:
        without = f", of which {left} have no label" if len(labelled) else ""
        raise UserError(f"labels.budget: {budget} labels asked for in a pool of {n} images{without}")


def mask(images: np.ndarray, n: int) -> np.ndarray:
    """bool [n]: which images of a pool these are, int64 [m]."""
    found = np.zeros(n, dtype=bool)
    found[images] = True
    return found


def normalised(features: np.ndarray, wanted: bool) -> np.ndarray:
    """Features [n, d] of length 1, if wanted, for which Euclidean distances order as cosine ones; zeros stay
    zeros."""
    if not wanted:
        return features
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1)
