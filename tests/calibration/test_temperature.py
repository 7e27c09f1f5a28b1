"""Temperature scaling beside scikit-learn's, and on probabilities whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from stages.calibration import temperature


def drawn(count: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax at temperature `spread`."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(count, 5)) * 3
    shares = temperature.probabilities(logits, spread)
    return logits, np.array([rng.choice(5, p=share) for share in shares])


@pytest.mark.parametrize("spread", [0.5, 1.0, 3.0])
def test_the_temperature_by_which_labels_were_drawn_is_found(spread: float) -> None:
    assert temperature.fit(*drawn(20_000, spread)) == pytest.approx(spread, rel=0.05)


def test_it_is_where_the_loss_is_least() -> None:
    from sklearn.metrics import log_loss

    logits, labels = drawn(300, 2.0)
    found = temperature.fit(logits, labels)
    losses = [log_loss(labels, temperature.probabilities(logits, found * factor)) for factor in (0.97, 1, 1.03)]
    assert losses[1] == min(losses)


def test_guesses_that_are_all_right_or_all_wrong_give_numbers() -> None:
    logits = np.eye(4)
    for labels in (np.arange(4), (np.arange(4) + 1) % 4):
        assert np.isfinite(temperature.probabilities(logits, temperature.fit(logits, labels))).all()
    assert temperature.fit(np.empty((0, 4)), np.empty(0, np.int64)) == 1


def test_honest_probabilities_have_no_calibration_error_and_bold_ones_have() -> None:
    logits, labels = drawn(50_000, 1.0)
    assert temperature.calibration_error(temperature.probabilities(logits, 1.0), labels) < 0.01
    assert temperature.calibration_error(temperature.probabilities(logits, 0.2), labels) > 0.1
    # two bins by hand: 0.9 twice, right once; 0.6 once, right
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])
    assert temperature.calibration_error(shares, np.array([0, 1, 0])) == pytest.approx((0.8 + 0.4) / 3)


def test_no_label_judges_the_temperature_that_it_fitted() -> None:
    logits, labels = drawn(100, 2.0)
    folds = np.arange(100) % 2
    one = temperature.crossed(logits, labels, folds)
    changed = np.where(folds == 0, (labels + 1) % 5, labels)
    other = temperature.crossed(logits, changed, folds)
    assert np.array_equal(one[folds == 0], other[folds == 0])
    assert not np.allclose(one[folds == 1], other[folds == 1])
