"""The maps tell apart what the embedding tells apart, and are the same at each call."""

from __future__ import annotations

import numpy as np
import pytest

from stages.geometry import maps


@pytest.fixture(scope="module")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three classes far apart: float32 [90, 12] and their labels."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 30)
    centres = 10 * np.eye(3, 12)
    return (centres[labels] + random.normal(size=(90, 12))).astype(np.float32), labels


def nearest_label_share(plane: np.ndarray, labels: np.ndarray) -> float:
    distances = np.linalg.norm(plane[:, None] - plane[None], axis=-1) + np.diag(np.full(len(plane), np.inf))
    return float((labels[distances.argmin(axis=1)] == labels).mean())


@pytest.mark.parametrize("shape", [(50, 8), (8, 50)])
def test_pca_is_that_of_the_singular_value_decomposition(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    centred = x - x.mean(axis=0)
    _, _, axes = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    expected = centred @ axes[:2].T
    plane = maps.pca(x)
    assert plane.shape == (shape[0], 2)
    assert plane.dtype == np.float32
    np.testing.assert_allclose(np.abs(plane), np.abs(expected), atol=1e-4)


@pytest.mark.parametrize("dims", [20, 60])
def test_components_that_the_data_lacks_are_zero(dims: int) -> None:
    """Five pictures, twelve times each, vary along four axes, however many dimensions their features have: an axis
    more would be rounding, and its component a mixture of the others."""
    five = np.random.default_rng(4).normal(size=(5, dims)).astype(np.float32)
    components = maps.pca(np.repeat(five, 12, axis=0), 8)
    centred = five - five.mean(axis=0)
    lengths = 12**0.5 * np.linalg.svd(centred, compute_uv=False)[:4]
    np.testing.assert_allclose(np.linalg.norm(components, axis=0)[:4], lengths, rtol=1e-5)
    assert (components[:, 4:] == 0).all()


def test_pca_keeps_its_sign_when_the_rows_are_shuffled(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = blobs
    order = np.random.default_rng(2).permutation(len(x))
    np.testing.assert_allclose(maps.pca(x)[order], maps.pca(x[order]), atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (1, 1), (2, 2)])
def test_pca_of_next_to_nothing_is_finite(shape: tuple[int, int]) -> None:
    plane = maps.pca(np.ones(shape, dtype=np.float32))
    assert plane.shape == (shape[0], 2)
    assert np.isfinite(plane).all()


def test_umap_keeps_neighbours_and_repeats_itself(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    x, labels = blobs
    plane = maps.umap(x, seed=0)
    assert plane.shape == (90, 2)
    assert plane.dtype == np.float32
    assert nearest_label_share(plane, labels) > 0.95
    np.testing.assert_array_equal(plane, maps.umap(x, seed=0))
    assert not np.array_equal(plane, maps.umap(x, seed=1))


@pytest.mark.parametrize("points", [1, 2, 3, 4, 9])
def test_umap_of_a_few_points(points: int) -> None:
    plane = maps.umap(np.random.default_rng(0).normal(size=(points, 6)).astype(np.float32), seed=0)
    assert plane.shape == (points, 2)
    assert np.isfinite(plane).all()


def test_umap_of_equal_points_is_finite() -> None:
    assert np.isfinite(maps.umap(np.zeros((20, 4), dtype=np.float32), seed=0)).all()
