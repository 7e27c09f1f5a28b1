"""A budget spread over clusters: evenly, so that they take turns, or by their sizes."""

from __future__ import annotations

import numpy as np


def by_turns(clusters: np.ndarray, order: np.ndarray, budget: int, taken: np.ndarray | None = None) -> np.ndarray:
    """Indices int64 [budget], or fewer where no more images lie in clusters: the next is always of the cluster that
    has given the fewest so far, of these the largest.

    clusters: int64 [n], -1 is in none and never chosen; order: [n], the lowest of a cluster comes first, ties by the
    lower index; taken: bool [n], images that are chosen already, which count as given by their clusters.
    """
    untaken, own, turn, sizes = _in_turn(clusters, order, taken)
    return untaken[np.lexsort((own, -sizes, turn))][:budget].astype(np.int64)


def by_shares(clusters: np.ndarray, order: np.ndarray, budget: int, taken: np.ndarray | None = None) -> np.ndarray:
    """The same, but that clusters give in proportion to their sizes, at any budget: by the rule of Sainte-Lague, in
    which the k-th image of a cluster of s comes at (k - 1/2) / s, ties to the larger cluster."""
    untaken, own, turn, sizes = _in_turn(clusters, order, taken)
    return untaken[np.lexsort((own, -sizes, (turn + 0.5) / sizes))][:budget].astype(np.int64)


def _in_turn(
    clusters: np.ndarray, order: np.ndarray, taken: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The images that are in a cluster and not taken, cluster by cluster; of each its cluster, how many of that come
    before it, and how many images the cluster has."""
    inside = clusters >= 0
    taken = np.zeros_like(inside) if taken is None else taken
    sizes = np.bincount(clusters[inside])
    given = np.bincount(clusters[inside & taken], minlength=len(sizes))
    untaken = np.flatnonzero(inside & ~taken)
    untaken = untaken[np.lexsort((order[untaken], clusters[untaken]))]  # stable
    own = clusters[untaken]
    return untaken, own, given[own] + np.arange(len(own)) - np.searchsorted(own, own), sizes[own]
