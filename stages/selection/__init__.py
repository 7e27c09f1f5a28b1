"""Strategies that say which images of a pool to label first, from features and without labels; one file each.

A strategy has `Settings` and
`select(features float32 [n, d], budget, settings, *, seed, device) -> Selection`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.errors import UserError


@dataclass(frozen=True)
class Selection:
    """`indices`: int64 [budget], images in the order to label them; `clusters`: int64 [n], the strategy's
    own, or None."""

    indices: np.ndarray
    clusters: np.ndarray | None


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
