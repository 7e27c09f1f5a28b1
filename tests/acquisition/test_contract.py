"""What every acquisition owes, whichever it is: a new file in stages/acquisition is held to it by its presence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stages.acquisition import Candidates, Query, ask
from stages.base import families
from stages.base.errors import UserError
from tests.blocks import acquisitions

ACQUISITIONS = families.names("acquisition")
# the others say the same whatever the seed
DRAWN = ["badge", "bald", "energy_random", "random", "typiclust"]
POOL, DIMS, CLASSES = 130, 6, 4


def settings(name: str, **changes: Any) -> Any:
    return families.load("acquisition", name).Settings.model_validate(acquisitions()[name] | changes)


def linear(classes: int = CLASSES, scale: float = 1.0) -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = nn.Linear(DIMS, classes)
    with torch.no_grad():
        head.weight.mul_(scale)
    return head


def candidates(points: Tensor | None = None, head: nn.Module | None = None, count: int = 20, **changes: Any) -> Any:
    """A pool of which the first tenth is labelled, the next tenth not shown, and all others may be asked about."""
    if points is None:
        points = torch.randn(POOL, DIMS, generator=torch.Generator().manual_seed(0))
    tenth = len(points) // 10
    askable = torch.arange(2 * tenth, len(points))
    ranked = askable[torch.randperm(len(askable), generator=torch.Generator().manual_seed(1))]
    common = {"labelled": torch.arange(tenth), "askable": askable, "ranked": ranked, "seed": 0, "round": 1}
    return Candidates(points, head or linear(), **(common | {"count": count} | changes))


def query(name: str, pool: Candidates) -> Query:
    return families.load("acquisition", name).query(pool, settings(name))


def assert_valid(found: Query, pool: Candidates) -> None:
    assert found.indices.dtype == torch.int64 and found.indices.shape == (pool.count,)
    assert len(set(found.indices.tolist())) == pool.count
    assert set(found.indices.tolist()) <= set(pool.askable.tolist())
    if found.scores is not None:
        assert found.scores.shape == (pool.count,) and found.scores.isfinite().all()
        assert not found.scores.requires_grad


def test_every_acquisition_has_a_block_of_parameters() -> None:
    assert sorted(acquisitions()) == ACQUISITIONS


def test_what_is_not_finite_is_refused_by_name() -> None:
    points = torch.zeros(POOL, DIMS)
    points[7, 2] = torch.nan
    with pytest.raises(
        UserError, match=r"^embeddings of 1 images of the pool are not finite; lower the learning rate$"
    ):
        candidates(points)
    with pytest.raises(UserError, match=r"^logits of 130 images of the pool are not finite"):
        candidates(head=linear(scale=torch.inf))


@pytest.mark.parametrize("count", [0, 105])
def test_a_count_that_the_images_cannot_give_is_refused(count: int) -> None:
    with pytest.raises(UserError, match=f"^{count} labels asked for among 104 images"):
        candidates(count=count)


@pytest.mark.parametrize("name", ACQUISITIONS)
class TestAcquisition:
    @pytest.mark.parametrize("count", [1, 2, 37, 104])
    def test_exact_count_without_duplicates(self, name: str, count: int) -> None:
        pool = candidates(count=count)
        assert_valid(query(name, pool), pool)

    @pytest.mark.parametrize("count", [1, 3, 50, 80])
    def test_fewer_distinct_points_than_count(self, name: str, count: int) -> None:
        points = torch.randn(4, DIMS, generator=torch.Generator().manual_seed(0)).repeat(25, 1)
        pool = candidates(points, count=count)
        assert_valid(query(name, pool), pool)

    @pytest.mark.parametrize("value", [0.0, 0.1])
    @pytest.mark.parametrize("count", [7, 24])
    def test_constant_embeddings(self, name: str, value: float, count: int) -> None:
        pool = candidates(torch.full((30, DIMS), value), count=count)
        assert_valid(query(name, pool), pool)

    @pytest.mark.parametrize("scale", [0.0, 1e5], ids=["all classes alike", "sure of everything"])
    @pytest.mark.parametrize("count", [7, 104])
    def test_logits_that_tell_nothing_apart(self, name: str, scale: float, count: int) -> None:
        head = linear(scale=scale)
        nn.init.zeros_(head.bias)
        pool = candidates(head=head, count=count)
        assert_valid(query(name, pool), pool)

    def test_one_class(self, name: str) -> None:
        pool = candidates(head=linear(1))
        assert_valid(query(name, pool), pool)

    def test_one_image(self, name: str) -> None:
        one = torch.tensor([5])
        pool = candidates(askable=one, ranked=one, count=1)
        assert query(name, pool).indices.tolist() == [5]

    def test_nothing_labelled(self, name: str) -> None:
        pool = candidates(labelled=torch.tensor([], dtype=torch.int64))
        assert_valid(query(name, pool), pool)

    def test_same_seed_and_round_same_answer(self, name: str) -> None:
        first, again = (query(name, candidates()) for _ in range(2))
        assert torch.equal(first.indices, again.indices)
        assert (first.scores is None) == (again.scores is None)
        assert first.scores is None or torch.equal(first.scores, again.scores)

    @pytest.mark.parametrize("what", ["seed", "round"])
    def test_another_seed_or_round_another_answer(self, name: str, what: str) -> None:
        pools = [replace(candidates(), **{what: number}) for number in range(1, 5)]
        answers = {tuple(query(name, pool).indices.tolist()) for pool in pools}
        assert (len(answers) > 1) == (name in DRAWN)

    def test_images_that_nobody_may_see_do_not_matter(self, name: str) -> None:
        pool = candidates()
        others = pool.embedding.clone()
        others[len(pool.labelled) : int(pool.askable[0])] += 100
        assert torch.equal(query(name, pool).indices, query(name, candidates(others)).indices)

    def test_it_leaves_all_as_it_is(self, name: str) -> None:
        """What it is given, and the generator that training draws from."""
        pool, before = candidates(), torch.get_rng_state()
        query(name, pool)
        assert torch.equal(torch.get_rng_state(), before)
        untouched = candidates()
        for field in ("embedding", "labelled", "askable", "ranked"):
            assert torch.equal(getattr(pool, field), getattr(untouched, field))
        assert torch.equal(pool.head.weight, untouched.head.weight)

    @pytest.mark.parametrize("known", ["pictures", "embeddings"])
    @pytest.mark.parametrize("count", [1, 10, 14, 60])
    def test_no_copy_while_an_image_is_left(self, name: str, count: int, known: str) -> None:
        """Of 130 images 60 are copies of one that may be queried, 30 of one labelled: 14 that differ may be queried."""
        of = torch.arange(POOL)
        of[30:90], of[90:120] = 29, 5
        points = torch.randn(POOL, DIMS, generator=torch.Generator().manual_seed(0))[of]
        if known == "pictures":
            points += 1e-6 * torch.rand(POOL, DIMS, generator=torch.Generator().manual_seed(1))
        pool = candidates(points, count=count)
        asked = np.arange(20)
        first = of.numpy() if known == "pictures" else np.arange(POOL)
        found = ask(pool, asked, settings=settings(name), first=first)
        assert_valid(found, pool)
        kinds = of[found.indices].tolist()
        distinct = len({int(one) for one in of[pool.askable]} - {5})
        assert len(set(kinds[:distinct]) - {5}) == min(count, distinct)

    def test_where_no_image_is_a_copy_it_is_the_members_own_query(self, name: str) -> None:
        found = ask(candidates(), np.arange(13), settings=settings(name), first=np.arange(POOL))
        assert torch.equal(found.indices, query(name, candidates()).indices)
