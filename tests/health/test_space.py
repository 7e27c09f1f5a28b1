"""Neighbours among features, and who has none."""

from __future__ import annotations

import numpy as np
import pytest

from stages.health import space as module
from stages.health.space import NEIGHBOURS, outliers, space


def test_columns_count_the_same_whatever_their_scale_and_one_that_is_constant_does_not() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 4)).astype(np.float32)
    scaled = np.column_stack([features * np.float32([1, 10, 100, 0.01]) + 5, np.full(200, 3)]).astype(np.float32)
    around = space(scaled)
    assert around.features.shape == (200, 4)
    assert np.isclose((around.features**2).sum(axis=1).mean(), 1, atol=1e-4)
    assert np.allclose(around.neighbours, space(features).neighbours, atol=1e-3)


def test_neighbours_are_others_nearest_first() -> None:
    features = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    features[7] = features[3]
    around = space(features)
    slow = np.linalg.norm(around.features[:, None] - around.features, axis=2)
    np.fill_diagonal(slow, np.inf)
    assert np.allclose(around.neighbours, np.sort(slow, axis=1)[:, :NEIGHBOURS], atol=1e-5)
    assert around.neighbours[3, 0] == 0
    assert space(features[:4]).neighbours.shape == (4, 3)
    assert space(features[:1]).neighbours.shape == (1, 0)


def test_equal_features_are_no_error() -> None:
    around = space(np.ones((30, 5), np.float32))
    assert (around.neighbours == 0).all() and around.neighbours.shape == (30, NEIGHBOURS)
    assert outliers(around.neighbours)[0].tolist() == []


def test_what_lies_far_out_is_found_by_a_sample_too(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
    features[10] += 40
    features[20] -= 80
    for among in (10_000, 200):
        monkeypatch.setattr(module, "AMONG", among)
        far, score = outliers(space(features).neighbours)
        assert far.tolist()[0] == 20 or among == 200
        assert {10, 20} <= set(far.tolist()) and len(far) < 10
        assert score[far[0]] == score.max()
