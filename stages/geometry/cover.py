"""Balls of one radius around each point, and which of them cover most points: greedy maximum coverage."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from stages.geometry.neighbours import nearest

BLOCK = 2**22  # entries of one block of the distance matrix
KEPT = 2**27  # members kept in memory, of 4 bytes each; where there are more, balls are measured again when asked for
MARGIN = 1e-6  # of the squared radius: a point on the sphere, up to the rounding of its distance, lies outside


def to_others(points: Tensor, clusters: Tensor) -> Tensor:
    """The distance of each point [n, d] to the nearest one of another cluster [n], float32 [n]; infinite if there is no
    other."""
    found = torch.full((len(points),), torch.inf, device=points.device)
    # halves of the clusters against each other, then halves of the halves: each pair of clusters is met once
    for level in reversed(range(int(clusters.max()).bit_length())):
        for group in (clusters >> level + 1).unique():
            within = clusters >> level + 1 == group
            upper = (clusters >> level) % 2 == 1
            sides = [(within & ~upper).nonzero()[:, 0], (within & upper).nonzero()[:, 0]]
            for own, other in (sides, sides[::-1]):
                if len(own) and len(other):
                    distances, _ = nearest(points[own], points[other], 1)
                    found[own] = torch.minimum(found[own], distances[:, 0])
    return found


class Balls:
    """What lies nearer than `radius` to each of the points [n, d] on any device, itself and equal points included.

    `sizes`: int64 [n], how many points each ball holds. `clusters` [n] and `apart` [n], the distances `to_others`, save
    work: a ball no larger than that holds points of its own cluster only, and no others are measured. Distances are
    float64, in blocks.
    """

    def __init__(self, points: Tensor, radius: float, clusters: Tensor, apart: Tensor) -> None:
        self._points, self._middle = points, points.mean(0, dtype=torch.float64)
        self._squares = torch.cat([self._centred(part).square().sum(1) for part in torch.split(self._all(), 4096)])
        noise = self._squares * (8 * (points.shape[1] + 64) * 2.0**-53)  # what the product's rounding makes of 0
        self._limits = noise.clamp(min=radius**2 * (1 - MARGIN))
        order = clusters.sort(stable=True).indices
        self._clusters = [part for part in torch.split(order, torch.bincount(clusters).tolist()) if len(part)]
        self._pure = apart >= radius
        n = len(points)
        self.sizes, self._starts = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        # reserved, and taken as it is filled
        self._members: np.ndarray | None = np.empty(min(n**2, KEPT), dtype=np.int32)
        total = 0
        for rows, sizes, members in self._search(self._all()):
            self.sizes[rows], self._starts[rows] = sizes, total + sizes.cumsum() - sizes
            total += len(members)
            if self._members is not None and total <= len(self._members):
                self._members[total - len(members) : total] = members
            else:
                self._members = None

    def of(self, index: int) -> np.ndarray:
        """Indices int32 of what the ball around this point holds, in no certain order."""
        if self._members is None:
            return next(self._search(torch.tensor([index], device=self._points.device)))[2]
        return self._members[self._starts[index] : self._starts[index] + self.sizes[index]]

    def holding(self, which: np.ndarray) -> np.ndarray:
        """How many of the balls around these points [m] hold each of all points, int64 [n]."""
        n = len(self.sizes)
        if self._members is not None:
            return np.bincount(np.concatenate([self.of(index) for index in which]), minlength=n)
        blocks = self._search(torch.from_numpy(which).to(self._points.device))
        return sum((np.bincount(members, minlength=n) for _, _, members in blocks), np.zeros(n, dtype=np.int64))

    def _search(self, which: Tensor) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Some of these points, how many their balls hold, and those, ball after ball."""
        asked = torch.zeros(len(self._points), dtype=torch.bool, device=self._points.device)
        asked[which] = True
        groups = [(part[asked[part] & self._pure[part]], [part]) for part in self._clusters]
        groups.append(((asked & ~self._pure).nonzero()[:, 0], self._clusters))
        for rows, parts in groups:
            columns = torch.cat(parts)
            step = max(1, min(BLOCK // max(map(len, parts)), 4 * BLOCK // len(columns)))
            for block in torch.split(rows, step):
                if len(block):
                    inside = torch.cat([self._inside(block, part) for part in parts], 1)
                    members = columns[inside.nonzero()[:, 1]].int()
                    yield block.cpu().numpy(), inside.sum(1).cpu().numpy(), members.cpu().numpy()

    def _inside(self, rows: Tensor, columns: Tensor) -> Tensor:
        sums = self._squares[rows, None] + self._squares[columns]
        return torch.addmm(sums, self._centred(rows), self._centred(columns).T, alpha=-2) <= self._limits[rows, None]

    def _centred(self, which: Tensor) -> Tensor:
        return self._points[which].double() - self._middle

    def _all(self) -> Tensor:
        return torch.arange(len(self._points), device=self._points.device)


def max_cover(balls: Balls, count: int, rank: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centres of balls that cover most points beside those `given`, int64 [m], distinct: int64 [count], in order,
    and how many points each covers that those before it and the given do not, int64 [count].

    Greedy, thus within 1 - 1/e of the most that can be covered (Nemhauser, Wolsey and Fisher, 1978). rank: int64 [n], a
    permutation; of equals, such as all that are left when everything is covered, the highest comes first.
    """
    n = len(balls.sizes)
    score = balls.sizes * n + rank
    uncovered = np.ones(n, dtype=bool)
    picks, gains = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    if len(given):
        for index in given:
            uncovered[balls.of(index)] = False
        score -= n * balls.holding(np.flatnonzero(~uncovered))
        score[given] = np.iinfo(np.int64).min // 2
    for place in range(count):
        pick = int(score.argmax())
        ball = balls.of(pick)
        new = ball[uncovered[ball]]
        uncovered[new] = False
        if len(new):
            score -= n * balls.holding(new)
        score[pick] = np.iinfo(np.int64).min // 2
        picks[place], gains[place] = pick, len(new)
    return picks, gains
