"""Lloyd's k-means (1982) from a k-means++ start (Arthur and Vassilvitskii, 2007) on a sample of the
points."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from stages.base import draws
from stages.base.errors import UserError
from stages.geometry.distances import fast_type, full_precision, operand

TOLERANCE = 1e-4  # relative gain in inertia below which an iteration is the last
SAMPLE = 8  # points per centre that the start is drawn from; more of them do not lower the inertia
BLOCK = 2**22  # entries of one block of the distance matrix


def kmeans(
    points: Tensor, k: int, *, seed: int, iterations: int = 100, starts: int = 1
) -> tuple[Tensor, Tensor, float]:
    """Centres float32 [k, d], the nearest centre of each point int64 [n], and the inertia, of the best of
    `starts`.

    points [n, d] on any device. Inertia is the sum of squared distances of the points to their centres. A
    cluster that becomes empty takes the point farthest from its centre. Raises UserError for more centres
    than points.
    """
    if not 1 <= k <= len(points):
        raise UserError(f"{k} k-means centres asked for among {len(points)} images; ask for 1 to {len(points)}")
    points = points.float()
    generator = torch.Generator().manual_seed(draws.number(seed, "geometry.kmeans"))
    with full_precision():
        results = [_lloyd(points, _start(points, k, generator), iterations) for _ in range(starts)]
    return min(results, key=lambda result: result[2])


def _start(points: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """Greedy k-means++: of a few points drawn by squared distance, the one that lowers the inertia most. [k,
    d]."""
    size = min(len(points), max(SAMPLE * k, 4096))
    sample = points[torch.randperm(len(points), generator=generator)[:size].to(points.device)]
    x = operand(sample, sample.mean(0), torch.float32, first=True)
    c = operand(sample, sample.mean(0), torch.float32, first=False)
    trials = 2 + int(math.log(k))
    draws = torch.rand(k, trials, generator=generator, dtype=torch.float64).to(points.device)
    chosen = torch.zeros(k, dtype=torch.int64, device=points.device)  # the sample is shuffled: the first is random
    nearest = _squares(x, c[:1])[:, 0]
    for i in range(1, k):
        cumulative = nearest.cumsum(0, dtype=torch.float64)
        drawn = torch.searchsorted(cumulative, draws[i] * cumulative[-1]).clamp_(max=size - 1)
        lowered = torch.minimum(_squares(x, c[drawn]), nearest[:, None])
        best = lowered.sum(0).argmin(0, keepdim=True)
        nearest = lowered.index_select(1, best)[:, 0]
        chosen[i : i + 1] = drawn[best]
    return sample[chosen]


def _squares(x: Tensor, c: Tensor) -> Tensor:
    return (x @ c.T).mul_(-2).clamp_(min=0)


def _lloyd(points: Tensor, centres: Tensor, iterations: int) -> tuple[Tensor, Tensor, float]:
    middle, dtype, last = points.mean(0), fast_type(points.device), math.inf
    x = operand(points, middle, dtype, first=True)
    for _ in range(iterations):
        labels, closeness = _assign(x, operand(centres, middle, dtype, first=False))
        centres = _means(points, labels, closeness, centres)
        inertia = -2 * closeness.sum(dtype=torch.float64).item()
        if last - inertia <= TOLERANCE * inertia:
            if dtype == torch.float32:
                break
            # what coarse distances can tell is told: go on with exact ones
            dtype, inertia = torch.float32, math.inf
            x = operand(points, middle, dtype, first=True)
        last = inertia
    if dtype != torch.float32:
        x = operand(points, middle, torch.float32, first=True)
    labels, _ = _assign(x, operand(centres, middle, torch.float32, first=False))
    blocks = zip(torch.split(points, 4096), torch.split(labels, 4096), strict=True)
    squares = [(block - centres[which]).square().sum(dtype=torch.float64) for block, which in blocks]
    return centres, labels, torch.stack(squares).sum().item()


def _assign(x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest centre of each point, ties to the lower index, and minus half its squared distance."""
    labels = torch.empty(len(x), dtype=torch.int64, device=x.device)
    closeness = torch.empty(len(x), dtype=torch.float32, device=x.device)
    step = max(256, BLOCK // len(c))
    for start in range(0, len(x), step):
        values, labels[start : start + step] = (x[start : start + step] @ c.T).max(1)
        closeness[start : start + step] = values
    return labels, closeness


def _means(points: Tensor, labels: Tensor, closeness: Tensor, centres: Tensor) -> Tensor:
    k = len(centres)
    counts = torch.bincount(labels, minlength=k)
    empty = (counts == 0).nonzero()[:, 0]
    if len(empty):
        labels = labels.clone()
        labels[closeness.sort(stable=True).indices[: len(empty)]] = empty
        counts = torch.bincount(labels, minlength=k)
    # bags of rows are summed in a fixed order on every device; index_add_ on a GPU is not
    order = labels.sort(stable=True).indices
    sums = functional.embedding_bag(order, points, counts.cumsum(0) - counts, mode="sum")
    return torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
