"""TypiClust and ProbCover beside scikit-activeml's, on the same points of length 1.

Theirs keeps n x n distances for ProbCover: it runs on fewer points, from which its time for all is extrapolated. The
choices are compared where the two mean the same: typical images of the same clusters, and what balls of the same radius
cover, which it is given (it would find one in the time of ten picks or so).
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stages.geometry.typicality import typical
from stages.selection import NONE, Selection, probcover
from tests.benchmarks.distances import features
from tests.benchmarks.rows import Row, faster, timed

NEIGHBOURS = 5  # theirs by default


def rows(full: bool, device: torch.device) -> list[Row]:
    points = functional.normalize(features(50_000))
    few = points[:20_000]
    return [
        typiclust(points if full else few[:10_000], 500 if full else 200, device),
        covered(points if full else few, 10_000 if full else 4_000, 500 if full else 200, device),
    ]


def typiclust(points: Tensor, budget: int, device: torch.device) -> Row:
    from skactiveml.pool import TypiClust
    from sklearn.base import BaseEstimator, ClusterMixin

    told = np.full(len(points), np.nan)
    theirs, _ = timed(lambda: TypiClust(k=NEIGHBOURS, random_state=0).query(points.numpy(), told, batch_size=budget))
    x, none = points.to(device), torch.zeros(0, dtype=torch.int64, device=device)
    ours, (picks, clusters, _) = timed(
        lambda: typical(x, budget, none, seed=0, max_clusters=budget, neighbours=NEIGHBOURS, smallest=0)
    )

    class Given(ClusterMixin, BaseEstimator):  # type: ignore[misc]
        def __init__(self, n_clusters: int = 0) -> None:
            self.n_clusters = n_clusters

        def fit_predict(self, X: np.ndarray, y: None = None) -> np.ndarray:  # noqa: N803
            return clusters.cpu().numpy()

    oracle = TypiClust(k=NEIGHBOURS, cluster_algo=Given, random_state=0)
    expected = set(oracle.query(points.numpy(), told, batch_size=budget).tolist())
    # of smaller ones ours counts half as neighbours, theirs all
    large = torch.bincount(clusters)[clusters[picks]] >= 2 * NEIGHBOURS
    same = set(picks[large].tolist()) <= expected
    result = f"{'identical' if same else 'DIFFERENT'} picks on the same clusters"
    what = f"TypiClust, {budget:,} of {len(points):,} / scikit-activeml"
    return faster(what, ours, theirs, 3, result=result, right=same)


def covered(points: Tensor, fewer: int, budget: int, device: torch.device) -> Row:
    from skactiveml.pool import ProbCover

    part = points[:fewer].numpy()
    found = choose(part, budget, device)
    radius = found.figures["radius"] * (1 - 1e-6)  # theirs are closed balls
    oracle = ProbCover(deltas=[radius], random_state=0)
    with warnings.catch_warnings(action="ignore"):  # that it knows no purity of the radius
        theirs, picks = timed(lambda: oracle.query(part, np.full(fewer, np.nan), batch_size=budget))
    their_share = (oracle.distances_[picks] <= radius).any(0).mean()
    ours, _ = timed(lambda: choose(points.numpy(), budget, device))
    share = found.figures["covered"]
    how = "" if fewer == len(points) else f", extrapolated from {fewer:,}"
    what = f"ProbCover, {budget:,} of {len(points):,} / scikit-activeml{how}"
    result = f"coverage {share:.2%}, theirs {their_share:.2%}"
    seconds = theirs * (len(points) / fewer) ** 2
    return faster(what, ours, seconds, 5, result=result, right=bool(share >= 0.99 * their_share))


def choose(points: np.ndarray, budget: int, device: torch.device) -> Selection:
    settings = probcover.Settings(
        strategy="probcover", extractor="any", normalise=False, clusters=10, purity=0.95, radius=None
    )
    return probcover.select(points, budget, settings, labelled=NONE, seed=0, device=device)
