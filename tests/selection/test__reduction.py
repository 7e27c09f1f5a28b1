"""Features in fewer dimensions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stages.selection._reduction import Reduction, reduced

CPU = torch.device("cpu")


def clouds(n: int = 120, dims: int = 20) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((n, dims))
    return (noise + 10 * np.eye(3, dims)[np.arange(n) % 3]).astype(np.float32)


def test_none_gives_back_the_features() -> None:
    features = clouds()
    assert reduced(features, "none", 2, seed=0, device=CPU) is features


def test_pca_is_that_of_scikit_learn_whatever_the_seed() -> None:
    from sklearn.decomposition import PCA

    ours = reduced(clouds(), "pca", 5, seed=1, device=CPU)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(np.abs(ours), np.abs(PCA(5).fit_transform(clouds())), atol=1e-4)
    np.testing.assert_array_equal(ours, reduced(clouds(), "pca", 5, seed=2, device=CPU))


def test_more_dimensions_than_there_are_add_nothing() -> None:
    found = reduced(clouds(dims=4), "pca", 9, seed=0, device=CPU)
    assert found.shape == (120, 9)
    assert (found[:, 4:] == 0).all() and found[:, :4].any(axis=0).all()


def test_umap_draws_clouds_together_and_follows_the_seed() -> None:
    first, again, other = (reduced(clouds(), "umap", 4, seed=seed, device=CPU) for seed in (0, 0, 1))
    assert first.shape == (120, 4) and first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    distances = np.linalg.norm(first[:, None] - first[None], axis=-1)
    same = np.arange(120)[:, None] % 3 == np.arange(120) % 3
    assert distances[same].max() < distances[~same].min()


@pytest.mark.parametrize("reduction", ["pca", "umap"])
@pytest.mark.parametrize("pool", [np.ones((1, 5)), np.ones((3, 5)), np.full((40, 5), 0.1), np.eye(6)])
def test_next_to_nothing_stays_finite(reduction: Reduction, pool: np.ndarray) -> None:
    found = reduced(pool.astype(np.float32), reduction, 3, seed=0, device=CPU)
    assert found.shape == (len(pool), 3) and np.isfinite(found).all()
