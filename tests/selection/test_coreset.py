"""Why coreset chose each image."""

from __future__ import annotations

import numpy as np
import torch

from stages.selection import NONE
from stages.selection.coreset import Settings, select


def test_the_reason_is_the_distance_to_the_nearest_chosen_before() -> None:
    pool = np.random.default_rng(0).standard_normal((1500, 3)).astype(np.float32)
    settings = Settings(strategy="coreset", extractor="any", normalise=False)
    found = select(pool, 1200, settings, labelled=NONE, seed=0, device=torch.device("cpu"))
    picks = pool[found.indices].astype(np.float64)
    expected = [min(np.linalg.norm(picks[:place] - picks[place], axis=1)) for place in range(1, 1200)]
    assert np.isnan(found.reasons["distance"][0])
    np.testing.assert_allclose(found.reasons["distance"][1:], expected, rtol=1e-6)
    # k-centre greedy: each is nearer to those before than the one chosen before it was
    assert (np.diff(found.reasons["distance"][1:]) <= 0).all()


def test_the_reason_is_exact_far_from_the_origin() -> None:
    pool = np.random.default_rng(0).normal(100, 0.1, (300, 64)).astype(np.float32)
    found = select(
        pool,
        50,
        Settings(strategy="coreset", extractor="any", normalise=False),
        labelled=NONE,
        seed=0,
        device=torch.device("cpu"),
    )
    picks = pool[found.indices].astype(np.float64)
    expected = [min(np.linalg.norm(picks[:place] - picks[place], axis=1)) for place in range(1, 50)]
    np.testing.assert_allclose(found.reasons["distance"][1:], expected, rtol=1e-5)
