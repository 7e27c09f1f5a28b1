from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from stages.measures import features

CPU = torch.device("cpu")
NEAREST = ("knn_euclidean", "knn_cosine")
KMEANS = ("kmeans_accuracy", "kmeans_nmi", "kmeans_ari")
MEASURED = (*NEAREST, "linear_probe", *KMEANS)


def clouds(count: int, classes: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points around the axes of a space of 6 dimensions."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    points = np.eye(6)[labels] + spread * rng.standard_normal((count, 6))
    return points.astype(np.float32), labels


def quality(pool: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    return features.quality(*pool, *validation, seed=0, device=CPU)


def test_classes_far_apart_are_told_apart() -> None:
    figures = quality(clouds(120, 3, 0.01, 0), clouds(30, 3, 0.01, 1))
    assert [figures[key] for key in MEASURED] == pytest.approx([1] * 6)
    assert (figures["dimensions"], figures["left_out"], figures["notes"]) == (6, 0, [])


def test_noise_tells_nothing() -> None:
    figures = quality(clouds(300, 3, 100, 0), clouds(90, 3, 100, 1))
    assert figures["knn_euclidean"] < 0.6
    assert figures["linear_probe"] < 0.6
    assert figures["kmeans_nmi"] < 0.2
    assert figures["kmeans_accuracy"] < 0.6


def test_digits_are_told_apart_by_their_pixels() -> None:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    points, labels = images[order].astype(np.float32), labels[order]
    figures = quality((points[:1500], labels[:1500]), (points[1500:], labels[1500:]))
    # as with scikit-learn's own k-NN, logistic regression and k-means
    assert figures["knn_euclidean"] == pytest.approx(0.98, abs=0.02)
    assert figures["linear_probe"] == pytest.approx(0.97, abs=0.02)
    assert figures["kmeans_accuracy"] == pytest.approx(0.78, abs=0.1)
    assert figures["kmeans_nmi"] == pytest.approx(0.74, abs=0.1)


def test_unknown_labels_are_left_out_and_counted() -> None:
    pool, labels = clouds(120, 3, 0.01, 0)
    # wrong if an unknown label counted as a class: all of these lie near class 0
    hidden = np.repeat(pool[:1], 60, axis=0)
    figures = quality(
        (np.concatenate([pool, hidden]), np.concatenate([labels, np.full(60, -1)])),
        (clouds(30, 3, 0.01, 1)[0], np.where(np.arange(30) < 20, np.arange(30) % 3, -1)),
    )
    assert [figures[key] for key in MEASURED] == pytest.approx([1] * 6)
    assert figures["left_out"] == 70
    assert figures["notes"] == [
        "figures of features: on the 120 of 180 images of the pool with a label",
        "figures of features: on the 20 of 30 images of the validation part with a label",
    ]


@pytest.mark.parametrize(
    ("pool_classes", "pool_known", "validation_known", "null", "note"),
    [
        (3, 120, 0, MEASURED[:3], "no validation image has a label"),
        (3, 9, 30, NEAREST, "fewer than 10 images"),
        (3, 0, 30, MEASURED, "linear probe: no image of the pool has a label"),
        (1, 120, 30, KMEANS, "fewer than 2 classes"),
        (3, 0, 0, MEASURED, "fewer than 2 classes"),
    ],
)
def test_what_cannot_be_measured_is_null_with_a_note(
    pool_classes: int, pool_known: int, validation_known: int, null: tuple[str, ...], note: str
) -> None:
    pool, labels = clouds(120, pool_classes, 0.01, 0)
    validation, of_validation = clouds(30, 3, 0.01, 1)
    figures = quality(
        (pool, np.where(np.arange(120) < pool_known, labels, -1)),
        (validation, np.where(np.arange(30) < validation_known, of_validation, -1)),
    )
    assert tuple(key for key in MEASURED if figures[key] is None) == null
    assert any(note in one for one in figures["notes"])
    json.dumps(figures, allow_nan=False)


def test_no_validation_part_at_all() -> None:
    empty = (np.zeros((0, 6), np.float32), np.zeros(0, np.int64))
    assert quality(clouds(120, 3, 0.01, 0), empty)["knn_cosine"] is None
