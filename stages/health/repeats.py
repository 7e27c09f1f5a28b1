"""Pictures that repeat others: equal in every pixel, or nearly equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.base.draws import rng
from stages.health.looks import Looks, alike
from stages.health.space import NEIGHBOURS, Space

# Bits of 64 by which the hashes of nearly equal pictures may differ. JPEG of quality 40, half the size, 15 % more
# brightness or 20 % more contrast change at most 6 in 99 % of 500 photos of CIFAR-10; a crop by 1 px 6 in the median,
# by 2 px 12. Of 200,000 pairs of photos by chance none is up to 10; of the 66 among 12,000 that are up to 8 some are
# other photos all the same, which the following tells
BITS = 8
# correlation of their thumbnails, whatever brightness and contrast, at the least
ALIKE = 0.9
# of features: their distance, where the median of those to the tenth neighbour is 1
FEATURES = 1.0
# and of thumbnails the same, for among drawings of few strokes all are alike. Chosen by eye, on those 66 pairs
THUMBS = 0.45
SAMPLE = 1000  # thumbnails whose neighbours say how near these are
MOST = 10  # pairs of an image


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

    space: of all images that have looks, or None where there are no features; their distances count then, too.
    """
    found = _alike(looks, distinct, looks, distinct)
    both = np.sort(np.stack([found.left, found.right], axis=1), axis=1).reshape(-1, 2)
    _, once = np.unique(both, axis=0, return_index=True)
    once.sort()
    found = Pairs(both[once, 0], both[once, 1], found.bits[once])
    if space is None or not len(found.left):
        return found
    return found.kept(space.distances(found.left, found.right) <= FEATURES * np.median(space.neighbours[:, -1]))


def across(queries: Looks, distinct: np.ndarray, others: Looks, among: np.ndarray) -> Pairs:
    """Those of the images int64 [m] `distinct` that are nearly equal to one of int64 [n] `among`, each with the one
    most alike. Nothing but pixels is compared: test images have no features before they are evaluated."""
    return _alike(queries, distinct, others, among).first_of_each()


def _usable(looks: Looks, rows: np.ndarray) -> np.ndarray:
    """Those that are not of one colour, whose hash is of noise."""
    return rows[looks.range[rows] >= 0.05]


def _alike(looks: Looks, rows: np.ndarray, others: Looks, among: np.ndarray) -> Pairs:
    """Pairs of other images by hash and thumbnail, the most alike first."""
    rows, among = _usable(looks, rows), _usable(others, among)
    # an image may find itself
    left, right, bits = alike(looks.hashes[rows], others.hashes[among], BITS, MOST + 1)
    pairs = Pairs(rows[left], among[right], bits)
    if looks is others:
        pairs = pairs.kept(pairs.left != pairs.right)
    correlation = np.einsum("pd,pd->p", looks.thumbs[pairs.left], others.thumbs[pairs.right])
    pairs = pairs.kept(correlation >= _least(others.thumbs[among]))
    return pairs.kept(np.lexsort((pairs.right, pairs.left, pairs.bits)))


def _least(thumbs: np.ndarray) -> float:
    """The correlation from which on two are alike, among thumbnails [n, 192]."""
    if len(thumbs) <= 5 * NEIGHBOURS:
        return ALIKE
    some = np.sort(rng(0, "health.thumbs").permutation(len(thumbs))[:SAMPLE])
    close = thumbs[some] @ thumbs.T
    close[np.arange(len(some)), some] = -1
    # 2 - 2 times the correlation is the squared distance
    typical = 1 - float(np.median(np.partition(close, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS]))
    return max(ALIKE, 1 - THUMBS**2 * typical)
