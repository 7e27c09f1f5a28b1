"""Maps of an embedding: its points in the plane, by PCA and by UMAP."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

NEIGHBOURS = 15


def pca(embedding: np.ndarray) -> np.ndarray:
    """The first two principal components, float32 [n, 2], of an embedding [n, d].

    The sign is fixed (the largest weight of each component is positive), so that a map is the same at each call;
    a component that the data lacks (n or d of 1) is zero.
    """
    x = embedding.astype(np.float64)
    x -= x.mean(axis=0)
    n, d = x.shape
    if d <= n:
        axes = np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :2]
    else:  # the smaller of the two Gram matrices has the same spectrum
        left = np.linalg.eigh(x @ x.T)[1][:, ::-1][:, :2]
        axes = x.T @ left
        axes /= np.maximum(np.linalg.norm(axes, axis=0), np.finfo(np.float64).tiny)
    axes = axes * np.where(np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0) < 0, -1.0, 1.0)
    plane = np.zeros((n, 2), dtype=np.float32)
    plane[:, : axes.shape[1]] = x @ axes
    return plane


def umap(embedding: np.ndarray, seed: int) -> np.ndarray:
    """UMAP (McInnes, Healy and Melville, 2018, arXiv:1802.03426), float32 [n, 2], of an embedding [n, d].

    15 neighbours by Euclidean distance, minimum distance 0.1, started from PCA; the same seed gives the same map.
    The neighbours are exact: for the few thousand points of a picture that is cheaper than to compile a search.
    Fewer than four points are given their PCA.
    """
    if len(embedding) < 4:
        return pca(embedding)
    points = embedding.astype(np.float32)
    with warnings.catch_warnings():
        # said of every seeded map: it runs on one thread, and new points cannot be added to it
        warnings.filterwarnings("ignore", message="n_jobs value")
        warnings.filterwarnings("ignore", message="precomputed_knn")
        mapper = _mapper(points, seed)
        return np.asarray(mapper.fit_transform(points), dtype=np.float32)


def warm_up() -> None:
    """Compiles what UMAP needs, for all later processes of this environment: half a minute, once."""
    umap(np.random.default_rng(0).normal(size=(64, 8)), seed=0)


def _mapper(points: np.ndarray, seed: int) -> Any:
    from sklearn.neighbors import NearestNeighbors

    _keep_compiled()
    from umap import UMAP

    count = min(NEIGHBOURS, len(points) - 1)
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points)
    distances, indices = search.kneighbors(points)
    known = (indices.astype(np.int32), distances.astype(np.float32), None)
    start = _start(points, seed)
    return UMAP(
        n_neighbors=count,
        min_dist=0.1,
        init=start,
        precomputed_knn=known,
        random_state=seed,
        n_jobs=1,
        n_epochs=500,
    )


def _start(points: np.ndarray, seed: int) -> np.ndarray:
    """PCA on a scale of 10, with a little noise that parts equal points."""
    start = pca(points)
    start *= 10 / max(float(np.abs(start).max()), 1e-30)
    return start + np.random.default_rng(seed).normal(scale=1e-4, size=start.shape).astype(np.float32)


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
