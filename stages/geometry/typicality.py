"""TypiClust (Hacohen, Dekel and Weinshall, 2022): of each cluster the image around which others lie closest.

Where the paper and its released code (github.com/avihu111/TypiClust) differ or are silent: distances are Euclidean, as
in the paper, where the code takes their squares; half of a small cluster counts as neighbours, as in the code; an
image's typicality counts all others of its cluster, where the code leaves out labelled and chosen ones: how dense a
place is does not hang on what is labelled there. Each turn goes to the cluster with the fewest labels by then, where
the code goes down the order of the beginning, and down it again; what small clusters hold comes last, where it drops
them. k-means is ours, from one start, where it takes scikit-learn's, in batches beyond 50 clusters.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.geometry.kmeans import kmeans
from stages.geometry.turns import by_turns

BLOCK = 2**22  # entries of one block of the distance matrix
LEAST = 1e-5  # mean distance below which typicality rises no more; the released code adds it to each


def typical(
    points: Tensor, budget: int, labelled: Tensor, *, seed: int, max_clusters: int, neighbours: int, smallest: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Images to label beside those labelled already: indices int64 [budget], the first first; the clusters of all
    points, int64 [n]; and the typicality of those chosen, float32 [budget].

    points: float32 [n, d], on any device; labelled: int64 [l], without duplicates. k-means with as many clusters as
    there will be labels, at most `max_clusters`. The next image is the most typical left of the cluster with the fewest
    labels, chosen ones counted, and of these the largest. Clusters of at most `smallest` points come last, when
    all others are used up. Raises UserError for more images than are unlabelled.
    """
    unlabelled = len(points) - len(labelled)
    if not 1 <= budget <= unlabelled:
        raise UserError(f"{budget} images asked for among {unlabelled} unlabelled ones; ask for 1 to {unlabelled}")
    _, clusters, _ = kmeans(points, min(len(labelled) + budget, max_clusters), seed=seed)
    distances = mean_distances(points, clusters, neighbours)
    own, order = clusters.cpu().numpy(), distances.cpu().numpy()
    taken = np.zeros(len(points), dtype=bool)
    taken[labelled.cpu().numpy()] = True
    large = np.bincount(own)[own] > smallest
    first = by_turns(np.where(large, own, -1), order, budget, taken)
    rest = by_turns(np.where(large, -1, own), order, budget - len(first), taken)
    picks = torch.from_numpy(np.concatenate([first, rest])).to(points.device)
    return picks, clusters, distances[picks].clamp(min=LEAST).reciprocal()


def mean_distances(points: Tensor, clusters: Tensor, neighbours: int) -> Tensor:
    """The mean Euclidean distance of each point [n, d] to its nearest of the same cluster [n], float32 [n]: to so many
    `neighbours`, or to half of the cluster if that is fewer. Infinite for a point alone in its cluster.
    """
    means = torch.full((len(points),), torch.inf, device=points.device)
    order = clusters.sort(stable=True).indices
    for members in torch.split(order, torch.bincount(clusters).tolist()):
        if len(members) > 1:
            means[members] = _means(points[members].double(), min(neighbours, len(members) // 2)).float()
    return means


def _means(points: Tensor, count: int) -> Tensor:
    """The mean distance of each of the points, float64 [m, d], to its `count` nearest others: a few clusters of
    thousands or many of hundreds are so fast measured exactly that candidates to begin with would not pay."""
    points = points - points.mean(0)
    squares = points.square().sum(1)
    noise = squares * (8 * (points.shape[1] + 64) * 2.0**-53)  # what the product's rounding makes of 0
    found = []
    for rows in torch.split(torch.arange(len(points), device=points.device), max(1, BLOCK // len(points))):
        squared = torch.addmm(squares[rows, None] + squares, points[rows], points.T, alpha=-2)
        squared.scatter_(1, rows[:, None], torch.inf)
        near = squared.topk(count, largest=False).values
        found.append(near.where(near > noise[rows, None], 0).sqrt().mean(1))
    return torch.cat(found)
