"""A budget spread over clusters: evenly, so that they take turns, or by their sizes."""

from __future__ import annotations

import numpy as np


def by_turns(clusters: np.ndarray, order: np.ndarray, budget: int, taken: np.ndarray | None = None) -> np.ndarray:
    """Indices int64 [budget], or fewer where no more images lie in clusters: the next is always of the cluster that
    has given the fewest so far, of these the largest.

    clusters: int64 [n], -1 is in none and never chosen; order: [n], the lowest of a cluster comes first, ties by the
    lower index; taken: bool [n], images that are chosen already, which count as given by their clusters.
    """
    inside = clusters >= 0
    taken = np.zeros_like(inside) if taken is None else taken
    sizes = np.bincount(clusters[inside])
    given = np.bincount(clusters[inside & taken], minlength=len(sizes))
    untaken = np.flatnonzero(inside & ~taken)
    untaken = untaken[np.lexsort((order[untaken], clusters[untaken]))]  # stable
    own = clusters[untaken]
    turn = given[own] + np.arange(len(own)) - np.searchsorted(own, own)
    return untaken[np.lexsort((own, -sizes[own], turn))][:budget].astype(np.int64)


def by_shares(clusters: np.ndarray, order: np.ndarray, budget: int) -> np.ndarray:
    """The same, but that clusters give in proportion to their sizes, at any budget: by the rule of Sainte-Lague, in
    which the k-th image of a cluster of s comes at (k - 1/2) / s, ties to the larger cluster."""
    inside = np.flatnonzero(clusters >= 0)
    inside = inside[np.lexsort((order[inside], clusters[inside]))]
    own = clusters[inside]
    sizes = np.bincount(own)[own]
    turn = np.arange(len(own)) - np.searchsorted(own, own)
    return inside[np.lexsort((own, -sizes, (turn + 0.5) / sizes))][:budget].astype(np.int64)
