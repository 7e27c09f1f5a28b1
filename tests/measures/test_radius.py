"""The radius of coverage, measured by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stages.measures.radius import common_radius

CPU = torch.device("cpu")


def test_the_median_image_has_a_hundredth_of_the_pool_within_the_radius() -> None:
    pool = np.random.default_rng(0).standard_normal((700, 4)).astype(np.float32)
    distances = np.linalg.norm(pool[:, None].astype(np.float64) - pool[None], axis=2)
    expected = np.quantile(np.sort(distances, axis=1)[:, 7], 0.5, method="lower")  # column 0 is the image itself
    assert common_radius(pool, np.arange(len(pool)), CPU) == pytest.approx(expected, rel=1e-5)


def test_of_a_large_pool_a_fixed_sample_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = np.random.default_rng(0).standard_normal((3000, 4)).astype(np.float32)
    first, again = (common_radius(pool, np.arange(len(pool)), CPU) for _ in range(2))
    monkeypatch.setattr("stages.measures.radius.SAMPLE", 3000)
    assert first == again == pytest.approx(common_radius(pool, np.arange(len(pool)), CPU), rel=0.05)


def test_a_picture_counts_once_however_often_it_is_there() -> None:
    pool = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)
    of = np.r_[np.arange(300), np.full(200, 7)]
    assert common_radius(pool[of], of, CPU) == common_radius(pool, np.arange(300), CPU)
