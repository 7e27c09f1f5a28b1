"""Features as points in which distances mean something, and who is whose neighbour there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stages.base.draws import rng
from stages.geometry.maps import pca

DIMENSIONS = 64  # of the points among which neighbours are looked for
NEIGHBOURS = 10
AMONG = 10_000
_BLOCK = 1 << 18  # numbers subtracted at once


@dataclass(frozen=True)
class Space:
    """Of N images `features`, float [N, d], standardised: each column that varies has mean 0 and one deviation, and the
    mean squared length is 1. `points` float32 [N, 64 or fewer]: their first principal components."""

    features: np.ndarray
    points: np.ndarray

    @cached_property
    def neighbours(self) -> np.ndarray:
        """Of each image the distances of its features to the 10 others, or all there are, whose `points` are nearest,
        float32 [N, k], the nearest first.

        Looked for among 10,000 images at most, drawn at random: a sample tells outliers about as well as all do
        (Sugiyama and Borgwardt 2013).
        """
        among = np.sort(rng(0, "health.neighbours").permutation(len(self.points))[:AMONG])
        which = among[nearest(self.points, self.points[among], NEIGHBOURS + 1)]
        count, width = which.shape
        distances = self.distances(np.repeat(np.arange(count), width), which.ravel()).reshape(count, width)
        distances[which == np.arange(count)[:, None]] = np.inf
        # its own place comes last; who is not among them leaves out the farthest
        return np.sort(distances, axis=1)[:, : max(0, width - 1)]

    def distances(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """float32 [p], between the features of the images int64 [p] and [p]."""
        step = max(1, _BLOCK // max(1, self.features.shape[1]))
        found = np.empty(len(left), np.float32)
        for start in range(0, len(left), step):
            pairs = slice(start, start + step)
            difference = self.features[left[pairs]] - self.features[right[pairs]]
            found[pairs] = np.sqrt(np.einsum("pd,pd->p", difference, difference))
        return found


def space(features: np.ndarray) -> Space:
    """Of features float32 [N, d]."""
    centred = (features - features.mean(axis=0, dtype=np.float64).astype(np.float32)).astype(np.float32)
    deviation = np.sqrt(np.einsum("nd,nd->d", centred, centred) / max(1, len(centred)))
    varies = deviation > 1e-6 * max(1e-30, deviation.max(initial=0))
    if not varies.any():
        nothing = np.zeros((len(features), 1), np.float32)
        return Space(nothing, nothing)
    standard = centred[:, varies] / (deviation[varies] * np.float32(np.sqrt(max(1, varies.sum()))))
    return Space(standard, pca(standard, max(1, min(DIMENSIONS, standard.shape[1]))))


def nearest(queries: np.ndarray, database: np.ndarray, k: int) -> np.ndarray:
    """The k of the database [n, d], or all there are, nearest to each query [m, d]: int64 [m, k]."""
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(database))
    if not k or not len(queries):
        return np.zeros((len(queries), k), np.int64)
    index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(database)
    which: np.ndarray = index.kneighbors(queries, return_distance=False)
    return which


def outliers(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of neighbours' distances [N, k]: the images far out, int64 [n], the farthest first, and of each
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
