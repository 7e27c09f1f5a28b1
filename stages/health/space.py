"""Features as points in which distances mean something, and who is whose neighbour there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stages.geometry.maps import pca

DIMENSIONS = 64  # of the points among which neighbours are looked for
NEIGHBOURS = 10
_BLOCK = 1 << 22  # numbers subtracted at once


@dataclass(frozen=True)
class Space:
    """Of N images `features`, float [N, d], standardised: each column that varies has mean 0 and one deviation, and the
    mean squared length is 1. `points` float32 [N, 64 or fewer]: their first principal components."""

    features: np.ndarray
    points: np.ndarray

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each image the 10 others, or all there are, that are nearest among `points`: float32 [N, k], the distances
        of their features, the nearest first, and int64 [N, k]."""
        _, which = nearest(self.points, self.points, NEIGHBOURS, own=True)
        rows = np.repeat(np.arange(len(which)), which.shape[1])
        distances = self.distances(rows, which.ravel()).reshape(which.shape)
        order = np.argsort(distances, axis=1, kind="stable")
        return np.take_along_axis(distances, order, axis=1), np.take_along_axis(which, order, axis=1)

    def distances(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """float32 [p], between the features of the images int64 [p] and [p]."""
        step = max(1, _BLOCK // max(1, self.features.shape[1]))
        found = np.empty(len(left), np.float32)
        for start in range(0, len(left), step):
            pairs = slice(start, start + step)
            found[pairs] = np.linalg.norm(self.features[left[pairs]] - self.features[right[pairs]], axis=1)
        return found


def space(features: np.ndarray) -> Space:
    """Of features float32 [N, d]."""
    deviation = features.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-6 * max(1e-30, deviation.max(initial=0))
    standard = (features[:, varies] - features[:, varies].mean(axis=0)) / deviation[varies].astype(np.float32)
    standard = (standard / np.sqrt(max(1, varies.sum()))).astype(np.float32)
    return Space(standard, pca(standard, max(1, min(DIMENSIONS, standard.shape[1]))))


def nearest(queries: np.ndarray, database: np.ndarray, k: int, *, own: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The k of the database [n, d], or all there are, nearest to each query [m, d]: float32 [m, k], and int64 [m, k].
    own: queries are the database, and none is its own neighbour."""
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(database) - own)
    if k < 1 or not len(queries):
        return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
    index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(database)
    distances, which = index.kneighbors(None if own else queries)
    return distances.astype(np.float32), which.astype(np.int64)


def outliers(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of neighbours' distances [N, k], nearest first: the images far out, int64 [n], the farthest first, and of each
    image the mean distance to its neighbours, float32 [N].

    The score is that of Angiulli and Pizzuti (2002); far out is what lies above the third quartile of all by more than
    three times the distance between the quartiles (Tukey 1977).
    """
    score = distances.mean(axis=1) if distances.shape[1] else np.zeros(len(distances), np.float32)
    if not len(score):
        return np.zeros(0, np.int64), score
    first, third = np.percentile(score, [25, 75])
    order = np.argsort(-score, kind="stable")
    return order[score[order] > third + 3 * (third - first)], score
