"""Nearest neighbours: as exact as differences, at the speed of coarse blocked products.

A first pass bounds all distances from below in a fast type and keeps a few candidates per query, which are then
measured by differences. Where the bounds prove that no other point can be among the k nearest, the query is done;
for the others all points are measured that tighter bounds, in float32, do not rule out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.geometry.distances import accumulation, bound_operands, fast_type, full_precision, largest_square, squares

Metric = Literal["euclidean", "cosine"]

BLOCK = 2**24  # entries of one block of the distance matrix
QUERIES = 256  # queries of a block; with far fewer a product is slower
SPARE = 8  # candidates beyond the k nearest where bounds are tight; else twice k


def nearest(
    queries: Tensor, database: Tensor, k: int, *, metric: Metric = "euclidean", exclude_self: bool = False
) -> tuple[Tensor, Tensor]:
    """The k nearest of `database` [n, d] to each of `queries` [m, d]: distances float32 [m, k], indices int64 [m, k].

    Nearest first, ties by the lower index. Cosine is the distance 1 - cos, and 1 from a vector of zeros.
    `exclude_self`: queries are the rows of the database, in its order, and none is its own neighbour.
    Raises UserError if the database has fewer than k other points, ValueError for features that are not
    finite.
    """
    found = len(database) - exclude_self
    if not 1 <= k <= found:
        raise UserError(f"{k} nearest neighbours asked for among {found} images; ask for 1 to {found}")
    if exclude_self and len(queries) != len(database):
        raise ValueError("exclude_self needs the database as queries")
    queries, database = queries.float(), database.float()
    if metric == "cosine":
        queries, database = _unit(queries, database)
    with full_precision():
        distances, indices = _search(queries, database, k, exclude_self)
    return distances.square() / 2 if metric == "cosine" else distances, indices


def knn_accuracy(
    queries: Tensor,
    query_labels: Tensor,
    database: Tensor,
    database_labels: Tensor,
    k: int,
    *,
    metric: Metric = "euclidean",
    exclude_self: bool = False,
) -> float | None:
    """Share of the queries whose label is that of most of their k nearest neighbours; ties to the nearer.

    Images of unknown label (-1) are left out on both sides; None where no query is labelled.
    """
    query_known, database_known = query_labels >= 0, database_labels >= 0
    if not query_known.any():
        return None
    _, indices = nearest(queries[query_known], database[database_known], k, metric=metric, exclude_self=exclude_self)
    neighbours = database_labels[database_known][indices]
    votes = torch.zeros(len(neighbours), int(neighbours.max()) + 1, dtype=torch.int64, device=neighbours.device)
    votes.scatter_add_(1, neighbours, torch.ones_like(neighbours))
    # the first, thus nearest, of the neighbours whose class has most votes
    winner = votes.gather(1, neighbours).argmax(1, keepdim=True)
    return (neighbours.gather(1, winner)[:, 0] == query_labels[query_known]).double().mean().item()


def _unit(queries: Tensor, database: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of length 1, for which |a - b|^2 / 2 = 1 - cos; zeros go along axes of their own, at right angles
    to all."""
    rows = []
    for x in (queries, database):
        length = x.norm(dim=1, keepdim=True)
        rows.append((x / length.where(length > 0, 1), (length == 0).float()))
    (q, q_zero), (x, x_zero) = rows
    if not (q_zero.any() or x_zero.any()):
        return q, x
    return torch.cat([q, q_zero, torch.zeros_like(q_zero)], 1), torch.cat([x, torch.zeros_like(x_zero), x_zero], 1)


def _search(queries: Tensor, database: Tensor, k: int, exclude_self: bool) -> tuple[Tensor, Tensor]:
    centre = database.mean(0)
    if not max(largest_square(queries, centre), largest_square(database, centre)) < float("inf"):
        raise ValueError("features are not finite, or too large to be squared in float32")
    squared = torch.empty(len(queries), k, dtype=torch.float64, device=queries.device)
    indices = torch.empty(len(queries), k, dtype=torch.int64, device=queries.device)
    proven = torch.zeros(len(queries), dtype=torch.bool, device=queries.device)
    dtype = fast_type(queries.device)
    count = min(k + (SPARE if dtype == torch.float32 else 2 * k), len(database) - exclude_self)
    for block, limit, candidates in _candidates(queries, database, centre, dtype, count, exclude_self):
        squared[block], indices[block] = _measure(queries[block], database, candidates, k)
        proven[block] = _nothing_nearer(limit, squared[block, -1], queries.shape[1])
    if count < len(database) - exclude_self:
        rows = (~proven).nonzero()[:, 0]
        for block, closeness in _blocks(queries, database, centre, rows, exclude_self):
            # what was found is an upper bound: measure all that may be as near
            farthest = squared[block, -1:]
            near = ~_nothing_nearer(closeness, farthest, queries.shape[1])
            squared[block], indices[block] = _measure_all(queries[block], database, near, k)
    return squared.sqrt().float(), indices


