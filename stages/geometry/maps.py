"""An embedding's points in the plane, for a map, or in a few dimensions: by PCA and by UMAP."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from stages.base import draws

if TYPE_CHECKING:
    from umap import UMAP

NEIGHBOURS = 15

Neighbours = tuple[np.ndarray, np.ndarray]


def pca(embedding: np.ndarray, dimensions: int = 2) -> np.ndarray:
    """The first principal components, float32 [n, dimensions], of an embedding [n, d].

    The sign is fixed (the largest weight of each component is positive), so that a map is the same at each call;
    a component that the data lacks, for they vary along fewer than `dimensions` axes, is zero.
    """
    x = embedding.astype(np.float64)
    x -= x.mean(axis=0)
    n, d = x.shape
    # the smaller of the two Gram matrices has the same spectrum
    values, vectors = np.linalg.eigh(x.T @ x if d <= n else x @ x.T)
    # what is left beside the others is their rounding, from which no axis can be had
    there = values > values.max(initial=0) * max(n, d) * np.finfo(np.float64).eps
    axes = vectors[:, there][:, ::-1][:, :dimensions]
    if d > n:
        axes = x.T @ axes
        axes /= np.linalg.norm(axes, axis=0)
    axes = axes * np.where(np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0) < 0, -1.0, 1.0)
    components = np.zeros((n, dimensions), dtype=np.float32)
    components[:, : axes.shape[1]] = x @ axes
    return components


def umap(
    embedding: np.ndarray,
    seed: int,
    *,
    dimensions: int = 2,
    min_dist: float = 0.1,
    neighbours: Neighbours | None = None,
) -> np.ndarray:
    """UMAP (McInnes, Healy and Melville, 2018, arXiv:1802.03426), float32 [n, dimensions], of an embedding [n, d].

    Started from PCA; 500 epochs, 200 beyond 10,000 points; the same seed gives the same map. `min_dist`: how near to
    each other points are drawn. `neighbours`: of each point the indices and Euclidean distances, [n, k] each, of its k
    nearest, itself first; else 15, found by comparing all, which for the few thousand points of a picture is cheaper
    than to compile a search. Fewer than four points are given their PCA.
    """
    if len(embedding) < 4:
        return pca(embedding, dimensions)
    points = embedding.astype(np.float32)
    neighbours = _neighbours(points) if neighbours is None else neighbours
    with warnings.catch_warnings():
        # said of every seeded map: it runs on one thread, and new points cannot be added to it
        warnings.filterwarnings("ignore", message="n_jobs value")
        warnings.filterwarnings("ignore", message="precomputed_knn")
        mapper = _mapper(_start(points, seed, dimensions), seed, min_dist, neighbours)
        return np.asarray(mapper.fit_transform(points), dtype=np.float32)


def compile_umap() -> None:
    """Compiles what UMAP needs, for all later processes of this environment: half a minute, once."""
    umap(draws.rng(0, "geometry.compile_umap").normal(size=(64, 8)), seed=0)


def _neighbours(points: np.ndarray) -> Neighbours:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(points) - 1), algorithm="brute").fit(points)
    distances, indices = search.kneighbors(points)
    return indices, distances


def _mapper(start: np.ndarray, seed: int, min_dist: float, neighbours: Neighbours) -> UMAP:
    _keep_compiled()
    from umap import UMAP

    indices, distances = neighbours
    return UMAP(
        n_neighbors=indices.shape[1],
        n_components=start.shape[1],
        min_dist=min_dist,
        init=start,
        precomputed_knn=(indices.astype(np.int32), distances.astype(np.float32), None),
        random_state=draws.number(seed, "geometry.umap", bits=32),
        n_jobs=1,
    )


def _start(points: np.ndarray, seed: int, dimensions: int) -> np.ndarray:
    """PCA on a scale of 10, with a little noise that parts equal points."""
    start = pca(points, dimensions)
    start *= 10 / max(float(np.abs(start).max()), 1e-30)
    return start + draws.rng(seed, "geometry.umap_start").normal(scale=1e-4, size=start.shape).astype(np.float32)


def _keep_compiled() -> None:
    """Has numba keep the three functions that every fit would compile anew (4 s), beside umap's source or, where that
    cannot be written to, in the user's cache."""
    from numba.core.dispatcher import Dispatcher
    from umap import layouts, umap_

    for module, name in (
        (umap_, "smooth_knn_dist"),
        (umap_, "compute_membership_strengths"),
        (layouts, "_nb_optimize_layout_euclidean_single_epoch"),
    ):
        function = getattr(module, name, None)  # another release of umap may name them otherwise: then it is slow
        if isinstance(function, Dispatcher):
            function.enable_caching()
