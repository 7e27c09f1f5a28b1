"""What every strategy owes, whichever it is: a new file in stages/selection is held to it by its presence."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from stages.base import families
from stages.base.errors import UserError
from stages.selection import Selection, choose, member
from tests.blocks import blocks, settings

STRATEGIES = families.names("selection")
CPU = torch.device("cpu")


def features(n: int = 120, dims: int = 6) -> np.ndarray:
    """Six clouds, one after the other."""
    noise = np.random.default_rng(0).standard_normal((n, dims))
    return (noise + 10 * np.eye(6, dims)[np.arange(n) * 6 // n]).astype(np.float32)


def select(strategy: str, pool: np.ndarray, budget: int, seed: int = 0, **changes: Any) -> Selection:
    block = settings("strategies", strategy, **changes)
    return families.load("selection", strategy).select(pool, budget, block, seed=seed, device=CPU)


def chosen(strategy: str, pool: np.ndarray, first: np.ndarray, budget: int) -> Selection:
    """As the stage does it."""
    block = settings("strategies", strategy)
    return choose(member(strategy), pool, budget, block, first=first, seeds=[3], device=CPU)[0]


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
