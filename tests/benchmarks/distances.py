"""Our distance work beside scikit-learn's, faiss-cpu's and the recomputing version's, on the same data.

By default k-means runs on part of the points, and few centres are recomputed, from which the time for all is
extrapolated: each is computed anew for each later one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from stages.geometry.distances import fast_type
from stages.geometry.k_centre import k_centre
from stages.geometry.kmeans import kmeans
from stages.geometry.neighbours import nearest
from tests.benchmarks.rows import Row, faster, timed

DIMS = 512


def rows(full: bool, device: torch.device) -> list[Row]:
    points, queries = torch.split(features(60_000), [50_000, 10_000])
    return [
        neighbours(points, queries, device),
        neighbours_by_faiss(points, queries if full else queries[:2_000], device),
        centroids(points if full else points[:20_000], 1000 if full else 500, device),
        centroids_by_faiss(points if full else points[:20_000], 1000 if full else 500, device),
        centres(points, 1000, 1000 if full else 150, device),
    ]


def features(count: int) -> Tensor:
    """Like a network's: rectified, around a hundred places, with 32 strong directions and weak noise."""
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(100, DIMS, generator=generator)
    directions = 0.3 * torch.randn(32, DIMS, generator=generator)
    which = torch.randint(100, (count,), generator=generator)
    strong = torch.randn(count, 32, generator=generator) @ directions
    return (places[which] + strong + 0.1 * torch.randn(count, DIMS, generator=generator)).relu_()


def neighbours(points: Tensor, queries: Tensor, device: torch.device) -> Row:
    from sklearn.neighbors import NearestNeighbors

    oracle = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(points.numpy())
    theirs, (_, expected) = timed(lambda: oracle.kneighbors(queries.numpy()))
    x, q = points.to(device), queries.to(device)
    nearest(q[:1000], x, 10)  # the first product of a kind is planned
    ours, (_, found) = timed(lambda: nearest(q, x, 10))
    recall = (found.cpu()[:, :, None] == torch.from_numpy(expected)[:, None]).any(2).double().mean().item()
    what = f"10-NN of {len(q):,} in {len(x):,} / scikit-learn brute"
    return faster(what, ours, theirs, 3, result=f"recall {recall:.5f}", right=recall >= 0.9999)


def neighbours_by_faiss(points: Tensor, queries: Tensor, device: torch.device) -> Row:
    index = _faiss().IndexFlatL2(DIMS)
    index.add(points.numpy())
    index.search(queries[:100].numpy(), 10)
    theirs, (_, expected) = timed(lambda: index.search(queries.numpy(), 10))
    x, q = points.to(device), queries.to(device)
    nearest(q[:1000], x, 10)
    ours, (_, found) = timed(lambda: nearest(q, x, 10))
    same = (found.cpu()[:, :, None] == torch.from_numpy(expected)[:, None]).any(2).double().mean().item()
    what = f"10-NN of {len(q):,} in {len(x):,} / faiss-cpu, flat index"
    least = 1.5 if fast_type(device) == torch.bfloat16 else 1
    return faster(what, ours, theirs, least, result=f"{same:.5f} of theirs", right=same >= 0.9999)


def centroids(points: Tensor, k: int, device: torch.device) -> Row:
    from sklearn.cluster import KMeans

    theirs, oracle = timed(lambda: KMeans(k, random_state=0).fit(points.numpy()))
    x = points.to(device)
    ours, (_, _, inertia) = timed(lambda: kmeans(x, k, seed=0))
    more = inertia / oracle.inertia_ - 1
    what = f"k-means, {k:,} centres of {len(x):,} / scikit-learn default"
    return faster(what, ours, theirs, 8, result=f"inertia {more:+.2%}", right=more <= 0.01)


def centroids_by_faiss(points: Tensor, k: int, device: torch.device) -> Row:
    oracle = _faiss().Kmeans(DIMS, k, niter=25, seed=0, max_points_per_centroid=len(points))
    theirs, _ = timed(lambda: oracle.train(points.numpy()))
    expected = float(oracle.index.search(points.numpy(), 1)[0].sum(dtype="float64"))
    x = points.to(device)
    ours, (_, _, inertia) = timed(lambda: kmeans(x, k, seed=0))
    more = inertia / expected - 1
    what = f"k-means, {k:,} centres of {len(x):,} / faiss-cpu, 25 iterations from random points"
    return faster(what, ours, theirs, 1, result=f"inertia {more:+.2%}", right=more <= 0.001)


def _faiss() -> Any:
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    return faiss


def centres(points: Tensor, count: int, recomputed: int, device: torch.device) -> Row:
    x = points.to(device)
    theirs, expected = timed(lambda: recompute(x, recomputed))
    ours, found = timed(lambda: k_centre(x, count, first=0))
    same = found[:recomputed].tolist() == expected
    how = "recomputing" if recomputed == count else f"recomputing, extrapolated from {recomputed:,}"
    what = f"k-centre, {count:,} of {len(x):,} / {how}"
    result = "identical picks" if same else "DIFFERENT picks"
    return faster(what, ours, theirs * (count / recomputed) ** 2, 50, result=result, right=same)


def recompute(points: Tensor, count: int) -> list[int]:
    """For each next centre all distances to all centres so far, by one product."""
    picks, squares = [0], points.square().sum(1)
    while len(picks) < count:
        distances = torch.addmm(squares[:, None] + squares[picks], points, points[picks].T, alpha=-2).amin(1)
        distances[picks] = -1
        picks.append(int(distances.argmax()))
    return picks
