"""What every strategy owes, whichever it is: a new file in stages/selection is held to it by its presence."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from stages.base import families
from stages.base.errors import UserError
from stages.selection import NONE, Selection, choose, member, ranked
from tests.blocks import blocks, settings

STRATEGIES = families.names("selection")
CPU = torch.device("cpu")
# what each chose before it was told what is labelled (commit e957bee)
BEFORE = {
    "coreset": [41, 78, 16, 98, 104, 24, 70, 27],
    "dbscan": [8, 85, 52, 73, 107, 31, 6, 99],
    "hdbscan": [85, 107, 31, 73, 8, 52, 99, 108],
    "kmeans": [85, 35, 54, 69, 4, 118, 100, 3],
    "optics": [8, 52, 31, 73, 107, 85, 6, 51],
    "probcover": [0, 96, 109, 30, 54, 61, 77, 100],
    "random": [97, 117, 1, 29, 46, 12, 85, 99],
    "typiclust": [91, 35, 54, 65, 4, 118, 87, 30],
}


def features(n: int = 120, dims: int = 6) -> np.ndarray:
    """Six clouds, one after the other."""
    noise = np.random.default_rng(0).standard_normal((n, dims))
    return (noise + 10 * np.eye(6, dims)[np.arange(n) * 6 // n]).astype(np.float32)


def select(
    strategy: str, pool: np.ndarray, budget: int, seed: int = 0, labelled: np.ndarray = NONE, **changes: Any
) -> Selection:
    block = settings("strategies", strategy, **changes)
    return families.load("selection", strategy).select(pool, budget, block, labelled=labelled, seed=seed, device=CPU)


def chosen(
    strategy: str,
    pool: np.ndarray,
    first: np.ndarray,
    budget: int,
    labelled: np.ndarray = NONE,
    skipped: np.ndarray = NONE,
) -> Selection:
    """As the stage does it."""
    block, known = settings("strategies", strategy), {"labelled": labelled, "skipped": skipped}
    return choose(member(strategy), pool, budget, block, first=first, **known, seeds=[3], device=CPU)[0]


def with_copies() -> tuple[np.ndarray, np.ndarray]:
    """120 images and 180 copies of two of them, mixed: features, and of each image the first equal one."""
    of = np.random.default_rng(1).permutation(np.r_[np.arange(120), np.zeros(150, int), np.full(30, 77)])
    return features()[of], np.array([of.tolist().index(one) for one in of])


def assert_valid(selection: Selection, n: int, budget: int) -> None:
    assert selection.indices.dtype == np.int64 and selection.indices.shape == (budget,)
    assert len(set(selection.indices.tolist())) == budget
    assert set(selection.indices.tolist()) <= set(range(n))
    if selection.clusters is not None:
        assert selection.clusters.dtype == np.int64 and selection.clusters.shape == (n,)
        assert selection.clusters.min() >= -1


def assert_valid_or_refused(strategy: str, pool: np.ndarray, budget: int) -> None:
    """Of a pool without clusters: a strategy that looks for them may refuse it, saying what to try; no other may."""
    try:
        selection = select(strategy, pool, budget)
    except UserError as refusal:
        assert re.search(r"(clusters?, .* are noise|min_samples=\d+).*; (lower|raise|set) ", str(refusal))
    else:
        assert_valid(selection, len(pool), budget)


def test_every_strategy_has_a_block_of_parameters() -> None:
    assert sorted(blocks("strategies")) == STRATEGIES


@pytest.mark.parametrize("strategy", STRATEGIES)
class TestStrategy:
    @pytest.mark.parametrize("budget", [1, 2, 37, 120])
    def test_exact_budget_without_duplicates(self, strategy: str, budget: int) -> None:
        assert_valid(select(strategy, features(), budget), 120, budget)

    @pytest.mark.parametrize("budget", [1, 3, 50, 60])
    def test_fewer_distinct_points_than_budget(self, strategy: str, budget: int) -> None:
        assert_valid(select(strategy, np.repeat(features(3), 20, axis=0), budget), 60, budget)

    @pytest.mark.parametrize("value", [0.0, 0.1])
    def test_constant_features(self, strategy: str, value: float) -> None:
        assert_valid_or_refused(strategy, np.full((30, 4), value, np.float32), 7)

    def test_one_image(self, strategy: str) -> None:
        assert_valid_or_refused(strategy, features(1), 1)

    def test_same_seed_same_answer(self, strategy: str) -> None:
        first, again = (select(strategy, features(), 20, seed=3) for _ in range(2))
        np.testing.assert_array_equal(first.indices, again.indices)
        np.testing.assert_array_equal(first.clusters, again.clusters)

    def test_another_seed_another_answer(self, strategy: str) -> None:
        answers = {tuple(select(strategy, features(), 20, seed=seed).indices.tolist()) for seed in range(4)}
        assert len(answers) > 1

    def test_features_are_left_as_they_are(self, strategy: str) -> None:
        pool = features()
        select(strategy, pool, 20)
        np.testing.assert_array_equal(pool, features())

    @pytest.mark.parametrize("budget", [0, 121])
    def test_refuses_a_budget_the_pool_cannot_give(self, strategy: str, budget: int) -> None:
        with pytest.raises(UserError, match="budget"):
            select(strategy, features(), budget)

    @pytest.mark.parametrize("known", ["pictures", "features", "both"])
    @pytest.mark.parametrize("budget", [20, 120, 150])
    def test_no_copy_while_an_image_is_left(self, strategy: str, budget: int, known: str) -> None:
        pool, of = with_copies()
        every = np.arange(300)
        if known == "pictures":
            # as where equal pictures stood in batches of other sizes
            pool = pool + 1e-6 * (np.random.default_rng(2).random(pool.shape) < 0.1).astype(np.float32)
        found = chosen(strategy, pool, every if known == "features" else of, budget)
        assert_valid(found, 300, budget)
        assert len(set(of[found.indices[:120]].tolist())) == min(budget, 120)
        if found.clusters is not None:
            assert (found.clusters == found.clusters[of]).all()
        for values in found.reasons.values():
            assert values.shape == (budget,)
        if budget > 120 and known != "features":
            assert (
                "30 of the 150 images chosen are copies of others chosen: the pool has 120 that differ" in found.notes
            )

    def test_copies_change_nothing_of_the_choice_among_the_others(self, strategy: str) -> None:
        pool, of = with_copies()
        once = np.flatnonzero(of == np.arange(300))
        expected = chosen(strategy, pool[once], np.arange(120), 40)
        assert chosen(strategy, pool, of, 40).indices.tolist() == once[expected.indices].tolist()

    def test_pictures_that_features_do_not_tell_apart_come_before_copies(self, strategy: str) -> None:
        """Those of a network that gives the same for all but a few."""
        pool, of = with_copies()
        pool[of != 0] = np.where(of[of != 0, None] % 4 > 0, pool[of != 0], 1)
        pictures = np.unique(of)
        differ = len(np.unique(pool[pictures], axis=0))
        assert differ < 100
        found = chosen(strategy, pool, of, 120)
        assert len(set(of[found.indices].tolist())) == 120
        assert len(np.unique(pool[found.indices[:differ]], axis=0)) == differ
        said = (
            f"features: {120 - differ} images have those of another, though the pictures differ; they are chosen last"
        )
        assert said in found.notes


@pytest.mark.parametrize("strategy", STRATEGIES)
class TestLabelled:
    """What is labelled already."""

    def test_with_nothing_labelled_the_picks_are_those_without_the_argument(self, strategy: str) -> None:
        if strategy in BEFORE:
            assert select(strategy, features(), 8, seed=1).indices.tolist() == BEFORE[strategy]

    @pytest.mark.parametrize("count", [1, 30, 119])
    def test_the_images_chosen_are_others(self, strategy: str, count: int) -> None:
        labelled = np.random.default_rng(4).permutation(120)[:count]
        for budget in {1, min(20, 120 - count), 120 - count}:
            found = select(strategy, features(), budget, labelled=labelled)
            assert_valid(found, 120, budget)
            assert not set(found.indices.tolist()) & set(labelled.tolist())
            assert all(values.shape == (budget,) for values in found.reasons.values())

    def test_all_but_one_labelled_leaves_that_one(self, strategy: str) -> None:
        for left in (0, 57, 119):
            assert select(strategy, features(), 1, labelled=np.delete(np.arange(120), left)).indices.tolist() == [left]

    def test_the_order_in_which_they_were_labelled_says_nothing(self, strategy: str) -> None:
        labelled = np.arange(0, 60, 3)
        one, other = (select(strategy, features(), 20, labelled=given) for given in (labelled, labelled[::-1].copy()))
        assert one.indices.tolist() == other.indices.tolist()

    def test_one_that_is_not_of_the_pool_is_refused(self, strategy: str) -> None:
        for outside in (-1, 120):
            with pytest.raises(UserError, match=f"labelled: image {outside} is not in a pool of 120") as refusal:
                select(strategy, features(), 5, labelled=np.array([3, outside]))
            assert len(str(refusal.value).splitlines()) == 1

    def test_one_named_twice_is_refused(self, strategy: str) -> None:
        with pytest.raises(UserError, match="labelled: an image is named twice"):
            select(strategy, features(), 5, labelled=np.array([3, 4, 3]))

    def test_a_budget_above_what_is_left_is_refused(self, strategy: str) -> None:
        with pytest.raises(UserError, match=r"labels\.budget: 21 .* pool of 120 images, of which 20 have no label"):
            select(strategy, features(), 21, labelled=np.arange(100))

    @pytest.mark.parametrize("known", ["pictures", "features"])
    def test_copies_of_what_is_labelled_or_chosen_come_last(self, strategy: str, known: str) -> None:
        """Of 300 images 150 are one photo, and one of these is labelled."""
        pool, of = with_copies()
        photo = np.flatnonzero(of == np.bincount(of).argmax())
        others = np.setdiff1d(np.unique(of), photo)
        labelled = np.append(photo[30], others[:5])
        first = of if known == "pictures" else np.arange(300)
        for budget in (20, 114, 150):
            found = chosen(strategy, pool, first, budget, labelled)
            assert_valid(found, 300, budget)
            assert not set(found.indices.tolist()) & set(labelled.tolist())
            distinct = set(of[found.indices[:114]].tolist())
            assert len(distinct) == min(budget, 114) and distinct <= set(others[5:].tolist())
        assert chosen(strategy, pool, first, 294, labelled).indices.shape == (294,)

    def test_what_people_skipped_is_not_chosen_nor_are_its_copies_before_others(self, strategy: str) -> None:
        pool, of = with_copies()
        photo = np.flatnonzero(of == np.bincount(of).argmax())
        others = np.setdiff1d(np.unique(of), photo)
        skipped, labelled = photo[7:8], others[:10]
        found = chosen(strategy, pool, of, 109, labelled, skipped)
        assert_valid(found, 300, 109)
        assert set(of[found.indices].tolist()) == set(others[10:].tolist())
        with pytest.raises(UserError, match="of which 289 have no label"):
            chosen(strategy, pool, of, 290, labelled, skipped)

    def test_a_ranking_has_the_labelled_first_in_its_own_order_then_what_is_chosen_beside_them(
        self, strategy: str
    ) -> None:
        pool, block, every = features(), settings("strategies", strategy), np.arange(120)
        labelled, skipped = np.arange(0, 120, 7), np.array([1, 2])

        def first(budget: int, labelled: np.ndarray, skipped: np.ndarray) -> tuple[Selection, np.ndarray]:
            known = {"first": every, "labelled": labelled, "skipped": skipped}
            return ranked(member(strategy), pool, budget, block, **known, seeds=[3], device=CPU)[0]

        _, plain = first(40, NONE, NONE)
        known = plain[np.isin(plain, labelled)].tolist()
        found, ranking = first(40, labelled, skipped)
        assert sorted(ranking.tolist()) == every.tolist() and set(ranking[-2:].tolist()) == {1, 2}
        beside = chosen(strategy, pool, every, 40 - len(labelled), labelled, skipped).indices.tolist()
        assert found.indices.tolist() == ranking[:40].tolist() == known + beside
        assert all(np.isnan(one[: len(known)]).all() and one.shape == (40,) for one in found.reasons.values())
        # a budget that is spent
        found, ranking = first(10, labelled, skipped)
        _, plain = first(10, NONE, NONE)
        known = plain[np.isin(plain, labelled)].tolist()
        assert ranking[: len(known)].tolist() == known and found.indices.tolist() == known[:10]
        # a pool of which nothing is left
        found, ranking = first(120, labelled, np.setdiff1d(every, labelled))
        assert set(found.indices.tolist()) == set(labelled.tolist())


@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"random"}))
def test_what_is_labelled_draws_the_choice_elsewhere(strategy: str) -> None:
    """Of five clouds of six an image is labelled: the next is of the sixth."""
    pool = features()
    middles = pool.reshape(6, 20, 6).mean(1, keepdims=True)
    typical = np.linalg.norm(pool.reshape(6, 20, 6) - middles, axis=2).argmin(1) + 20 * np.arange(6)
    for left in range(6):
        found = select(strategy, pool, 1, labelled=np.delete(typical, left))
        assert found.indices[0] // 20 == left
