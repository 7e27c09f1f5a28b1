"""k-centre greedy against the version that computes all distances anew for each centre."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stages import k_centre as module
from stages.errors import UserError
from stages.k_centre import k_centre


def by_definition(points: Tensor, count: int, first: int) -> list[int]:
    """Of the points not yet chosen, the one farthest from its nearest centre; ties by the lower index."""
    points, picks = points.double(), [first]
    while len(picks) < count:
        distances = (points[:, None] - points[picks]).square().sum(2).amin(1)
        distances[picks] = -1
        picks.append(int(distances.argmax()))
    return picks


def cloud(n: int, dims: int = 12) -> Tensor:
    return torch.randn(n, dims, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("followed", [4, 64, 1024])
@pytest.mark.parametrize(
    "points",
    [
        pytest.param(cloud(500), id="cloud"),
        pytest.param(cloud(500) + 1000, id="far from the origin"),
        pytest.param(torch.cat([cloud(499), torch.full((1, 12), 1e6)]), id="one far outlier"),
        pytest.param(cloud(40).repeat(12, 1), id="fewer distinct points than centres"),
        pytest.param(torch.randint(0, 3, (400, 5)).float(), id="on a lattice, all tied"),
        pytest.param(torch.full((400, 5), 0.1), id="all the same"),
    ],
)
def test_same_picks_as_the_recomputing_version(points: Tensor, followed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLLOWED", followed)
    assert k_centre(points, 100, first=17).tolist() == by_definition(points, 100, 17)


def test_all_points_once() -> None:
    assert k_centre(cloud(50), 50, first=3).sort().values.tolist() == list(range(50))
    assert k_centre(cloud(50), 1, first=3).tolist() == [3]


def test_refuses_what_it_cannot_give() -> None:
    with pytest.raises(UserError, match="6 centres asked for among 5"):
        k_centre(cloud(5), 6, first=0)
    with pytest.raises(ValueError, match="not finite"):
        k_centre(torch.full((5, 2), torch.inf), 2, first=0)
