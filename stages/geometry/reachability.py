"""From how near the points of a pool are reached, one from another: what density clustering is read off.

A point's core distance is that to its k-th nearest, itself counted (k: `min_samples`). The walk always goes on to the
point nearest to any reached so far, where a distance counts as no less than the core distance of where it starts
(OPTICS) or of both its ends (HDBSCAN, DBSCAN). With both it is Prim's algorithm (1957), and its steps are a minimum
spanning tree. At each step one product bounds the distances from there, and those that may count are measured by
differences: exact, and no n x n matrix in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.geometry.distances import accumulation, bound_operands, full_precision, squares
from stages.geometry.neighbours import nearest

STEPS = 1024  # steps after which the points reached are left out of the products


@dataclass(frozen=True)
class Walk:
    """`order`: int64 [n], the points as they are reached; `squared`: float64 [n], the squared distance from which each
    was, inf for the first; `origin`: int64 [n], from which point, -1 for the first."""

    order: np.ndarray
    squared: np.ndarray
    origin: np.ndarray


def core_squares(points: Tensor, min_samples: int) -> Tensor:
    """The squared core distance of each point [n, d], float64 [n]; min_samples of 2 or more. Raises UserError for
    fewer points than that."""
    n = len(points)
    if min_samples > n:
        raise UserError(f"min_samples={min_samples} among {n} images whose features differ; lower it, or add images")
    _, indices = nearest(points, points, min_samples - 1, exclude_self=True)
    return squares(points, points, torch.arange(n, device=points.device), indices[:, -1])


def walk(points: Tensor, core: Tensor, *, mutual: bool) -> Walk:
    """Through all points, float32 [n, d] on any device, from the first; ties go to the lower index.

    core: squared core distances float64 [n]; mutual: those of both ends count.
    """
    n, dims = points.shape
    order = torch.empty(n, dtype=torch.int64, device=points.device)
    squared = torch.full_like(core, torch.inf)
    origin = torch.full_like(order, -1)
    # a closeness below -distance * bound, which is minus half the squared distance and some more, is no nearer
    bound = (0.5 + accumulation(dims)) * (1 + 2.0**-22)
    unreached, here = torch.arange(n, device=points.device), torch.zeros(1, dtype=torch.int64, device=points.device)
    with full_precision():
        ours, theirs = bound_operands(points, points, points.mean(0), torch.float32)
        for start in range(0, n, STEPS):
            # of the points unreached, `here` the place of the next among them
            operand, own, reach, source = theirs[unreached], core[unreached], squared[unreached], origin[unreached]
            waits = torch.ones_like(unreached, dtype=torch.bool)
            limit = (reach * -bound).float()
            for step in range(start, min(start + STEPS, n)):
                point = unreached[here]
                order[step], squared[point], origin[point] = point[0], reach[here], source[here]
                waits[here], reach[here] = False, torch.inf
                closeness = torch.mv(operand, ours[point][0])
                near = ((closeness >= limit) & waits & (reach > own[here])).nonzero()[:, 0]
                if len(near):
                    found = torch.maximum(squares(points, points, point.expand(len(near)), unreached[near]), own[here])
                    if mutual:
                        found = torch.maximum(found, own[near])
                    nearer = found < reach[near]
                    near, found = near[nearer], found[nearer]
                    reach[near], source[near], limit[near] = found, point, (found * -bound).float()
                here = reach.argmin(0, keepdim=True)
            point = unreached[here]
            unreached = unreached[waits]
            squared[unreached], origin[unreached] = reach[waits], source[waits]
            here = torch.searchsorted(unreached, point)
    return Walk(order.cpu().numpy(), squared.cpu().numpy(), origin.cpu().numpy())
