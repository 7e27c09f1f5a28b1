"""Clusters that take turns, counted by hand."""

from __future__ import annotations

import numpy as np

from stages.geometry.turns import by_shares, by_turns

#                    0  1  2  3  4  5   6  7
CLUSTERS = np.array([1, 0, 1, 1, 2, 0, -1, 1])
ORDER = np.array([4.0, 2, 3, 3, 9, 1, 0, 8])


def test_round_by_round_the_largest_first_and_the_lowest_of_each() -> None:
    found = by_turns(CLUSTERS, ORDER, 8)
    assert found.dtype == np.int64
    assert found.tolist() == [2, 5, 4, 3, 1, 0, 7]  # all but the one in no cluster


def test_a_smaller_budget_buys_the_first_of_a_larger() -> None:
    assert by_turns(CLUSTERS, ORDER, 3).tolist() == [2, 5, 4]
    assert by_turns(CLUSTERS, ORDER, 0).tolist() == []


def test_those_taken_count_for_their_cluster_and_are_not_chosen_again() -> None:
    taken = np.isin(np.arange(8), [2, 3, 5])
    assert by_turns(CLUSTERS, ORDER, 8, taken).tolist() == [4, 1, 0, 7]


def test_nothing_to_choose_from() -> None:
    assert by_turns(np.full(3, -1), np.zeros(3), 2).tolist() == []


def test_shares_follow_the_sizes_at_every_budget() -> None:
    clusters = np.repeat([0, 1, 2, -1], [60, 30, 10, 20])
    order = np.random.default_rng(0).random(120)
    found = by_shares(clusters, order, 120)
    assert len(found) == 100 and len(set(found.tolist())) == 100
    for budget, expected in ((1, [1, 0, 0]), (10, [6, 3, 1]), (50, [30, 15, 5]), (100, [60, 30, 10])):
        assert np.bincount(clusters[found[:budget]], minlength=3).tolist() == expected
        assert by_shares(clusters, order, budget).tolist() == found[:budget].tolist()
    of_the_first = found[clusters[found] == 0]
    assert (np.diff(order[of_the_first]) > 0).all()
