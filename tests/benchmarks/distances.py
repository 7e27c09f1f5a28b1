"""Our distance work beside scikit-learn's and the recomputing version's, in one run on the same data.

`python -m tests.benchmarks.distances [--full]` prints one row for each. Goals: 10-NN 3 times, k-means 8 times, and
k-centre 50 times as fast. By default k-means runs on part of the points, and fewer centres
are recomputed, from which the time for 1,000 is extrapolated; --full takes minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from stages.k_centre import k_centre
from stages.kmeans import kmeans
from stages.neighbours import nearest

DIMS = 512


def main() -> None:
    full = "--full" in sys.argv[1:]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    points, queries = torch.split(features(60_000), [50_000, 10_000])
    print(f"{device}, {torch.get_num_threads()} threads; float32 features of {DIMS} dimensions", flush=True)
    print(f"{'work':58} {'other':>8} {'ours':>8} {'times':>6}  result", flush=True)
    neighbours(points, queries, device)
    centroids(points if full else points[:20_000], 1000 if full else 500, device)
    centres(points, 1000 if full else 150, device)


def features(count: int) -> Tensor:
    """Like a network's: rectified, around a hundred places, with 32 strong directions and weak noise."""
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(100, DIMS, generator=generator)
    directions = 0.3 * torch.randn(32, DIMS, generator=generator)
    which = torch.randint(100, (count,), generator=generator)
    strong = torch.randn(count, 32, generator=generator) @ directions
    return (places[which] + strong + 0.1 * torch.randn(count, DIMS, generator=generator)).relu_()


def neighbours(points: Tensor, queries: Tensor, device: torch.device) -> None:
    from sklearn.neighbors import NearestNeighbors

    oracle = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(points.numpy())
    theirs, (_, expected) = timed(lambda: oracle.kneighbors(queries.numpy()))
    x, q = points.to(device), queries.to(device)
    nearest(q[:1000], x, 10)  # the first product of a kind is planned
    ours, (_, found) = timed(lambda: nearest(q, x, 10))
    hits = (found.cpu()[:, :, None] == torch.from_numpy(expected)[:, None]).any(2).double().mean().item()
    row(f"10-NN of {len(q):,} in {len(x):,}, scikit-learn brute", theirs, ours, f"recall {hits:.5f}")


def centroids(points: Tensor, k: int, device: torch.device) -> None:
    from sklearn.cluster import KMeans

    theirs, oracle = timed(lambda: KMeans(k, random_state=0).fit(points.numpy()))
    x = points.to(device)
    ours, (_, _, inertia) = timed(lambda: kmeans(x, k, seed=0))
    more = inertia / oracle.inertia_ - 1
    row(f"k-means, {k:,} centres of {len(x):,}, scikit-learn default", theirs, ours, f"inertia {more:+.2%}")


def centres(points: Tensor, recomputed: int, device: torch.device) -> None:
    x = points.to(device)
    theirs, expected = timed(lambda: recompute(x, recomputed))
    ours, found = timed(lambda: k_centre(x, recomputed, first=0))
    same = "identical" if found.tolist() == expected else "DIFFERENT"
    row(f"k-centre, {recomputed:,} of {len(x):,}, recomputing", theirs, ours, f"{same} picks")
    if recomputed < 1000:
        ours, _ = timed(lambda: k_centre(x, 1000, first=0))
        # each centre is computed anew for each later one
        row(f"k-centre, 1,000 of {len(x):,}, recomputing (extrapolated)", theirs * (1000 / recomputed) ** 2, ours, "")


def recompute(points: Tensor, count: int) -> list[int]:
    """For each next centre all distances to all centres so far, by one product."""
    picks, squares = [0], points.square().sum(1)
    while len(picks) < count:
        distances = torch.addmm(squares[:, None] + squares[picks], points, points[picks].T, alpha=-2).amin(1)
        distances[picks] = -1
        picks.append(int(distances.argmax()))
    return picks


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, all of the GPU's work included, and the result."""
    start = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def row(work: str, theirs: float, ours: float, result: str) -> None:
    print(f"{work:58} {theirs:7.2f}s {ours:7.2f}s {theirs / ours:6.1f}  {result}", flush=True)


if __name__ == "__main__":
    main()
