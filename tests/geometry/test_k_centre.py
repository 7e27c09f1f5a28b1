"""k-centre greedy against the version that computes all distances anew for each centre."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.geometry import k_centre as module
from stages.geometry.k_centre import further, k_centre


def by_definition(points: Tensor, count: int, given: list[int]) -> list[int]:
    """Of the points not yet chosen, the one farthest from its nearest centre; ties by the lower index."""
    points, picks = points.double(), list(given)
    while len(picks) < len(given) + count:
        distances = (points[:, None] - points[picks]).square().sum(2).amin(1)
        distances[picks] = -1
        picks.append(int(distances.argmax()))
    return picks[len(given) :]


def cloud(n: int, dims: int = 12) -> Tensor:
    return torch.randn(n, dims, generator=torch.Generator().manual_seed(0))


FOLLOWED = pytest.mark.parametrize("followed", [4, 32, 1024])
POINTS = pytest.mark.parametrize(
    "points",
    [
        pytest.param(cloud(500), id="cloud"),
        pytest.param(torch.nn.functional.normalize(cloud(500)), id="all about as far from each other"),
        pytest.param(cloud(500) + 1000, id="far from the origin"),
        pytest.param(torch.cat([cloud(499), torch.full((1, 12), 1e6)]), id="one far outlier"),
        pytest.param(cloud(40).repeat(12, 1), id="fewer distinct points than centres"),
        pytest.param(torch.randint(0, 3, (400, 5)).float(), id="on a lattice, all tied"),
        pytest.param(torch.full((400, 5), 0.1), id="all the same"),
    ],
)


@FOLLOWED
@POINTS
def test_same_picks_as_the_recomputing_version(points: Tensor, followed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLLOWED", followed)
    assert k_centre(points, 100, first=17).tolist() == [17, *by_definition(points, 99, [17])]


@FOLLOWED
@POINTS
@pytest.mark.parametrize("labelled", [1, 30, 300])
def test_same_picks_from_given_centres(
    points: Tensor, labelled: int, followed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FOLLOWED", followed)
    given = torch.randperm(len(points), generator=torch.Generator().manual_seed(1))[:labelled]
    assert further(points, 60, given).tolist() == by_definition(points, 60, given.tolist())


def test_given_centres_and_all_others() -> None:
    given = torch.tensor([7, 3])
    assert sorted(further(cloud(50), 48, given).tolist()) == [i for i in range(50) if i not in (3, 7)]
    assert further(cloud(50), 0, given).tolist() == []


def test_all_points_once() -> None:
    assert k_centre(cloud(50), 50, first=3).sort().values.tolist() == list(range(50))
    assert k_centre(cloud(50), 1, first=3).tolist() == [3]


def test_refuses_what_it_cannot_give() -> None:
    with pytest.raises(UserError, match="6 centres asked for among 5"):
        k_centre(cloud(5), 6, first=0)
    with pytest.raises(UserError, match="4 centres asked for among 3"):
        further(cloud(5), 4, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="not finite"):
        k_centre(torch.full((5, 2), torch.inf), 2, first=0)
