"""k-centre greedy (Gonzalez, 1985): each next centre is the point farthest from all centres so far.

Distances to the nearest centre only fall as centres are added, so that an old one is an upper bound. Sets of points lie
one inside another, each the eighth of that around it whose bounds are largest. In the innermost, distances are followed
centre by centre, in float64, until its farthest is no longer sure to be the farthest of all; then the bounds of the set
around it are brought up to date together, by one float32 product, and so on outwards. The centres are those that the
version that computes all distances anew for each centre would take.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.geometry.distances import accumulation, full_precision, largest_square, operand, squares

FOLLOWED = 256  # points followed at first; in float64 they lie in the cache
NARROWER = 8  # times fewer points in the set within
BLOCK = 2**22  # entries of one block of the distance matrix


def k_centre(points: Tensor, count: int, *, first: int) -> Tensor:
    """Indices int64 [count] of the centres, in order, beginning with `first`; ties go to the lower index.

    points float32 [n, d], on any device. Raises UserError for more centres than points.
    """
    n = len(points)
    if not 1 <= count <= n:
        raise UserError(f"{count} centres asked for among {n} images; ask for 1 to {n}")
    given = torch.tensor([first], device=points.device)
    return torch.cat([given, further(points, count - 1, given)])


def further(points: Tensor, count: int, given: Tensor) -> Tensor:
    """Indices int64 [count] of the next centres, in order, where the points `given`, int64 [m], distinct and at least
    one, are centres already; ties go to the lower index.

    points float32 [n, d], on any device. Raises UserError for more centres than points.
    """
    left = len(points) - len(given)
    if not 0 <= count <= left:
        raise UserError(f"{count} centres asked for among {left} images; ask for at most that many")
    points = points.float()
    middle = points.mean(0)
    if not largest_square(points, middle) < float("inf"):
        raise ValueError("features are not finite, or too large to be squared in float32")
    with full_precision():
        return _Greedy(points, middle, given, count).picks[len(given) :]


class _Greedy:
    """`picks`: int64 [m + count], the centres given and those chosen after them."""

    def __init__(self, points: Tensor, middle: Tensor, given: Tensor, count: int) -> None:
        self._points, self._middle = points, middle
        self.picks = torch.cat([given, given.new_empty(count)])
        self._done, self._followed = len(given), FOLLOWED
        self._taken = torch.zeros(len(points), dtype=torch.bool, device=points.device)
        bound = torch.full((len(points),), torch.inf, device=points.device)
        operand = _operand(points, middle, first=True)
        self._choose(torch.arange(len(points), device=points.device), operand, bound, 0, -1)

    def _choose(self, rows: Tensor, operand: Tensor, bound: Tensor, counted: int, limit: float) -> None:
        """Chooses from these points, int64 [m] ascending, while their farthest is sure to be beyond `limit`.

        operand: [m, d + 2], of bounds; bound: [m], of the squared distance to the nearest of the first `counted`
        centres.
        """
        while self._done < len(self.picks):
            before = self._done
            if counted < before:
                fresh = self.picks[counted:before]
                self._taken[fresh] = True
                centres = _operand(self._points[fresh], self._middle, first=False)
                bound = torch.minimum(bound, _nearest(operand, centres))
                bound[self._taken[rows]] = -1
                counted = before
            if bound.max().item() <= limit:
                return
            size = max(self._followed, len(rows) // NARROWER)
            if size >= len(rows):
                inner, others = torch.arange(len(rows), device=rows.device), limit
            else:
                inner = bound.topk(size, sorted=False).indices.sort().values
                rest = bound.clone()
                rest[inner] = -1
                others = max(limit, rest.max().item())
            if size > self._followed:
                self._choose(rows[inner], operand[inner], bound[inner], counted, others)
            else:
                self._follow(rows[inner], bound[inner], others)
            if self._done == before:
                if limit >= 0:
                    return
                self._followed *= 4  # the bounds are too wide to tell any of so many from the others

    def _follow(self, rows: Tensor, bound: Tensor, limit: float) -> None:
        """The same, centre by centre: distances are measured."""
        x = self._points[rows]
        distance = _nearest_exactly(x, self._points[self.picks[: self._done]], self._middle, bound)
        distance[bound < 0] = -1
        x = x.double()
        difference = torch.empty_like(x)  # memory that is new for each centre takes longer than the sums
        while self._done < len(self.picks):
            value, where = distance.max(0, keepdim=True)
            if value.item() <= limit:
                return
            if value.item() == 0 and limit < 0:  # all that is left equals a centre
                self.picks[self._done :] = rows[distance == 0][: len(self.picks) - self._done]
                self._done = len(self.picks)
                return
            self.picks[self._done : self._done + 1] = rows[where]
            torch.sub(x, x[where], out=difference)
            torch.minimum(distance, difference.square_().sum(1), out=distance)
            distance[where] = -1
            self._done += 1


def _operand(points: Tensor, middle: Tensor, *, first: bool, below: bool = True) -> Tensor:
    """Of a product that bounds closeness, minus half the squared distance, from below or above."""
    slack = 2 * accumulation(points.shape[1])
    return operand(points, middle, torch.float32, first=first, slack=-slack if below else slack)


def _nearest(x: Tensor, centres: Tensor) -> Tensor:
    """An upper bound of the squared distance to the nearest of the centres, float32 [n]."""
    step = max(256, BLOCK // len(centres))
    return torch.cat([(block @ centres.T).amax(1) for block in torch.split(x, step)]).mul_(-2)


def _nearest_exactly(x: Tensor, centres: Tensor, middle: Tensor, bound: Tensor) -> Tensor:
    """The squared distance to the nearest of the centres, at most `bound` [n], float64 [n]: measured for all that may
    be as near. Infinite where none is."""
    near = _operand(centres, middle, first=False, below=False)
    found = []
    step = max(256, BLOCK // len(centres))
    for block, limit in zip(torch.split(x, step), torch.split(bound, step), strict=True):
        most = _operand(block, middle, first=True, below=False) @ near.T
        rows, columns = (most >= limit[:, None] / -2).nonzero(as_tuple=True)
        squared = torch.full((len(block),), torch.inf, dtype=torch.float64, device=x.device)
        found.append(squared.scatter_reduce_(0, rows, squares(block, centres, rows, columns), "amin"))
    return torch.cat(found)
