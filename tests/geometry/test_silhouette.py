from __future__ import annotations

import numpy as np
import pytest

from stages.geometry.silhouette import silhouette


def test_silhouette_of_all_or_of_a_fixed_sample() -> None:
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(0)
    clusters = rng.integers(3, size=600)
    features = (np.eye(3)[clusters] + 0.2 * rng.standard_normal((600, 3))).astype(np.float32)
    whole = silhouette(features, clusters)
    assert whole == pytest.approx(silhouette_score(features, clusters))
    sampled = silhouette(features, clusters, images=200)
    assert sampled == silhouette(features, clusters, images=200)
    assert sampled != whole and sampled == pytest.approx(whole, abs=0.05)


def test_silhouette_of_no_clusters_is_none() -> None:
    assert silhouette(np.eye(3, dtype=np.float32), np.zeros(3, int)) is None
    assert silhouette(np.eye(3, dtype=np.float32), np.arange(3)) is None
