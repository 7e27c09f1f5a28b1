"""ProbCover (Yehuda et al., 2022): the images whose balls cover most of the pool, for small budgets.

The radius is the largest at which most balls are pure, of one pseudo-label of k-means. Where its heuristic fails
(Bae, Noh and Sutherland, 2024, find that it often does, and that much hangs on the radius), notes say so.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel

from stages.base import draws
from stages.base.numbers import Distance, Several, Share
from stages.geometry.cover import Balls, max_cover, to_others
from stages.geometry.kmeans import kmeans
from stages.selection import Curve, Selection, check, normalised

POINTS = 256  # of the curve that is drawn


class Settings(BaseModel, extra="forbid", frozen=True):
    """`clusters`: of k-means, as many as one expects classes; `purity`: share of the balls that must be pure; `radius`:
    of the balls, null for the largest that keeps this purity; `normalise`: features to length 1 first. The paper: the
    number of classes, 0.95, read off, and length 1. On weak features 0.4 to 0.6 is better: 27.0 % for 22.8 by a probe
    with 40 labels (SimCLR of 20 epochs on CIFAR-10), since at 0.95 the radius of most balls holds one image."""

    strategy: Literal["probcover"]
    extractor: str
    normalise: bool
    clusters: Several
    purity: Share
    radius: Distance | None


def select(
    features: np.ndarray, budget: int, settings: Settings, *, labelled: np.ndarray, seed: int, device: torch.device
) -> Selection:
    """The next image is the one whose ball holds most images that no ball labelled or chosen before holds: its
    reason, `newly_covered`. Equals in random order, thus all that are left when everything is covered."""
    check(budget, features, labelled)
    points = torch.from_numpy(normalised(features, settings.normalise)).to(device)
    _, clusters, _ = kmeans(points, min(settings.clusters, len(points)), seed=seed)
    apart = to_others(points, clusters)
    limits = np.sort(apart.double().cpu().numpy())
    radius = _radius(limits, settings.purity) if settings.radius is None else settings.radius
    balls = Balls(points, radius, clusters, apart)
    rank = draws.rng(seed, "selection.probcover").permutation(len(points))
    indices, gains = max_cover(balls, budget, rank, labelled)
    covered = len(np.unique(np.concatenate([balls.of(one) for one in labelled]))) if len(labelled) else 0
    return Selection(
        indices,
        clusters.cpu().numpy(),
        {"newly_covered": gains.astype(np.float64)},
        {
            "radius": radius,
            "purity": float((limits >= radius).mean()),
            "covered": float((gains.sum() + covered) / len(points)),
        },
        _curve(limits, radius),
        tuple(_notes(balls.sizes, gains, limits, settings)),
    )


def _radius(limits: np.ndarray, purity: float) -> float:
    """The largest radius at which this share of open balls is pure; 0 where all points are of one cluster.

    limits: [n], sorted, the radius up to which each ball is pure: to its nearest point of another cluster.
    """
    pure = math.ceil(purity * len(limits) - 1e-9)  # not one more by rounding
    impure = len(limits) - max(pure, 1)
    return float(limits[impure]) if np.isfinite(limits[impure]) else 0.0


def _curve(limits: np.ndarray, radius: float) -> Curve | None:
    if not np.isfinite(limits[-1]):
        return None
    which = np.unique(np.linspace(0, len(limits) - 1, POINTS).astype(np.int64))
    # two images that are each other's nearest have one limit, at which both balls are pure still
    first = np.searchsorted(limits, limits[which])
    return Curve(limits[which], 1 - first / len(limits), radius, "radius", "share of balls that are pure")


def _notes(sizes: np.ndarray, gains: np.ndarray, limits: np.ndarray, settings: Settings) -> list[str]:
    """Where the choice says little; without figures, so that the same note of several seeds is one."""
    notes = []
    if not np.isfinite(limits[-1]):
        notes.append("radius: k-means finds one cluster only, so that there is nothing to read it off; set radius")
    elif (sizes == 1).mean() > 0.5:
        notes.append(
            f"radius: most images have no other within it, so that there is little to cover: these features do not "
            f"fall into {settings.clusters} groups; take another extractor, other clusters, a lower purity, or set it"
        )
    if (gains == 0).any():
        notes.append("covered: all of the pool before the budget is spent; the rest is chosen at random")
    elif (gains == 1).any():
        notes.append("newly_covered: the last images chosen cover only themselves; the budget is large for this radius")
    return notes