def _candidates(
    queries: Tensor, database: Tensor, centre: Tensor, dtype: torch.dtype, count: int, exclude_self: bool
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Queries [b], and of each the `count` of the database whose bounds of closeness are largest, int64 [b, count], in
    no order, and the least of those bounds, [b]."""
    a, b = bound_operands(database, queries, centre, dtype)
    width = BLOCK // QUERIES
    # memory that is new for each block takes longer to come by than to fill
    buffer = torch.empty(min(width, len(a)) * min(QUERIES, len(b)), dtype=dtype, device=b.device)
    for block in torch.split(torch.arange(len(b), device=b.device), QUERIES):
        values, found = buffer.new_empty(len(block), 0), block.new_empty(len(block), 0)
        for start, part in zip(range(0, len(a), width), torch.split(a, width), strict=True):
            out = buffer[: len(part) * len(block)].view(len(part), len(block))
            closeness = torch.mm(part, b[block].T, out=out).T  # twice as fast as its transpose on the CPU
            if exclude_self:
                own = ((block >= start) & (block < start + len(part))).nonzero()[:, 0]
                closeness[own, block[own] - start] = -torch.inf
            best, which = _largest(closeness, min(count, len(part)))
            values, found = torch.cat([values, best], 1), torch.cat([found, which + start], 1)
            if values.shape[1] > count:
                values, which = values.topk(count, sorted=False)
                found = found.gather(1, which)
        yield block, values.amin(1), found


def _blocks(
    queries: Tensor, database: Tensor, centre: Tensor, rows: Tensor, exclude_self: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pieces [b] of `rows` and upper bounds of the closeness of these queries to all of the database, [b, n]."""
    if not len(rows):
        return
    a, b = bound_operands(database, queries[rows], centre, torch.float32)
    step = max(1, min(QUERIES, BLOCK // len(database)))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        closeness = (a @ b[start : start + step].T).T
        if exclude_self:
            closeness.scatter_(1, block[:, None], -torch.inf)
        yield block, closeness


def _nothing_nearer(bound: Tensor, squared: Tensor, dims: int) -> Tensor:
    """Whether a closeness of at most `bound` means a squared distance above `squared`."""
    least = -bound.double() * (1 - torch.finfo(bound.dtype).eps)  # the product was rounded
    return squared * (0.5 + accumulation(dims)) < least


def _largest(closeness: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest entries of each row, in no order, and their columns: [m, count], int64 [m, count]."""
    rows, columns = closeness.shape
    groups = int((columns / count) ** 0.5)
    if groups < 4:
        return closeness.topk(count, sorted=False)
    # the `count` largest lie in the `count` groups whose maxima are largest, and maxima are much cheaper than
    # topk
    width = columns // groups
    grouped = closeness.T[: groups * width].view(groups, width, rows)
    tops = grouped.amax(0).T.topk(count, sorted=False).indices
    members = (tops[:, None, :] + torch.arange(groups, device=tops.device)[:, None] * width).flatten(1)
    rest = torch.arange(groups * width, columns, device=tops.device).expand(rows, -1)
    members = torch.cat([members, rest], 1)
    values, which = closeness.gather(1, members).topk(count, sorted=False)
    return values, members.gather(1, which)


def _measure(queries: Tensor, database: Tensor, candidates: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest of each query's candidates [b, c]: squared distances float64 [b, k] and indices [b, k]."""
    candidates = candidates.sort(dim=1).values  # equal distances stay by rising index
    rows = torch.arange(len(queries), device=queries.device).repeat_interleave(candidates.shape[1])
    squared = squares(queries, database, rows, candidates.flatten()).view_as(candidates)
    squared, order = squared.sort(dim=1, stable=True)
    return squared[:, :k], candidates.gather(1, order[:, :k])


def _measure_all(queries: Tensor, database: Tensor, near: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The same, of candidates given by a mask [b, n], any number for each query."""
    rows, columns = near.nonzero(as_tuple=True)
    squared = squares(queries, database, rows, columns)
    order = squared.sort(stable=True).indices
    order = order[rows[order].sort(stable=True).indices]
    counts = near.sum(1)
    first = (counts.cumsum(0) - counts)[:, None] + torch.arange(k, device=near.device)
    return squared[order][first], columns[order][first]
