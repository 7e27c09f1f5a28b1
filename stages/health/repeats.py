"""Pictures that repeat others: equal in every pixel, or nearly equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.health.looks import Looks, apart
from stages.health.space import NEIGHBOURS, Space, nearest

# Bits of 64 by which the hashes of nearly equal pictures may differ. Of 12,000 photos of CIFAR-10 nearly all pairs up
# to 8 are one photo twice; of 200,000 pairs by chance none is up to 10. JPEG of quality 40, half the size, 15 % more
# brightness or 20 % more contrast change at most 6 in 99 % of the photos; a crop by 1 px at most 10 in 90 %
BITS = 8
# correlation of their thumbnails, whatever brightness and contrast, at the least
ALIKE = 0.9
# of the distances to nearest neighbours the median is 1, and nearly equal photos are at 0.5 to 1.1
FEATURES = 1.2
# and the same of thumbnails: among drawings of few strokes all are alike, and more must be so than a neighbour is
THUMBS = 0.6


@dataclass(frozen=True)
class Pairs:
    """`left`, `right`: int64 [p], two images of a pair; `bits` uint8 [p]: by how many their hashes differ."""

    left: np.ndarray
    right: np.ndarray
    bits: np.ndarray

    def kept(self, which: np.ndarray) -> Pairs:
        """Those of bool or int64 [n]."""
        return Pairs(self.left[which], self.right[which], self.bits[which])

    def first_of_each(self) -> Pairs:
        """Of each left image the pair that is most alike."""
        order = np.lexsort((self.right, self.bits, self.left))
        return self.kept(order[np.unique(self.left[order], return_index=True)[1]])


def within(looks: Looks, distinct: np.ndarray, space: Space | None) -> Pairs:
    """Nearly equal ones among the images int64 [n] `distinct`, of which no two are equal, each pair once.

    space: of all images that have looks, or None where there are no features; those count then, too.
    """
    usable = _usable(looks, distinct)
    thumbs = looks.thumbs[usable]
    distances, which = nearest(thumbs, thumbs, NEIGHBOURS, own=True)
    left, right = np.repeat(usable, which.shape[1]), usable[which.ravel()]
    keep = distances.ravel() <= _limit(distances)
    left, right = left[keep], right[keep]
    if space is not None:
        near, others = space.neighbours
        more = np.repeat(np.arange(len(near)), near.shape[1])
        left, right = np.concatenate([left, more]), np.concatenate([right, others.ravel()])
        known = np.zeros(len(looks), bool)
        known[usable] = True
        keep = known[left] & known[right]
        left, right = left[keep], right[keep]
        correlation = np.einsum("pd,pd->p", looks.thumbs[left], looks.thumbs[right])
        keep = np.sqrt(np.maximum(0, 2 - 2 * correlation)) <= _limit(distances)
        left, right = left[keep], right[keep]
    pairs = np.unique(np.sort(np.stack([left, right], axis=1), axis=1), axis=0).reshape(-1, 2)
    found = _alike(looks, looks, pairs[:, 0], pairs[:, 1])
    if space is None or not len(found.left):
        return found
    near, _ = space.neighbours
    return found.kept(space.distances(found.left, found.right) <= FEATURES * np.median(near[:, 0]))


def across(queries: Looks, distinct: np.ndarray, others: Looks, among: np.ndarray) -> Pairs:
    """Those of the images int64 [m] `distinct` that are nearly equal to one of int64 [n] `among`, each with the one
    most alike. Nothing but pixels is compared: test images have no features before they are evaluated."""
    asked, given = _usable(queries, distinct), _usable(others, among)
    distances, which = nearest(queries.thumbs[asked], others.thumbs[given], NEIGHBOURS)
    keep = distances.ravel() <= _limit(distances)
    left, right = np.repeat(asked, which.shape[1])[keep], given[which.ravel()][keep]
    return _alike(queries, others, left, right).first_of_each()


def _usable(looks: Looks, rows: np.ndarray) -> np.ndarray:
    """Those that are not of one colour, whose hash is of noise."""
    return rows[looks.range[rows] >= 0.05]


def _limit(distances: np.ndarray) -> float:
    """Up to which distance of thumbnails two are alike, by the distances [n, k] to the nearest."""
    fixed = float(np.sqrt(2 - 2 * ALIKE))
    return min(fixed, THUMBS * float(np.median(distances[:, 0]))) if distances.size else fixed


def _alike(looks: Looks, others: Looks, left: np.ndarray, right: np.ndarray) -> Pairs:
    bits = apart(looks.hashes[left], others.hashes[right])
    pairs = Pairs(left, right, bits)
    return pairs.kept(np.flatnonzero(bits <= BITS)[np.argsort(bits[bits <= BITS], kind="stable")])
