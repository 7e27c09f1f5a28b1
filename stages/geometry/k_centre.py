"""k-centre greedy (Gonzalez, 1985): each next centre is the point farthest from all centres so far.

Distances to the nearest centre only fall as centres are added, so that an old one is an upper bound. Only the
points of the largest bounds are followed centre by centre, in float64; all others are brought up to date
together, by one float32 product, when the farthest of the followed is no longer sure to be the farthest of
all. The centres are those that the version that computes all distances anew for each centre would take.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.geometry.distances import accumulation, full_precision, largest_square, operand, squares

FOLLOWED = 1024  # points followed at first
FEW = 8  # centres from one following, below which more points are followed
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
    n, end = len(points), len(given) + count
    if not 0 <= count <= n - len(given):
        raise UserError(f"{count} centres asked for among {n - len(given)} images; ask for at most that many")
    points = points.float()
    middle = points.mean(0)
    if not largest_square(points, middle) < float("inf"):
        raise ValueError("features are not finite, or too large to be squared in float32")
    picks = torch.cat([given, given.new_empty(count)])
    bound = torch.full((n,), torch.inf, device=points.device)
    done, counted, followed = len(given), 0, FOLLOWED
    with full_precision():
        bounded = _operand(points, middle, first=True)
        while done < end:
            if counted < done:
                fresh = _operand(points[picks[counted:done]], middle, first=False)
                bound = torch.minimum(bound, _nearest(bounded, fresh))
                bound[picks[:done]] = -1
            before = counted = done
            active = bound.topk(min(followed, n)).indices.sort().values
            others = bound.clone()
            others[active] = -1
            limit = others.max().item()  # -1 where all points that are left are followed
            x, centres = points[active], points[picks[:done]]
            distance = _nearest_exactly(x, centres, middle)
            distance[bound[active] < 0] = -1
            x = x.double()
            while done < end:
                value, where = distance.max(0, keepdim=True)
                if value.item() <= limit:
                    break
                if value.item() == 0 and limit < 0:  # all that is left equals a centre
                    picks[done:] = active[distance == 0][: end - done]
                    return picks[len(given) :]
                picks[done : done + 1] = active[where]
                torch.minimum(distance, (x - x[where]).square_().sum(1), out=distance)
                distance[where] = -1
                done += 1
            if done - before < FEW:
                followed *= 4
    return picks[len(given) :]


def _operand(points: Tensor, middle: Tensor, *, first: bool, below: bool = True) -> Tensor:
    """Of a product that bounds closeness, minus half the squared distance, from below or above."""
    slack = 2 * accumulation(points.shape[1])
    return operand(points, middle, torch.float32, first=first, slack=-slack if below else slack)


def _nearest(x: Tensor, centres: Tensor) -> Tensor:
    """An upper bound of the squared distance to the nearest of the centres, float32 [n]."""
    step = max(256, BLOCK // len(centres))
    return torch.cat([(block @ centres.T).amax(1) for block in torch.split(x, step)]).mul_(-2)


def _nearest_exactly(x: Tensor, centres: Tensor, middle: Tensor) -> Tensor:
    """The squared distance to the nearest of the centres, float64 [n]: measured for all that may be the nearest."""
    near, far = (_operand(centres, middle, first=False, below=below) for below in (False, True))
    found = []
    for block in torch.split(x, max(256, BLOCK // len(centres))):
        least = _operand(block, middle, first=True) @ far.T
        most = _operand(block, middle, first=True, below=False) @ near.T
        rows, columns = (most >= least.amax(1, keepdim=True)).nonzero(as_tuple=True)
        squared = torch.full((len(block),), torch.inf, dtype=torch.float64, device=x.device)
        found.append(squared.scatter_reduce_(0, rows, squares(block, centres, rows, columns), "amin"))
    return torch.cat(found)
