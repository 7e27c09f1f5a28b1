"""What a choice is worth, counted by hand and against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from stages.geometry.neighbours import nearest
from stages.measures.linear_probe import probe_accuracy
from stages.measures.radius import common_radius
from stages.measures.worth import worth

CPU = torch.device("cpu")
LINE = np.array([[0.0, 1.0], [1.0, 1.0], [10.0, 1.0], [13.0, 1.0]], np.float32)
LABELS = np.array([0, 0, 1, 1])
VALIDATION, VALIDATION_LABELS = np.array([[0.5, 1.0], [11.0, 1.0], [12.0, 1.0]], np.float32), np.array([0, 1, 0])


def measured(
    pool: np.ndarray, labels: np.ndarray, chosen: np.ndarray, validation: np.ndarray, truth: np.ndarray, **rest: Any
) -> tuple[dict[str, Any], list[str]]:
    points = torch.from_numpy(pool)
    distances, _ = nearest(points, points[chosen], 1)
    return worth(pool, labels, chosen, validation, truth, distances, **rest)


def figures(chosen: list[int], labels: np.ndarray = LABELS, truth: np.ndarray = VALIDATION_LABELS) -> dict[str, Any]:
    return measured(LINE, labels, np.array(chosen), VALIDATION, truth, radius=2, device=CPU)[0]


def test_figures_of_a_good_choice() -> None:
    assert figures([0, 2]) == {"coverage": 0.75, "one_nn": pytest.approx(2 / 3), "linear_probe": pytest.approx(2 / 3)}


def test_the_radius_itself_is_within() -> None:
    found, _ = measured(LINE, LABELS, np.array([2]), VALIDATION, VALIDATION_LABELS, radius=3, device=CPU)
    assert found["coverage"] == 0.5


def test_one_class_known_is_guessed_everywhere() -> None:
    assert figures([2, 3])["one_nn"] == figures([2, 3])["linear_probe"] == pytest.approx(1 / 3)


def test_chosen_and_validation_images_without_a_label_are_left_out() -> None:
    labels, truth = np.array([-1, 0, 1, -1]), np.array([0, 1, -1])
    assert figures([0, 1, 2, 3], labels, truth) == {"coverage": 1, "one_nn": 1, "linear_probe": 1}


def test_no_label_but_those_of_the_chosen_has_a_say() -> None:
    rng = np.random.default_rng(0)
    pool, validation = (rng.standard_normal((count, 8)).astype(np.float32) for count in (300, 50))
    labels, truth = rng.integers(4, size=300), rng.integers(4, size=50)
    chosen = rng.permutation(300)[:20]
    scrambled = np.where(np.isin(np.arange(300), chosen), labels, 3 - labels)
    first, again = (measured(pool, one, chosen, validation, truth, radius=1, device=CPU) for one in (labels, scrambled))
    assert first == again


@pytest.mark.parametrize(
    ("labels", "truth", "note"),
    [
        (np.full(4, -1), VALIDATION_LABELS, "no chosen image has a label"),
        (LABELS, np.full(3, -1), "no validation image has a label"),
    ],
)
def test_without_labels_accuracies_are_null_and_said_to_be(labels: np.ndarray, truth: np.ndarray, note: str) -> None:
    found, notes = measured(LINE, labels, np.array([0, 2]), VALIDATION, truth, radius=2, device=CPU)
    assert found == {"coverage": 0.75, "one_nn": None, "linear_probe": None}
    assert notes == [f"one_nn, linear_probe: {note}"]


def test_of_too_few_labels_no_accuracy_is_told() -> None:
    labels = np.where(np.arange(4) == 1, LABELS, -1)
    found, notes = measured(LINE, labels, np.array([0, 1, 2]), VALIDATION, VALIDATION_LABELS, radius=2, device=CPU)
    assert found["one_nn"] is found["linear_probe"] is None
    assert notes == ["one_nn, linear_probe: only 1 of 3 images chosen have a label"]


def test_no_validation_part_at_all() -> None:
    empty = (np.zeros((0, 2), np.float32), np.zeros(0, np.int64))
    found, notes = measured(LINE, LABELS, np.array([0, 2]), *empty, radius=2, device=CPU)
    assert found["one_nn"] is None and len(notes) == 1


def test_accuracies_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits
    from sklearn.neighbors import KNeighborsClassifier

    images, labels = load_digits(return_X_y=True)
    points, chosen = images.astype(np.float32), np.random.default_rng(0).permutation(1200)[:50]
    pool, validation = (points[:1200], labels[:1200]), (points[1200:], labels[1200:])
    found, _ = measured(*pool, chosen, *validation, radius=1, device=CPU)
    nearest = KNeighborsClassifier(1, metric="cosine").fit(pool[0][chosen], pool[1][chosen])
    assert found["one_nn"] == pytest.approx(nearest.score(*validation), abs=0.002)
    assert found["linear_probe"] == probe_accuracy(pool[0][chosen], pool[1][chosen], *validation)
    assert min(found["one_nn"], found["linear_probe"]) > 0.6


@pytest.mark.parametrize("count", [1, 2, 30])
def test_pools_of_few_images_and_of_equal_ones_have_a_radius_and_coverage_if_it_says_something(count: int) -> None:
    radius = common_radius(np.ones((count, 3), np.float32), np.arange(count), CPU)
    assert radius == 0
    same = np.ones((count, 3), np.float32)
    zeros = np.zeros(count, int)
    found, said = measured(same, zeros, np.array([0]), same, zeros, radius=radius, device=CPU)
    assert found == {"coverage": 1 if count == 1 else None, "one_nn": 1, "linear_probe": 1}
    assert said == ["coverage: most pictures have the same features as others; take another extractor"][: count - 1]
