"""Strategies that say which images of a pool to label first, from features and without labels; one file each.

A strategy has `Settings` and
`select(features float32 [n, d], budget, settings, *, seed, device) -> Selection`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from stages.base import families
from stages.base.errors import UserError

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


def full_ranking(selection: Selection, n: int, seed: int) -> np.ndarray:
    """All n images, int64: the chosen first, in their order, then the others in an order drawn by seed."""
    others = np.setdiff1d(np.arange(n, dtype=np.int64), selection.indices)
    return np.concatenate([selection.indices, np.random.default_rng([seed, 2]).permutation(others)])


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
