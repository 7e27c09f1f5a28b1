"""The probe against scikit-learn's own pipeline and against its formula, and what it does with too few labels."""

from __future__ import annotations

import numpy as np
import pytest

from stages.measures.linear_probe import STRENGTH, probe_accuracy


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    points, labels = images[order].astype(np.float32), labels[order].astype(np.int64)
    return points[:1000], labels[:1000], points[1000:], labels[1000:]


def clouds(count: int, seed: int = 0, dims: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Three classes that overlap, along the first three axes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return (np.eye(dims)[labels] + 0.6 * rng.standard_normal((count, dims))).astype(np.float32), labels


def by_formula(train: np.ndarray, labels: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """The accuracy at the minimum of what the docstring states, found by another optimiser in float64."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    middle, deviation = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    x, queries = ((part - middle) / deviation for part in (train, test))
    classes, dims = labels.max() + 1, x.shape[1]

    def loss(flat: np.ndarray) -> float:
        weights, bias = flat[: classes * dims].reshape(classes, dims), flat[classes * dims :]
        chances = log_softmax(x @ weights.T + bias, axis=1)[np.arange(len(x)), labels]
        return float(-chances.sum() + (weights**2).sum() * dims / (2 * STRENGTH))

    found = minimize(loss, np.zeros(classes * (dims + 1)), method="CG", options={"gtol": 1e-3, "maxiter": 2000}).x
    guesses = (queries @ found[: classes * dims].reshape(classes, dims).T + found[classes * dims :]).argmax(1)
    return float((guesses == truth).mean())


def test_is_the_minimum_of_its_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = clouds(120, 0, 30), clouds(2000, 1, 30)
    found = probe_accuracy(*train, *test)
    assert found == pytest.approx(by_formula(*train, *test), abs=0.002)
    # without the columns in it, the strength would be another
    monkeypatch.setattr("stages.measures.linear_probe.STRENGTH", STRENGTH * 30)
    assert probe_accuracy(*train, *test) != pytest.approx(found, abs=0.01)


@pytest.mark.parametrize("labels", [10, 100, 1000])
def test_is_scikit_learns_pipeline(labels: int, digits: tuple[np.ndarray, ...]) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, known, test, truth = digits
    varying = int((train[:labels].std(0) > 0).sum())
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH / varying, max_iter=5000, tol=1e-6))
    expected = model.fit(train[:labels].astype(np.float64), known[:labels]).score(test, truth)
    assert probe_accuracy(train[:labels], known[:labels], test, truth) == pytest.approx(expected, abs=0.01)
    assert expected > (0.25 if labels == 10 else 0.85)


def test_scale_shift_copies_and_constant_columns_change_nothing(digits: tuple[np.ndarray, ...]) -> None:
    train, known, test, truth = digits
    told = np.where(np.arange(len(known)) < 200, known, -1)
    wanted = probe_accuracy(train, told, test, truth)

    def changed(points: np.ndarray) -> np.ndarray:
        twice = np.concatenate([points * 64 + 4, points], axis=1)
        return np.concatenate([twice, np.full((len(points), 7), 3, np.float32)], axis=1)

    assert probe_accuracy(changed(train), told, changed(test), truth) == pytest.approx(wanted, abs=0.005)


def test_columns_that_never_vary_do_not_weaken_the_strength() -> None:
    """As of an extractor whose features are mostly dead: by their number the strength would be a thirtieth."""
    train, test = clouds(120, 0, 30), clouds(2000, 1, 30)

    def padded(points: np.ndarray) -> np.ndarray:
        return np.concatenate([points, np.full((len(points), 870), 3, np.float32)], axis=1)

    wanted = probe_accuracy(*train, *test)
    assert probe_accuracy(padded(train[0]), train[1], padded(test[0]), test[1]) == pytest.approx(wanted, abs=0.001)


def test_unknown_labels_are_left_out_on_both_sides(digits: tuple[np.ndarray, ...]) -> None:
    train, known, test, truth = digits
    some, others = np.arange(len(known)) % 5 == 0, np.arange(len(truth)) % 2 == 0
    wanted = probe_accuracy(train[some], known[some], test[others], truth[others])
    assert probe_accuracy(train, np.where(some, known, -1), test, np.where(others, truth, -1)) == wanted


def test_arrays_are_left_as_they_are(digits: tuple[np.ndarray, ...]) -> None:
    before = [part.copy() for part in digits]
    first, again = (probe_accuracy(*digits) for _ in range(2))
    assert first == again
    for part, copy in zip(digits, before, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_one_class_is_guessed_everywhere() -> None:
    points, labels = clouds(90)
    assert probe_accuracy(points[:1], labels[:1], points, labels) == pytest.approx(1 / 3)
    assert probe_accuracy(points, np.where(labels == 2, 2, -1), points, labels) == pytest.approx(1 / 3)


def test_classes_that_nobody_told_are_missed() -> None:
    points, labels = clouds(90)
    found = probe_accuracy(points, np.where(labels < 2, labels, -1), points, labels)
    assert found is not None and found < 2 / 3


@pytest.mark.parametrize(("train_known", "test_known"), [(0, 90), (90, 0), (0, 0)])
def test_nothing_to_learn_from_or_to_test_on_is_none(train_known: int, test_known: int) -> None:
    points, labels = clouds(90)
    places = np.arange(90)
    train, test = (np.where(places < count, labels, -1) for count in (train_known, test_known))
    found = probe_accuracy(points, train, points, test)
    assert found is None
    empty = (np.zeros((0, 5), np.float32), np.zeros(0, np.int64))
    assert probe_accuracy(points, labels, *empty) is None


def test_features_without_a_difference_give_the_most_frequent_class() -> None:
    labels = np.array([0, 1, 1, 1, 2])
    assert probe_accuracy(np.full((5, 3), 0.1, np.float32), labels, np.full((5, 3), 0.1, np.float32), labels) == 0.6
