"""Copies: pictures that are equal in every byte, and features that do not tell one picture from another.

A label that is spent on a copy says nothing new. So whatever chooses images is handed each once, and the copies only
when no other image is left: `tiers` says in which order, and is the one place that does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

_BLOCK = 1 << 26  # bytes at once


def digests(rows: np.ndarray, which: np.ndarray) -> list[bytes]:
    """A hash of each of rows[which], an array [M, ...] or a memory map, which is read forwards if int64 [n] `which`
    ascends."""
    step = max(1, _BLOCK // max(1, rows[:1].nbytes))
    found = []
    for start in range(0, len(which), step):
        block = np.ascontiguousarray(rows[which[start : start + step]])
        flat = block.reshape(len(block), -1).view(np.uint8)
        found += [hashlib.blake2b(row.data, digest_size=16).digest() for row in flat]
    return found


def first_of_each(keys: Sequence[bytes]) -> np.ndarray:
    """int64 [n]: of each of n keys the place of the first that is equal to it, which may be its own."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(key, place) for place, key in enumerate(keys)], dtype=np.int64)


def alike(features: np.ndarray) -> np.ndarray:
    """int64 [n]: of each row of features float [n, d] the place of the first that is equal to it."""
    # 0 and -0 are equal
    return first_of_each(digests(features + 0, np.arange(len(features))))


def tiers(order: np.ndarray, first: np.ndarray, same: np.ndarray, seen: np.ndarray | None = None) -> list[np.ndarray]:
    """The images `order` in tiers, each to be used up before the next, each in the order given, none empty: those that
    differ, those of the same features as one before, and copies.

    order: int64 [m], distinct images of a pool of n; first: int64 [n], of each the first equal picture, as
    `first_of_each` says; same: int64 [n], of each the first of equal features, as `alike` says; seen: int64 [s], images
    dealt with before, whose copies are copies.
    """
    seen = np.zeros(0, dtype=np.int64) if seen is None else seen
    copies = repeats(order, first, seen)
    distinct = order[~copies]
    repeated = repeats(distinct, same, seen)
    return [tier for tier in (distinct[~repeated], distinct[repeated], order[copies]) if len(tier)]


def repeats(order: np.ndarray, groups: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """bool [m]: which of the images `order`, int64 [m], are of the same of `groups` [n] as one before or one `seen`."""
    met = groups[np.concatenate([seen, order])]
    again = np.ones(len(met), dtype=bool)
    again[np.unique(met, return_index=True)[1]] = False
    return again[len(seen) :]
