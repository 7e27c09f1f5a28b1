from __future__ import annotations

import torch
from torch import Tensor, nn

from stages.acquisition import Candidates, typiclust


def piles(sizes: list[int]) -> Tensor:
    """Far apart; the first of each pile lies in its middle."""
    generator = torch.Generator().manual_seed(0)
    rows = []
    for place, size in enumerate(sizes):
        around = 0.1 * torch.randn(size, 2, generator=generator)
        around[0] = around[1:].mean(0)
        rows.append(around + torch.tensor([100.0 * place, 0.0]))
    return torch.cat(rows)


SETTINGS = typiclust.Settings(name="typiclust", normalise=False, max_clusters=500, neighbours=20, smallest=5)


def test_the_middles_of_piles_without_a_label_come_first_the_largest_before() -> None:
    """Piles of 20, 60, 40 and 30 images, of which the second has a label: 3 more labels are 4 clusters."""
    points = piles([20, 60, 40, 30])
    labelled, askable = torch.tensor([25]), torch.tensor([i for i in range(150) if i != 25])
    pool = Candidates(points, nn.Identity(), labelled, askable, askable, 3, seed=0, round=1)
    found = typiclust.query(pool, SETTINGS)
    pile = torch.bucketize(found.indices, torch.tensor([20, 80, 120]), right=True)
    assert pile.tolist() == [2, 3, 0]
    distances = torch.cdist(points.double(), points.double())
    for index, score in zip(found.indices.tolist(), found.scores.tolist(), strict=True):
        own = [i for i in range(150) if abs(points[i, 0] - points[index, 0]) < 50]
        near = min(20, len(own) // 2)
        means = {i: float(distances[i, [o for o in own if o != i]].sort().values[:near].mean()) for i in own}
        assert index == min(means, key=means.__getitem__)
        assert abs(1 / means[index] - score) < 1e-4 * score
